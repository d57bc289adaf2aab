package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune/policy"
	"tribune/protocol"
)

func TestCheckExplainsEveryFile(t *testing.T) {
	d := newDemo(t)
	findings := policy.CheckAt(d.dir, now)
	for _, want := range []string{
		"parking-session (Parking sessions: which vehicle stood where, from when until when) is personal and sealed",
		"it is about whom licensePlate names (a plate) and kept 30 days",
		"enforce-parking (Parking enforcement): To check whether a parked vehicle has paid",
		"parking-inspector (Parking inspector) may: look up the parking sessions of a vehicle; issue a penalty notice; explain a use of data to the person. It ends on 2027-11-22",
		"inspector-looks-up-sessions permits, until it ends on 2027-11-22: A parking inspector may see",
		"floor-emotion forbids: Nobody may have a machine guess what people feel",
		"mandate parking-enforcement-2026 lets parking-inspector use parking-session for enforce-parking, at most 50 people in one act, until it ends on 2027-11-22",
		"mandate parking-enforcement-2025 ended on 2025-12-31",
		"inspector-ward holds office parking-inspector",
		"birmingham.example/council signs mandates and appointments",
	} {
		if !contains(findings, want) {
			t.Errorf("not explained: %q", want)
		}
	}
}

func contains(findings []policy.Finding, want string) bool {
	for _, f := range findings {
		if strings.Contains(f.What, want) {
			return true
		}
	}
	return false
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	tests := []struct {
		file, old, new string
		signed         string // by whom the change is signed: "steward", "council", "" = the old signature stays, "nobody"
		want           string
	}{
		{"offices.toml", "600", "601", "", "it is not as it was signed, or not signed by birmingham.example/steward"},
		{"offices.toml", "600", "601", "nobody", "it is not signed"},
		{"purposes.toml", `dpv = "dpv:RecordManagement"`, "", "steward", "purpose keep-trace has no DPV term"},
		{"purposes.toml", "practices = []", `practices = ["ai:EmotionRecognition"]`, "steward", "purpose enforce-parking can never be used: floor-emotion forbids it"},
		{"policies/parking.cedar", `@until("2027-11-22")`, `@until("2026-11-01")`, "steward", "policy inspector-looks-up-sessions ended on 2026-11-01"},
		{"policies/parking.cedar", `@until("2027-11-22")`, `@until("2026-12-01")`, "steward", "policy inspector-looks-up-sessions ends soon, on 2026-12-01"},
		{"policies/parking.cedar", `Office::"parking-inspector"`, `Office::"parking-inspektor"`, "steward", "which is not in the registers"},
		{"policies/parking.cedar", "context.windowDays", "context.windowWeeks", "steward", "does not hold together"},
		{"mandates/warrant-2026-17.toml", "until = 2026-12-21", "until = 2026-11-21", "court", "policy investigator-reads-under-warrant cannot be used: no mandate in force names office investigator for class parking-session"},
		{"offices.toml", "until = 2027-11-22", "until = 2026-11-01", "steward", "policy inspector-looks-up-sessions can never apply: its office ended on 2026-11-01"},
		{"classes.toml", `"city:synthetic"`, `"city:driver"`, "steward", "both claim attribute driver"},
		{"mandates/mobility-study-2026.toml", `"plan-city"`, `"plan-town"`, "council", `is for purpose "plan-town", which is not in the register`},
		{"mandates/mobility-study-2026.toml", `["planner"]`, `["planer"]`, "council", `is for office "planer", which is not in the register`},
		{"mandates/mobility-study-2026.toml", `["parking-session"]`, `["parking"]`, "council", `covers class "parking", which is not in the register`},
		{"mandates/mobility-study-2026.toml", "1000", "1001", "", "the mandate's signature is not by its issuer birmingham.example/council"},
		{"mandates/mobility-study-2026.toml", "1000", "1001", "steward", "the mandate's signature is not by its issuer birmingham.example/council"},
		{"mandates/mobility-study-2026.toml", "mobility-study-2026", "mobility-study-2027", "council", "the file is not named like its mandate"},
		{"mandates/mobility-study-2026.toml", "basis", "bases", "council", `the key "bases" means nothing here`},
		{"appointments/planner-hale.toml", "planner", "plumber", "council", "the file is not named like its actor"},
		{"appointments/planner-hale.toml", `office = "planner"`, `office = "plumber"`, "council", `the office "plumber" is not in the register`},
		{"appointments/planner-hale.toml", "2027-11-22", "2026-11-30", "council", "the appointment ends soon, on 2026-11-30"},
	}
	for _, tt := range tests {
		t.Run(tt.file+" "+tt.new, func(t *testing.T) {
			d := newDemo(t)
			name := filepath.Join(d.dir, tt.file)
			doc, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(doc), tt.old) {
				t.Fatalf("%s does not contain %q", tt.file, tt.old)
			}
			doc = []byte(strings.Replace(string(doc), tt.old, tt.new, 1))
			text, _ := protocol.SplitDocument(doc)
			switch tt.signed {
			case "steward":
				doc = sign(t, text, d.steward)
			case "council":
				doc = sign(t, text, d.council)
			case "court":
				doc = sign(t, text, d.court)
			case "nobody":
				doc = []byte(text)
			}
			if err := os.WriteFile(name, doc, 0o600); err != nil {
				t.Fatal(err)
			}
			findings := policy.CheckAt(d.dir, now)
			if !contains(findings, tt.want) {
				for _, f := range findings {
					if f.Level != policy.LevelNote {
						t.Log(f)
					}
				}
				t.Errorf("not found: %q", tt.want)
			}
		})
	}
}

func TestCheckOfNoLaw(t *testing.T) {
	findings := policy.CheckAt(t.TempDir(), time.Now())
	if !contains(findings, "it is missing") {
		t.Errorf("got %v", findings)
	}
}
