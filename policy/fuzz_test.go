package policy_test

import (
	"reflect"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// FuzzDecideEvidence mangles documents: only the two that were really signed may ever permit.
func FuzzDecideEvidence(f *testing.F) {
	d := newDemo(f)
	set := load(f, d.files, d.trust)
	act, good := d.lookup()
	f.Add(good.Mandate, good.Appointment)
	f.Add(good.Appointment, good.Mandate)
	f.Add([]byte("id = \"x\"\n\n\u2014 birmingham.example/council AAAA\n"), []byte{})
	want, err := set.Mandate(good.Mandate)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, mandate, appointment []byte) {
		evidence := tribune.Evidence{Mandate: mandate, Appointment: appointment}
		got := set.Decide(act, evidence)
		if again := set.Decide(act, evidence); !reflect.DeepEqual(got, again) {
			t.Errorf("decided twice: %+v, then %+v", got, again)
		}
		if !got.Permit {
			if len(got.Missing) == 0 {
				t.Error("denied without a reason")
			}
			return
		}
		m, err := set.Mandate(mandate)
		if err != nil || !reflect.DeepEqual(m, want) {
			t.Errorf("permitted by another mandate: %+v, %v", m, err)
		}
	})
}

// FuzzLoad replaces one file of the set, properly signed: whatever a steward writes, loading must not fall over, and
// what loads must decide.
func FuzzLoad(f *testing.F) {
	d := newDemo(f)
	names := []string{policy.FileCity, policy.FileClasses, policy.FilePurposes, policy.FileOffices, policy.FileFloors, "policies/parking.cedar", "policies/planning.cedar"}
	for i, name := range names {
		text, _ := protocol.SplitDocument(d.files[name])
		f.Add(uint8(i), text)
	}
	f.Add(uint8(5), "@id(\"a\")@because(\"b\")permit(principal,action,resource)when{----1==1};\n")
	signer, err := note.NewSigner(d.steward)
	if err != nil {
		f.Fatal(err)
	}
	act, evidence := d.lookup()
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		files := map[string][]byte{}
		for k, v := range d.files {
			files[k] = v
		}
		doc, err := protocol.SignDocument(text, signer)
		if err != nil {
			return // not a text that can be signed
		}
		files[names[int(which)%len(names)]] = doc
		set, err := policy.Load(files, d.unpinned())
		if err != nil {
			if tribune.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
			return
		}
		if got := set.Decide(act, evidence); got.Permit != (len(got.Missing) == 0) {
			t.Errorf("got %+v", got)
		}
		if ok, why := policy.Tightens(set, set); !ok {
			t.Errorf("a set does not tighten itself: %s", why)
		}
	})
}

// FuzzMandateText reads hostile TOML: what is accepted has a name, a purpose, and an end after its beginning.
func FuzzMandateText(f *testing.F) {
	d := newDemo(f)
	for _, doc := range d.mandates {
		text, _ := protocol.SplitDocument(doc)
		f.Add(text)
	}
	f.Add("id=\"a\"\nID=\"b\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, bad := policy.MandateText("mandate", text)
		if len(bad) > 0 {
			return
		}
		if m.ID == "" || m.Purpose == "" || len(m.Offices) == 0 || !m.Until.After(m.From) || m.MaxSubjects < 1 {
			t.Errorf("accepted %+v", m)
		}
		if again, _ := policy.MandateText("mandate", text); !reflect.DeepEqual(m, again) {
			t.Errorf("read twice: %+v, then %+v", m, again)
		}
	})
}

// FuzzAppointmentText does the same for appointments.
func FuzzAppointmentText(f *testing.F) {
	d := newDemo(f)
	for _, doc := range d.appointments {
		text, _ := protocol.SplitDocument(doc)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, bad := policy.AppointmentText("appointment", text)
		if len(bad) == 0 && (a.Actor == "" || a.Office == "" || len(a.Key) != 32 || !a.Until.After(a.From)) {
			t.Errorf("accepted %+v", a)
		}
	})
}
