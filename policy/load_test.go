package policy_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

func TestLoadSaysFileLineAndWhatToDo(t *testing.T) {
	d := newDemo(t)
	tests := []struct {
		file, old, new string
		want           string // in the first problem
	}{
		{"classes.toml", `id = "car-park"`, `id = "Car Park"`, `class id "Car Park" cannot be used`},
		{"classes.toml", `id = "car-park"`, `id = "parking-session"`, `class parking-session is there twice`},
		{"classes.toml", `id = "car-park"`, `id = "unclassified"`, `class unclassified is there twice`},
		{"classes.toml", `keep = "30d"`, ``, `class parking-session is personal and kept without an end`},
		{"classes.toml", `keep = "30d"`, `keep = "a while"`, `class parking-session is kept for "a while"`},
		{"classes.toml", `subject_type = "plate"`, ``, `class parking-session does not say what kind of name its subject is`},
		{"classes.toml", `"city:licensePlate", `, ``, `class parking-session does not cover the attribute that names its subject`},
		{"classes.toml", `"city:synthetic"`, `"city:driver"`, `both claim attribute driver of type ParkingSession`},
		{"classes.toml", `"city:synthetic"`, `"town:synthetic"`, `"town:synthetic" is not an IRI and its prefix is not declared`},
		{"classes.toml", `personal = true`, `personel = true`, `the key "personel" means nothing here`},
		{"classes.toml", `personal = true`, "personal = false\nPersonal = true", `the key "Personal" is not spelled as keys are`},
		{"classes.toml", `personal = true`, `personal = "yes"`, `cannot be read`},
		{"classes.toml", `[[class]]`, `[[class]`, `cannot be read`},
		{"classes.toml", `attribute = "city:driver"`, `attribute = "city:colour"`, `class parking-session lets attribute colour be looked up, which it does not cover`},
		{"classes.toml", `attribute = "city:driver"`, `attribute = "city:licensePlate"`, `which names its subject`},
		{"classes.toml", `purposes = ["enforce-parking"]`, ``, `lets attribute driver be looked up for no purpose`},
		{"classes.toml", `purposes = ["enforce-parking"]`, `purposes = ["enforce-parcing"]`, `be looked up for purpose "enforce-parcing", which is not in the register`},
		{"classes.toml", `purposes = ["enforce-parking"]`, `purposes = ["enforce-parking", "enforce-parking"]`, `names purpose "enforce-parking" twice`},
		{"classes.toml", lookUps, lookUps + lookUps, `lets attribute driver be looked up twice`},
		{"classes.toml", `attrs = ["city:synthetic"]`, "attrs = [\"city:synthetic\"]\n[[class.equality]]\nattribute = \"city:synthetic\"\npurposes = [\"plan-city\"]", `is public but lets attribute synthetic be looked up`},
		{"purposes.toml", `dpv = "dpv:RecordManagement"`, ``, `purpose keep-trace has no DPV term`},
		{"purposes.toml", `dpv = "dpv:RecordManagement"`, `dpv = "https://example.org/x"`, `not one of the W3C Data Privacy Vocabulary`},
		{"purposes.toml", `description = "To check whether a parked vehicle has paid, and to follow up where it has not."`, ``, `purpose enforce-parking has no title or no description`},
		{"offices.toml", `until = 2027-11-22`, ``, `office parking-inspector has no end`},
		{"offices.toml", `until = 2027-11-22`, `until = 2027-11-22T10:00:00`, `a time needs its zone`},
		{"offices.toml", `acts_per_hour = 600`, `acts_per_hour = -1`, `hourly limits of office parking-inspector are out of range`},
		{"city.toml", `signs = ["registers"]`, `signs = ["everything"]`, `which does not exist`},
		{"city.toml", `signs = ["registers"]`, `signs = ["mandates"]`, `the steward's pinned key is not among the signers of registers`},
		{"city.toml", `signs = ["registers"]`, `signs = ["registers", "appointments"]`, `would sign appointments beside the pinned council`},
		{"floors.cedar", `Nobody may score people.`, `Nobody should score people.`, `it is not the floor that was fixed at the ceremony`},
		{"policies/parking.cedar", `@id("inspector-looks-up-sessions")`, ``, `a policy has no usable @id`},
		{"policies/parking.cedar", `@until("2027-11-22")`, ``, `policy inspector-looks-up-sessions permits without an end`},
		{"policies/parking.cedar", `@until("2027-11-22")`, `@until("always")`, `its @until is not a day or time`},
		{"policies/parking.cedar", `@because("A parking inspector may issue a penalty notice; the person can object to it.")`, ``, `policy inspector-issues-notice gives no reason`},
		{"policies/parking.cedar", `@id("inspector-issues-notice")`, `@id("hub-enrols")`, `policy hub-enrols is already in policies/parking.cedar`},
		{"policies/parking.cedar", `Office::"parking-inspector"`, `Office::"parking-inspektor"`, `speaks of Office::"parking-inspektor", which is not in the registers`},
		{"policies/parking.cedar", `Class::"parking-session"`, `Class::"parking-sesion"`, `speaks of Class::"parking-sesion", which is not in the registers`},
		{"policies/parking.cedar", `Action::"read"`, `Action::"peek"`, `does not hold together`},
		{"policies/parking.cedar", `context.windowDays`, `context.windowWeeks`, `does not hold together`},
		{"policies/parking.cedar", `context.windowDays <= 31`, `context.windowDays <= "31"`, `does not hold together`},
		{"policies/parking.cedar", `context.windowDays <= 31`, `context.mandate.maxSubjects <= 31`, `does not hold together`},
		{"policies/parking.cedar", `context.purpose == "enforce-parking"`, `context.purpose == "enforce-parcing"`, `speaks of purpose "enforce-parcing", which is not in the register`},
		{"policies/parking.cedar", `permit (`, `permitt (`, `cannot be read`},
		{"floors.cedar", "forbid (\n", "permit (\n", `policy floor-mandate permits`},
	}
	for _, tt := range tests {
		t.Run(tt.file+" "+tt.new, func(t *testing.T) {
			files := d.amended(t, tt.file, tt.old, tt.new)
			_, err := policy.Load(files, d.trust)
			var problems policy.Problems
			if !errors.As(err, &problems) || !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
				t.Fatalf("got error %v, want Problems with a hint", err)
			}
			found := false
			for _, p := range problems {
				if strings.Contains(p.What, tt.want) {
					found = true
					text, _ := protocol.SplitDocument(files[tt.file])
					if p.Line < 0 || p.Line > strings.Count(text, "\n")+1 {
						t.Errorf("line %d is outside the file", p.Line)
					}
					if p.Line == 0 && tt.file != "city.toml" && !strings.Contains(tt.want, "ceremony") {
						t.Errorf("no line in %s", p)
					}
				}
			}
			if !found {
				t.Errorf("got %q, want one with %q", problems, tt.want)
			}
		})
	}
}

