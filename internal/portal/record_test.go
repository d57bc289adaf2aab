package portal

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// chronicled is a city whose record, law and registers have some life in them: two versions of the law, a device, guardians
// with real keys.
type chronicled struct {
	Config
	rec      *fakeRecord
	law      *fakeLaw
	first    *policy.Set
	second   *policy.Set // permits something new
	register *device.Register
	steward  note.Signer
	keys     map[string]ed25519.PrivateKey // of guardians
}

func newChronicled(t testing.TB) *chronicled {
	t.Helper()
	h := &chronicled{Config: testConfig(t), rec: &fakeRecord{quorum: true}}
	h.laws(t)
	h.devices(t)
	h.record(t)
	h.guardians(t)
	h.Config.Law, h.Config.Devices = h.law, h.register
	h.DeviceLeaf = func(id string) (uint64, bool) { return 4, id == "air-001" }
	return h
}

func (h *chronicled) laws(t testing.TB) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "law")
	skey, _ := testKey(t, "birmingham.example/steward")
	council, _ := testKey(t, "birmingham.example/council")
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub} {
		keys[a], _, _ = ed25519.GenerateKey(nil)
	}
	w, err := law.Write(dir, law.Config{City: "birmingham.example", Steward: skey, Council: council, Keys: keys, Now: now})
	check(t, err)
	files, err := policy.ReadFiles(dir)
	check(t, err)
	h.steward, err = note.NewSigner(skey)
	check(t, err)
	h.first, err = policy.Load(files, w.Trust)
	check(t, err)
	changed := maps.Clone(files)
	text, _ := protocol.SplitDocument(files["policies/planning.cedar"])
	text = strings.Replace(text, "<= 31", "<= 62", 1)
	changed["policies/planning.cedar"], err = protocol.SignDocument(text, h.steward)
	check(t, err)
	h.second, err = policy.Load(changed, w.Trust)
	check(t, err)
	h.law = &fakeLaw{set: h.second, sets: map[tribune.Hash]*policy.Set{h.first.Hash(): h.first, h.second.Hash(): h.second}}
	for _, m := range []tribune.Mandate{
		{ID: "parking-enforcement-2026", Purpose: "enforce-parking", Basis: "Decision of the city council on parking enforcement, under the Traffic Management Act 2004, part 6", Offices: []tribune.OfficeID{"parking-inspector"}, Classes: []tribune.ClassID{"parking-session"}, MaxSubjects: 50, From: now.AddDate(0, 0, -1), Until: now.AddDate(1, 0, 0)},
		{ID: "parking-enforcement-2025", Purpose: "enforce-parking", Basis: "Decision of the city council on parking enforcement (2025)", Offices: []tribune.OfficeID{"parking-inspector"}, Classes: []tribune.ClassID{"parking-session"}, MaxSubjects: 50, From: now.AddDate(-1, 0, 0), Until: now.AddDate(0, -1, 0)},
		{ID: "subject-access-2026", Purpose: "subject-access", Basis: "Right of access, General Data Protection Regulation, article 15", Offices: []tribune.OfficeID{"data-subject"}, Classes: []tribune.ClassID{"parking-session", "unclassified"}, MaxSubjects: 1, From: now.AddDate(0, 0, -1), Until: now.AddDate(1, 0, 0)},
	} {
		m.Issuer = "birmingham.example/council"
		h.law.mandates = append(h.law.mandates, m)
	}
}

const airDevice = `id = "air-001"
title = "Air, High Street"
kind = "sensor"
owner = "City Council, Environment"
contact = "air@birmingham.example"
place = { name = "High Street 1", longitude = -1.89, latitude = 52.48 }
need = "To warn schools when the air is bad."
alternative = "Nothing about you is sensed; no detour is needed."
cost = "180 pounds to buy, 40 a year"
fallback = "Readings by hand, twice a day"
cannot_sense = ["faces", "voices", "number plates"]
from = 2026-11-20
until = 2027-12-31
token_sha256 = "1111111111111111111111111111111111111111111111111111111111111111"

[[senses]]
title = "Fine dust"
name = "pm25"
entity = "urn:ngsi-ld:AirQualityObserved:high-street"
type = "https://uri.etsi.org/ngsi-ld/default-context/AirQualityObserved"
attribute = "https://uri.etsi.org/ngsi-ld/default-context/pm25"
unit = "ug/m3"
`

const barrierDevice = `id = "barrier-7"
title = "Barrier, Bull Ring"
kind = "gateway"
owner = "Parking Ltd"
contact = "Parking Ltd, 7 Moor Street"
place = { name = "Bull Ring, entrance", longitude = -1.8936, latitude = 52.4774 }
need = "To open for those who have paid."
alternative = "Take a paper ticket at the machine; it knows no plate."
cost = "12,000 pounds to buy, 900 a year"
fallback = "An attendant opens by hand"
cannot_sense = ["faces", "who is sitting in the car"]
from = 2026-11-20
until = 2027-06-30
token_sha256 = "2222222222222222222222222222222222222222222222222222222222222222"

[[senses]]
title = "Number plate"
name = "plate"
entity = "urn:ngsi-ld:ParkingSession:barrier-7"
type = "https://uri.etsi.org/ngsi-ld/default-context/ParkingSession"
attribute = "https://uri.etsi.org/ngsi-ld/default-context/licensePlate"
`

func (h *chronicled) devices(t testing.TB) {
	t.Helper()
	key, err := note.NewEd25519VerifierKey(h.steward.Name(), h.stewardKey())
	check(t, err)
	h.register, err = device.New(device.Config{Dir: t.TempDir(), Steward: key, City: "birmingham.example", Now: func() time.Time { return now }})
	check(t, err)
	h.add(t, airDevice)
	h.add(t, barrierDevice)
}

