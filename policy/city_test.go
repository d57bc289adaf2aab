package policy_test

import (
	"crypto/ed25519"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// now is when the tests play: the demo city's law was written a moment ago.
var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const city = "https://uri.etsi.org/ngsi-ld/default-context/"

// demo is the demo city's law with the keys that signed it, so that tests can amend it.
type demo struct {
	trust                   policy.Trust
	files                   map[string][]byte // of the set
	mandates, appointments  map[string][]byte // by id and actor
	steward, council, court string            // secret keys
	auditor                 string            // secret key
	keys                    map[tribune.ActorID]ed25519.PrivateKey
	salts                   [][]byte // open whom the warrant names: suspect alone
	dir                     string
}

func newDemo(t testing.TB) *demo {
	t.Helper()
	d := &demo{dir: filepath.Join(t.TempDir(), "law"), mandates: map[string][]byte{}, appointments: map[string][]byte{}}
	d.steward, d.council = newKey(t, "birmingham.example/steward"), newKey(t, "birmingham.example/council")
	d.court = newKey(t, "birmingham.example/court")
	d.auditor, d.keys = newKey(t, "birmingham.example/model-auditor"), map[tribune.ActorID]ed25519.PrivateKey{}
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub, law.Investigator, law.Dispatcher, law.OtherDispatcher} {
		keys[a], d.keys[a], _ = ed25519.GenerateKey(nil)
	}
	w, err := law.Write(d.dir, law.Config{City: "birmingham.example", Steward: d.steward, Council: d.council, Court: d.court, Keys: keys, Now: now, Vital: true, Auditor: d.auditor, Model: tribune.Hash{1}, Plan: tribune.Hash{2}, Named: []tribune.Pseudonym{suspect}})
	if err != nil {
		t.Fatal(err)
	}
	d.trust, d.salts = w.Trust, w.Salts
	if d.files, err = policy.ReadFiles(d.dir); err != nil {
		t.Fatal(err)
	}
	for folder, into := range map[string]map[string][]byte{policy.DirMandates: d.mandates, policy.DirAppointments: d.appointments} {
		names, err := filepath.Glob(filepath.Join(d.dir, folder, "*.toml"))
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s: %v", folder, err)
		}
		for _, name := range names {
			if into[strings.TrimSuffix(filepath.Base(name), ".toml")], err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d
}

func newKey(t testing.TB, name string) string {
	t.Helper()
	skey, _, err := protocol.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return skey
}

func sign(t testing.TB, text, skey string) []byte {
	t.Helper()
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := protocol.SignDocument(text, s)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// amended is a copy of the set's files with old replaced by new in one file, signed again. old = "" appends.
func (d *demo) amended(t testing.TB, file, old, new string) map[string][]byte {
	t.Helper()
	files := maps.Clone(d.files)
	text, _ := protocol.SplitDocument(files[file])
	if old == "" {
		text += new
	} else {
		if !strings.Contains(text, old) {
			t.Fatalf("%s does not contain %q", file, old)
		}
		text = strings.Replace(text, old, new, 1)
	}
	files[file] = sign(t, text, d.steward)
	return files
}

// unpinned is the trust without the floors' hash, for tests that amend them.
func (d *demo) unpinned() policy.Trust {
	t := d.trust
	t.Floors = tribune.Hash{}
	return t
}

func load(t testing.TB, files map[string][]byte, trust policy.Trust) *policy.Set {
	t.Helper()
	set, err := policy.Load(files, trust)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// lookup is the inspector's everyday act with its evidence.
func (d *demo) lookup() (tribune.Act, tribune.Evidence) {
	act := tribune.Act{
		ID: "00000000000000000000000000000001", Kind: tribune.ActRead, Count: 1, At: now,
		Caller: tribune.Caller{Actor: law.Inspector, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026"},
		Scope:  tribune.Scope{Class: "parking-session", Window: tribune.Window{From: now.AddDate(0, 0, -30), Until: now}},
	}
	return act, tribune.Evidence{Mandate: d.mandates["parking-enforcement-2026"], Appointment: d.appointments[string(law.Inspector)]}
}

// enrolment is the hub's everyday act.
func (d *demo) enrolment() (tribune.Act, tribune.Evidence) {
	act := tribune.Act{
		ID: "00000000000000000000000000000002", Kind: tribune.ActEnrol, Count: 256, At: now,
		Caller: tribune.Caller{Actor: law.Hub, Office: "data-hub", Purpose: "keep-trace", Mandate: "trace-keeping-2026"},
	}
	return act, tribune.Evidence{Mandate: d.mandates["trace-keeping-2026"], Appointment: d.appointments[string(law.Hub)]}
}

// study is the planner's everyday act.
func (d *demo) study() (tribune.Act, tribune.Evidence) {
	act, _ := d.lookup()
	act.Caller = tribune.Caller{Actor: law.Planner, Office: "planner", Purpose: "plan-city", Mandate: "mobility-study-2026"}
	act.Count = 200
	act.Scope.Attrs = []tribune.Name{city + "refParking", city + "startedAt"}
	return act, tribune.Evidence{Mandate: d.mandates["mobility-study-2026"], Appointment: d.appointments[string(law.Planner)]}
}