func TestLoadRefusesFilesNotSignedByTheSteward(t *testing.T) {
	d := newDemo(t)
	other := newKey(t, "birmingham.example/steward")
	for name := range d.files {
		text, _ := protocol.SplitDocument(d.files[name])
		for what, doc := range map[string][]byte{
			"unsigned": []byte(text), "signed by the council": sign(t, text, d.council), "signed by another key of that name": sign(t, text, other),
			"altered": []byte(strings.Replace(string(d.files[name]), "a", "b", 1)),
		} {
			files := maps.Clone(d.files)
			files[name] = doc
			if _, err := policy.Load(files, d.trust); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: got error %v", name, what, err)
			}
		}
	}
}

func TestLoadRefusesOtherFiles(t *testing.T) {
	d := newDemo(t)
	for _, name := range []string{"tokens.toml", "policies/../../x.cedar", "policies/A.cedar", "policies/a.txt", "policies/\xff.cedar", ""} {
		files := maps.Clone(d.files)
		files[name] = sign(t, "# nothing\n", d.steward)
		if _, err := policy.Load(files, d.trust); err == nil {
			t.Errorf("%q was taken into the set", name)
		}
	}
	for name := range d.files {
		files := maps.Clone(d.files)
		delete(files, name)
		_, err := policy.Load(files, d.trust)
		if mayLack := strings.HasPrefix(name, "policies/") || name == policy.FileModels; mayLack != (err == nil) {
			t.Errorf("without %s: got error %v", name, err)
		}
	}
}