func (h *chronicled) stewardKey() ed25519.PublicKey {
	for _, s := range h.first.Signers() {
		if s.Name == h.steward.Name() {
			_, key, _ := protocol.PublicOf(s.Key)
			return key
		}
	}
	return nil
}

func (h *chronicled) add(t testing.TB, text string) {
	t.Helper()
	signed, err := protocol.SignDocument(text, h.steward)
	check(t, err)
	_, err = h.register.Add(signed)
	check(t, err)
}

// put adds a leaf of its own time, decided by a set.
func (h *chronicled) put(t testing.TB, at time.Time, set *policy.Set, l protocol.Leaf) uint64 {
	t.Helper()
	l.Version, l.Act.ID, l.Act.Time, l.Decision.Set = protocol.Version, protocol.NewID(), protocol.Time(at), set.Hash()
	data, err := l.Encode()
	check(t, err)
	h.rec.leaves = append(h.rec.leaves, data)
	return uint64(len(h.rec.leaves) - 1)
}

func (h *chronicled) publish(t testing.TB, at time.Time, set *policy.Set) {
	t.Helper()
	l := plain(tribune.ActLaw, "data-hub", "hub-publishes")
	l.Public = json.RawMessage(fmt.Sprintf(`{"set":%q}`, set.Hash()))
	h.put(t, at, set, l)
}

func plain(kind tribune.ActKind, office tribune.OfficeID, policies ...string) protocol.Leaf {
	return protocol.Leaf{Act: protocol.Act{Kind: kind, Office: office}, Decision: tribune.Decision{Permit: true, Policies: policies, Missing: []string{}}, Tags: []tribune.Tag{}}
}

func (h *chronicled) record(t testing.TB) {
	t.Helper()
	day := now.AddDate(0, 0, -3)
	h.put(t, day, h.first, plain(tribune.ActCeremony, "data-hub"))
	h.publish(t, day, h.first)
	read := leaf(tribune.ActRead, true)
	read.Decision.Policies, read.Tags = []string{"inspector-looks-up-sessions"}, []tribune.Tag{{1, 2, 3}}
	h.put(t, day.Add(time.Hour), h.first, read)
	enrol := plain(tribune.ActEnrol, "data-hub", "hub-enrols")
	enrol.Act.Count, enrol.Act.Purpose, enrol.Act.Mandate = 12, "keep-trace", "trace-keeping-2026"
	h.put(t, day.Add(time.Hour), h.first, enrol)
	h.put(t, day.Add(2*time.Hour), h.first, plain(tribune.ActDevice, "data-hub", "hub-publishes"))
	h.put(t, day.Add(3*time.Hour), h.first, plain(tribune.ActAppoint, "data-hub", "hub-publishes"))
	h.publish(t, now.Add(-26*time.Hour), h.second)
	denied := leaf(tribune.ActRead, false, "the mandate parking-enforcement-2025 ended 2026-10-22")
	denied.Act.Mandate = "parking-enforcement-2025"
	denied.Decision.Policies = []string{"floor-mandate"}
	h.put(t, now.Add(-25*time.Hour), h.second, denied)
	refusals := plain(tribune.ActRefusals, "data-hub")
	refusals.Public = json.RawMessage(`{"count":17,"day":"2026-11-21"}`)
	h.put(t, now.Add(-10*time.Hour), h.second, refusals)
	h.put(t, now.Add(-time.Hour), h.second, read)
	power := leaf(tribune.ActDecide, true)
	power.Decision.Policies = []string{"inspector-issues-notice"}
	h.put(t, now.Add(-time.Minute), h.second, power)
}

// signedRecord is a record whose checkpoint is signed by log and guardians.
type signedRecord struct {
	*fakeRecord
	note []byte
}

func (r signedRecord) Checkpoint() []byte { return r.note }

func (h *chronicled) guardians(t testing.TB) {
	t.Helper()
	logKey, logVerifier := testKey(t, "birmingham.example/record")
	log, err := note.NewSigner(logKey)
	check(t, err)
	signers := []note.Signer{log}
	group := protocol.Group{City: "birmingham.example", N: 4, T: 2, W: 3}
	h.keys = map[string]ed25519.PrivateKey{}
	for i, name := range []string{"ombudsman.example", "court.example", "university.example", "press-council.example"} {
		skey, vkey := testKey(t, name)
		group.Guardians = append(group.Guardians, protocol.Member{Index: i + 1, Name: name, Key: vkey})
		h.keys[name], err = protocol.SeedOf(skey)
		check(t, err)
		if i < 3 {
			cosigner, err := f_note.NewSignerForCosignatureV1(skey)
			check(t, err)
			signers = append(signers, cosigner)
		}
	}
	text, err := group.TrustFile(logVerifier, f_note.VKeyToCosignatureV1)
	check(t, err)
	head, err := note.Sign(&note.Note{Text: fmt.Sprintf("birmingham.example/record\n%d\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", len(h.rec.leaves))}, signers...)
	check(t, err)
	h.Group = func() *protocol.Group { return &group }
	h.Trust = func() ([]byte, error) { return []byte(text), nil }
	h.Releases = func(_ context.Context, i uint64) ([]protocol.Statement, error) {
		var out []protocol.Statement
		for _, name := range []string{"ombudsman.example", "court.example"} {
			s := protocol.Statement{Guardian: name, Leaf: protocol.LeafHash(h.rec.leaves[i]), Time: now.Unix()}
			s.Sign(h.keys[name])
			out = append(out, s)
		}
		return out, nil
	}
	h.Config.Record = signedRecord{h.rec, head}
}

func testKey(t testing.TB, name string) (skey, vkey string) {
	t.Helper()
	skey, vkey, err := protocol.NewKey(name)
	check(t, err)
	return skey, vkey
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