func TestHashNamesEveryByteAndPath(t *testing.T) {
	d := newDemo(t)
	want := policy.HashFiles(d.files)
	for name, data := range d.files {
		files := maps.Clone(d.files)
		files[name] = append([]byte("#"), data...)
		if policy.HashFiles(files) == want {
			t.Errorf("a changed %s has the same hash", name)
		}
		delete(files, name)
		files["policies/z.cedar"] = data
		if policy.HashFiles(files) == want {
			t.Errorf("a moved %s has the same hash", name)
		}
	}
	got := policy.HashFiles(map[string][]byte{"a": []byte("x"), "b": nil}).String()
	// printf 'tribune/v1/law\0{"a":"<sha256 of x>","b":"<sha256 of nothing>"}' | sha256sum
	if want := "25c88012cce7c4989db6a72681830c56d05ec7293ceb80810044e2052d58ff11"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestClassOf(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	const parking, road, carPark = tribune.Name(city + "ParkingSession"), tribune.Name("https://smartdatamodels.org/dataModel.Transportation/Road"), tribune.Name(city + "OffStreetParking")
	tests := []struct {
		types []tribune.Name
		attr  string
		want  tribune.ClassID
	}{
		{[]tribune.Name{parking}, city + "licensePlate", "parking-session"},
		{[]tribune.Name{parking}, city + "synthetic", "session-public"},
		{[]tribune.Name{parking}, city + "phone", tribune.ClassUnclassified},
		{[]tribune.Name{carPark}, city + "availableSpotNumber", "car-park"},
		{[]tribune.Name{carPark}, "https://uri.etsi.org/ngsi-ld/location", "car-park"},
		{[]tribune.Name{carPark}, city + "attendant", tribune.ClassUnclassified},
		{[]tribune.Name{road}, city + "anything", "open-data-examples"},
		{[]tribune.Name{city + "Unheard"}, city + "name", tribune.ClassUnclassified},
		{nil, city + "name", tribune.ClassUnclassified},
		{[]tribune.Name{road, parking}, city + "licensePlate", "parking-session"},       // a public type beside it opens nothing
		{[]tribune.Name{road, parking}, city + "phone", tribune.ClassUnclassified},      // neither does its "*"
		{[]tribune.Name{carPark, parking}, city + "name", tribune.ClassUnclassified},    // a session's name may be a person's
		{[]tribune.Name{carPark, city + "Unheard"}, city + "name", "car-park"},          // listed by name
		{[]tribune.Name{road, city + "Unheard"}, city + "x", tribune.ClassUnclassified}, // not listed by name
	}
	for _, tt := range tests {
		if got := set.ClassOf(tt.types, tribune.Name(tt.attr)); got.ID != tt.want {
			t.Errorf("%v %s: got %s, want %s", tt.types, tt.attr, got.ID, tt.want)
		}
		for i, j := 0, len(tt.types)-1; i < j; i, j = i+1, j-1 {
			tt.types[i], tt.types[j] = tt.types[j], tt.types[i]
		}
		if got := set.ClassOf(tt.types, tribune.Name(tt.attr)); got.ID != tt.want {
			t.Errorf("%v %s: order matters: got %s, want %s", tt.types, tt.attr, got.ID, tt.want)
		}
	}
	if got := set.ClassOf([]tribune.Name{parking}, city+"driver"); !got.Personal || got.SubjectType != "plate" || got.Subject != city+"licensePlate" {
		t.Errorf("got %+v", got)
	}
	if got := set.ClassOf(nil, "x"); !got.Personal || got.Subject != "" || got.SubjectType != "entity" {
		t.Errorf("unclassified must be sealed for the entity, got %+v", got)
	}
}

func TestListedAttributeWinsOverStar(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.amended(t, "classes.toml", `"city:synthetic"`, `"*"`), d.trust)
	for attr, want := range map[string]tribune.ClassID{"driver": "parking-session", "other": "session-public"} {
		if got := set.ClassOf([]tribune.Name{city + "ParkingSession"}, tribune.Name(city+attr)); got.ID != want {
			t.Errorf("%s: got %s, want %s", attr, got.ID, want)
		}
	}
}

func TestOpenMandateAndAppointment(t *testing.T) {
	d := newDemo(t)
	m, err := policy.OpenMandate(d.mandates["parking-enforcement-2025"], d.trust)
	if err != nil || m.MaxSubjects != 50 || m.Until.Format("2006-01-02T15:04:05Z") != "2026-01-01T00:00:00Z" {
		t.Errorf("got %+v, %v: the last day counts as a whole", m, err)
	}
	a, err := policy.OpenAppointment(d.appointments["hub"], d.trust)
	if err != nil || a.Office != "data-hub" || len(a.Key) != 32 || a.Issuer != "birmingham.example/council" {
		t.Errorf("got %+v, %v", a, err)
	}
	for name, doc := range map[string][]byte{"tampered": append([]byte("#"), d.mandates["parking-enforcement-2025"]...), "an appointment": d.appointments["hub"], "empty": nil} {
		if _, err := policy.OpenMandate(doc, d.trust); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

func BenchmarkClassOf(b *testing.B) {
	d := newDemo(b)
	set := load(b, d.files, d.trust)
	types := []tribune.Name{city + "ParkingSession"}
	for b.Loop() {
		if set.ClassOf(types, city+"driver").ID != "parking-session" {
			b.Fatal("wrong class")
		}
	}
}

func ExampleFinding() {
	fmt.Println(policy.Finding{File: "offices.toml", Line: 4, Level: policy.LevelError, What: "office mayor has no end", Do: "add until"})
	// Output: offices.toml:4: error: office mayor has no end (add until)
}
