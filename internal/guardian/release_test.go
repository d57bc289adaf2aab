package guardian

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/law"
	"tribune/protocol"
)

func TestOnlyExactlyWhatTheActMayOpenIsReleased(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna, ben := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	traces := w.enrol(anna, ben)
	for p, d := range traces {
		id := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: p}
		if err := ibe.VerifyKey(w.group.Seal.Key, id.Bytes(testCity), d); err != nil {
			t.Fatalf("enrolment gave a key that does not verify: %v", err)
		}
	}
	now := time.Now()
	today, second := tribune.DayOf(now), tribune.SecondOf(now)
	closed := second - min(second, 60)
	next := map[tribune.Pseudonym]uint64{anna: 1, ben: 1}
	honest := func() *act {
		return w.reading([]protocol.Subject{
			{P: anna, N: next[anna], IDs: []tribune.Identity{session(anna, today, closed), session(anna, today-1, tribune.WholeDay)}},
			{P: ben, N: next[ben], IDs: []tribune.Identity{session(ben, today-3, 70000)}},
		}, traces)
	}
	retag := func(c *act) { // after a subject's number was changed
		for i, s := range c.priv.Subjects {
			k, err := protocol.TraceKey(c.traces[i])
			if err != nil {
				t.Fatal(err)
			}
			c.tags[i] = protocol.UseTag(k, s.N)
		}
	}
	lie := func(c *act) { // a hub that does not care what its gate says
		c.spoilLeaf = func(l *protocol.Leaf) { l.Decision.Permit, l.Decision.Missing = true, []string{} }
	}
	ids := func(c *act, ids ...tribune.Identity) { c.priv.Subjects[0].IDs = ids }

	tests := []struct {
		name   string
		spoil  func(*act)
		ask    func(*protocol.Request)
		unused bool // the leaf does not carry the next use numbers
		want   string
	}{
		{name: "nothing spoiled"},
		{name: "wide release: more than the leaf commits to", want: "do not fit the leaf's commitment", ask: func(r *protocol.Request) {
			var p protocol.Private
			if err := json.Unmarshal(r.Private, &p); err != nil {
				t.Fatal(err)
			}
			p.Subjects[0].IDs = append(p.Subjects[0].IDs, session(anna, today-2, tribune.WholeDay))
			r.Private, _ = protocol.JCS(p)
		}},
		{name: "wrong private", want: "do not fit the leaf's commitment", ask: func(r *protocol.Request) { r.Private = bytes.Replace(r.Private, []byte(`"n":`), []byte(`"n":1`), 1) }},
		{name: "wrong salt", want: "do not fit the leaf's commitment", ask: func(r *protocol.Request) { r.Salt = protocol.NewSalt() }},
		{name: "other evidence", want: "do not fit the leaf's input hash", ask: func(r *protocol.Request) { r.Evidence.Mandate = w.doc("mandates/mobility-study-2026.toml") }},
		{name: "another subject's identity", want: "another subject", spoil: func(c *act) { ids(c, session(ben, today-1, tribune.WholeDay)) }},
		{name: "another class", want: "another class", spoil: func(c *act) {
			id := session(anna, today-1, tribune.WholeDay)
			id.Class = "unclassified"
			ids(c, id)
		}},
		{name: "a trace identity in a reading", want: "subject identities only", spoil: func(c *act) { ids(c, tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: anna}) }},
		{name: "an identity with a stray field", want: "subject identities only", spoil: func(c *act) {
			id := session(anna, today-1, tribune.WholeDay)
			id.Quarter = 7
			ids(c, id)
		}},
		{name: "a segment of the future", want: "had not begun", spoil: func(c *act) {
			c.priv.Inputs.Until = protocol.Time(now.AddDate(0, 0, 1))
			later := now.Add(2 * time.Hour)
			ids(c, session(anna, tribune.DayOf(later), tribune.SecondOf(later)))
		}},
		{name: "the whole of today", want: "only when the day is over", spoil: func(c *act) { ids(c, session(anna, today, tribune.WholeDay)) }},
		{name: "the whole of tomorrow", want: "only when the day is over", spoil: func(c *act) { ids(c, session(anna, today+1, tribune.WholeDay)) }},
		{name: "a segment that is none", want: "no second of a day", spoil: func(c *act) { ids(c, session(anna, today-1, 86400)) }},
		{name: "a segment before the window", want: "outside the act's window", spoil: func(c *act) { ids(c, session(anna, today-31, 10)) }},
		{name: "a segment after the window", want: "outside the act's window", spoil: func(c *act) {
			c.priv.Inputs.Until = protocol.Time(now.AddDate(0, 0, -2))
			ids(c, session(anna, today-1, 80000))
		}},
		{name: "a day before the window", want: "outside the act's window", spoil: func(c *act) { ids(c, session(anna, today-32, tribune.WholeDay)) }},
		{name: "a subject twice", want: "named twice", unused: true, spoil: func(c *act) {
			c.priv.Subjects[1] = c.priv.Subjects[0]
			c.traces[1] = c.traces[0]
			c.priv.Subjects[1].N++
			retag(c)
			c.tags[0][0]++ // so that the true numbers stay free
			c.tags[1][0]++
		}},
		{name: "nothing to open", want: "opens nothing", spoil: func(c *act) { ids(c); c.priv.Subjects[1].IDs = nil }},
		{name: "a skipped tag", want: "is not on record before use", unused: true, spoil: func(c *act) { c.priv.Subjects[0].N += 1; retag(c); c.tags[1][0]++ }},
		{name: "a reused tag", want: "was marked before", unused: true, spoil: func(c *act) { c.priv.Subjects[0].N = 1; retag(c); c.tags[1][0]++ }},
		{name: "use number 0", want: "begin with 1", unused: true, spoil: func(c *act) { c.priv.Subjects[0].N = 0; retag(c); c.tags[1][0]++ }},
		{name: "a tag that is not the subject's", want: "is not that of use", unused: true, spoil: func(c *act) { c.tags[0][5]++; c.tags[1][5]++ }},
		{name: "a missing tag", want: "1 tags and 2 trace keys for 2 subjects", unused: true, spoil: func(c *act) { c.tags = c.tags[:1]; c.tags[0][5]++ }},
		{name: "another's trace key", want: "does not belong to its subject", ask: func(r *protocol.Request) { r.Traces[0] = r.Traces[1] }},
		{name: "a trace key that is no point", want: "does not belong to its subject", ask: func(r *protocol.Request) { r.Traces[0] = make([]byte, 48) }},
		{name: "an expired mandate", want: "has ended", spoil: func(c *act) {
			c.caller.Mandate = "parking-enforcement-2025"
			c.evidence.Mandate = w.doc("mandates/parking-enforcement-2025.toml")
			lie(c)
		}},
		{name: "another mandate's document", want: "not the one the act names", spoil: func(c *act) { c.evidence.Mandate = w.doc("mandates/parking-enforcement-2025.toml"); lie(c) }},
		{name: "a forged mandate", want: "the mandate's signature", spoil: func(c *act) {
			c.evidence.Mandate = bytes.Replace(c.evidence.Mandate, []byte("= 50"), []byte("= 51"), 1)
			lie(c)
		}},
		{name: "too wide a window for the policy", want: "the law does not permit", spoil: func(c *act) { c.priv.Inputs.From = protocol.Time(now.AddDate(0, 0, -40)); lie(c) }},
		{name: "a denial dressed as a permit", want: "the law does not permit", spoil: func(c *act) {
			c.caller.Purpose = "plan-city"
			lie(c)
		}},
		{name: "an honest denial", want: "was denied", spoil: func(c *act) { c.caller.Purpose = "plan-city" }},
		{name: "other policies than decided", want: "another decision", spoil: func(c *act) {
			c.spoilLeaf = func(l *protocol.Leaf) { l.Decision.Policies = []string{"hub-enrols"} }
		}},
		{name: "another policy set", want: "was decided under policy set", spoil: func(c *act) { c.spoilLeaf = func(l *protocol.Leaf) { l.Decision.Set[0]++ } }},
		{name: "an act nobody signed", want: "not signed with the key", spoil: func(c *act) { c.spoilLeaf = func(l *protocol.Leaf) { l.Signature[3]++ } }},
		{name: "the hub signs for the officer", want: "not signed with the key", spoil: func(c *act) {
			c.spoilLeaf = func(l *protocol.Leaf) { l.Signature, _ = l.Act.Sign(w.keys[law.Hub]) }
		}},
		{name: "the hub under its own appointment", want: "to another office", spoil: func(c *act) {
			c.priv.Actor = law.Hub
			ap := w.appoint[law.Hub]
			c.evidence.Appointment, c.evidence.AppointmentSalt, c.evidence.AppointmentIndex = ap.doc, ap.salt, ap.index
			lie(c)
		}},
		{name: "an appointment not on record", want: "not on record before", spoil: func(c *act) { c.evidence.AppointmentIndex = 1 << 40 }},
		{name: "an appointment elsewhere on record", want: "is none", spoil: func(c *act) { c.evidence.AppointmentIndex = 0 }},
		{name: "an appointment under another salt", want: "not the one on record", spoil: func(c *act) { c.evidence.AppointmentSalt = protocol.NewSalt() }},
		{name: "another actor's appointment", want: "somebody else's", spoil: func(c *act) {
			ap := w.appoint[law.Planner]
			c.evidence.Appointment, c.evidence.AppointmentSalt, c.evidence.AppointmentIndex = ap.doc, ap.salt, ap.index
			lie(c)
		}},
		{name: "two co-signatures only", want: "the receipt does not verify", spoil: func(c *act) { c.signers = []int{0, 1} }},
		{name: "three co-signatures", spoil: func(c *act) { c.signers = []int{1, 2, 3} }},
		{name: "an altered leaf", want: "the receipt does not verify", ask: func(r *protocol.Request) { r.Receipt = spoilExtra(t, r.Receipt) }},
		{name: "an act dated ten minutes back", want: "is older than", spoil: func(c *act) { c.at = now.Add(-10 * time.Minute) }},
		{name: "an act of the future", want: "of the future", spoil: func(c *act) { c.at = now.Add(5 * time.Minute) }},
		{name: "an act of power", want: "opens nothing", spoil: func(c *act) { c.kind = tribune.ActDecide }},
		{name: "no recipient", want: "names no recipient", spoil: func(c *act) { c.spoilAct = func(a *protocol.Act) { a.Recipient = []byte{} } }},
		{name: "a recipient of small order", want: "recipient's key cannot be used", spoil: func(c *act) { c.spoilAct = func(a *protocol.Act) { a.Recipient = make([]byte, 32) } }},
		{name: "another count", want: "2 subjects, but the leaf says 1", spoil: func(c *act) { c.spoilAct = func(a *protocol.Act) { a.Count = 1 } }},
		{name: "nothing spoiled, at the end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := honest()
			if test.spoil != nil {
				test.spoil(c)
			}
			req := w.build(c)
			if !test.unused {
				next[anna]++
				next[ben]++
			}
			if test.ask != nil {
				test.ask(&req)
			}
			var answers []protocol.Answer
			for i := range w.guards {
				reason, a := w.ask(i, req)
				if test.want == "" && a == nil {
					t.Errorf("guardian %d refuses: %s", i, reason)
				} else if test.want != "" && !strings.Contains(reason, test.want) {
					t.Errorf("guardian %d says %q, want a refusal with %q", i, reason, test.want)
				}
				if a != nil {
					answers = append(answers, *a)
				}
			}
			if test.want != "" {
				return
			}
			for from := range 3 { // any two of them make the keys
				if _, err := w.combine(c, answers[from:from+2]); err != nil {
					t.Errorf("guardians %d and %d: %v", from, from+1, err)
				}
			}
			other, err := protocol.NewRecipient()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := other.OpenShares(answers[0].Box, answers[0].Statement.Leaf, answers[0].Statement.Epoch); err == nil {
				t.Error("another recipient opens the shares")
			}
		})
	}
}

func spoilExtra(t *testing.T, receipt []byte) []byte {
	t.Helper()
	at := bytes.Index(receipt, []byte("extra ")) + 200
	out := bytes.Clone(receipt)
	if out[at] == 'A' {
		out[at] = 'B'
	} else {
		out[at] = 'A'
	}
	return out
}

// subjectOnce is one subject's reading with the next use number n.
func (w *world) subjectOnce(p tribune.Pseudonym, n uint64, traces map[tribune.Pseudonym][]byte) *act {
	return w.reading([]protocol.Subject{{P: p, N: n, IDs: []tribune.Identity{session(p, tribune.DayOf(time.Now())-1, tribune.WholeDay)}}}, traces)
}

func TestReceiptReplayedLaterIsRefusedEvenUnderAFreshCheckpoint(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{7}
	traces := w.enrol(p)
	c := w.subjectOnce(p, 1, traces)
	req := w.build(c)
	for range 2 { // asked again within minutes: the same keys, to the same recipient
		w.open(c, req)
	}
	w.later(4 * time.Minute)
	if reason := w.askAt(0, req, w.guards[0].now()); reason != "" {
		t.Errorf("after 4 minutes: %s", reason)
	}
	w.later(6 * time.Minute)
	w.publishLeaf(w.housekeeping(tribune.ActDecide, tribune.Hash{}, nil))
	fresh := req
	fresh.Receipt = w.log.Receipt(c.index, w.log.Size(), w.cosign())
	for name, r := range map[string]protocol.Request{"the old receipt": req, "the same leaf under a fresh checkpoint": fresh} {
		for i := range w.guards {
			// The hub's own clock must not matter: its header is fresh.
			reason := w.askAt(i, r, w.guards[i].now())
			if !strings.Contains(reason, "older than") {
				t.Errorf("%s, guardian %d: got %q, want a refusal for its age", name, i, reason)
			}
		}
	}
}

func TestGuardianWhoseClockIsOffRefuses(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{7}
	traces := w.enrol(p)
	req := w.build(w.subjectOnce(p, 1, traces))
	for _, ahead := range []time.Duration{-2 * time.Minute, 2 * time.Minute} {
		w.guards[0].ahead.Store(int64(ahead))
		for _, g := range w.guards {
			g.clock.poll(context.Background())
		}
		if reason := w.askAt(0, req, w.guards[0].now()); !strings.Contains(reason, "clock is 2m0s from the other guardians'") {
			t.Errorf("%v ahead: got %q, want a refusal for its clock", ahead, reason)
		}
		if reason, _ := w.ask(1, req); reason != "" {
			t.Errorf("one clock %v off keeps another guardian from releasing: %s", ahead, reason)
		}
	}
	// Cut off from the others, the checkpoint's co-signature times are all it has.
	w.guards[0].clock.offsets = map[string]offset{}
	w.guards[0].ahead.Store(int64(-2 * time.Minute))
	if reason := w.askAt(0, req, w.guards[0].now()); !strings.Contains(reason, "from the times in the checkpoint") {
		t.Errorf("cut off, behind: got %q", reason)
	}
	w.guards[0].ahead.Store(0)
	if reason, _ := w.ask(0, req); reason != "" {
		t.Errorf("cut off, clock right: %s", reason)
	}
}

func TestVetoByOneIsNamedAndByThreeStops(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{7}
	traces := w.enrol(p)
	c := w.subjectOnce(p, 1, traces)
	req := w.build(c)
	veto := func(i int, text string) {
		if err := os.WriteFile(filepath.Join(w.guards[i].cfg.Dir, vetoFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	veto(0, "[[veto]]\nmandate = \"parking-enforcement-2026\"\noffice = \"planner\"\n")
	if reason, _ := w.ask(0, req); reason != "" {
		t.Errorf("a veto of another office: %s", reason)
	}
	suspended := "[[veto]]\nmandate = \"parking-enforcement-2026\"\nreason = \"The court has suspended it.\"\n"
	veto(0, suspended)
	if reason, _ := w.ask(0, req); !strings.Contains(reason, "veto by ombudsman.example: The court has suspended it.") {
		t.Errorf("veto: got %q", reason)
	}
	w.open(c, req) // the other three release
	veto(1, suspended)
	veto(2, "office = ")
	if reason, _ := w.ask(2, req); !strings.Contains(reason, "veto list has a mistake") {
		t.Errorf("a veto list that cannot be read: got %q", reason)
	}
	_, err := w.client.Release(context.Background(), req, 2)
	if err == nil || !isVeto(err) || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("three of four withhold: got %v, want ErrVetoed with the reason", err)
	}
	for i := range 3 {
		if err := os.Remove(filepath.Join(w.guards[i].cfg.Dir, vetoFile)); err != nil {
			t.Fatal(err)
		}
	}
	w.open(c, req)
}

func TestEnrolmentOpensTracesOnly(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{9}
	trace := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: p}
	for name, test := range map[string]struct {
		subject protocol.Subject
		spoil   func(*act)
		want    string
	}{
		"as it should be":   {subject: protocol.Subject{P: p, IDs: []tribune.Identity{trace}}},
		"a parking session": {subject: protocol.Subject{P: p, IDs: []tribune.Identity{session(p, 20000, tribune.WholeDay)}}, want: "one trace identity"},
		"a session besides": {subject: protocol.Subject{P: p, IDs: []tribune.Identity{trace, session(p, 20000, tribune.WholeDay)}}, want: "one trace identity"},
		"another's trace":   {subject: protocol.Subject{P: p, IDs: []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: tribune.Pseudonym{8}}}}, want: "one trace identity"},
		"a hidden identity": {subject: protocol.Subject{P: p, IDs: []tribune.Identity{{Kind: tribune.IdentityHidden, Pseudonym: p}}}, want: "one trace identity"},
		"a use number":      {subject: protocol.Subject{P: p, N: 1, IDs: []tribune.Identity{trace}}, want: "one trace identity"},
		"a tag":             {subject: protocol.Subject{P: p, IDs: []tribune.Identity{trace}}, spoil: func(c *act) { c.tags = []tribune.Tag{{1}} }, want: "carries no tags"},
		"a class":           {subject: protocol.Subject{P: p, IDs: []tribune.Identity{trace}}, spoil: func(c *act) { c.priv.Inputs.Class = "parking-session" }, want: "the leaf says that the act was denied"},
		"by the parking inspector": {subject: protocol.Subject{P: p, IDs: []tribune.Identity{trace}}, spoil: func(c *act) {
			c.caller.Office, c.priv.Actor = "parking-inspector", law.Inspector
			ap := w.appoint[law.Inspector]
			c.evidence.Appointment, c.evidence.AppointmentSalt, c.evidence.AppointmentIndex = ap.doc, ap.salt, ap.index
			c.spoilLeaf = func(l *protocol.Leaf) { l.Decision.Permit, l.Decision.Missing = true, []string{} }
		}, want: "the law does not permit"},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.enrolment([]protocol.Subject{test.subject})
			if test.spoil != nil {
				test.spoil(c)
			}
			reason, a := w.ask(0, w.build(c))
			if (test.want == "") != (a != nil) || !strings.Contains(reason, test.want) {
				t.Errorf("got %q, want %q", reason, test.want)
			}
		})
	}
}

// Who holds the log and a subject's trace key can put tags on record that are not that subject's turn. Then uses are
// counted from behind them, and the subject can still be asked about: every number is accepted once its turn has come.
func TestSquattedTagsDoNotBlockASubject(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{11}
	traces := w.enrol(p)
	k, err := protocol.TraceKey(traces[p])
	if err != nil {
		t.Fatal(err)
	}
	squat := protocol.Leaf{Version: 1, Tags: []tribune.Tag{protocol.UseTag(k, 2), protocol.UseTag(k, 4)}, Signature: make([]byte, 64),
		Act:      protocol.Act{ID: protocol.NewID(), Kind: "decide", Count: 2, Time: protocol.Time(time.Now())},
		Decision: tribune.Decision{Policies: []string{}, Missing: []string{}}}
	raw, err := squat.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.publishLeaf(raw)
	for _, use := range []struct {
		n    uint64
		want string // refusal
	}{
		{2, "use 2 was marked before"}, {5, "use 1 is not on record before use 5"}, {1, ""}, {3, ""}, {6, ""}, // 5 is on record since it was refused
	} {
		if reason, _ := w.ask(0, w.build(w.subjectOnce(p, use.n, traces))); !strings.Contains(reason, use.want) || (reason == "") != (use.want == "") {
			t.Errorf("use %d: got %q, want %q", use.n, reason, use.want)
		}
	}
}

// A use number may be as large as JSON's integers are exact; looking for its predecessors must end at the first gap.
func TestHugeUseNumberCostsNothing(t *testing.T) {
	x := newIndex(time.Now)
	k := make([]byte, protocol.TraceKeySize)
	const n = 1<<53 - 1
	var l protocol.Leaf
	l.Tags = []tribune.Tag{protocol.UseTag(k, n), protocol.UseTag(k, 1)}
	x.add(7, l)
	start := time.Now()
	if err := x.prefix(k, n, l.Tags[0], 7); err == nil {
		t.Error("a use without its predecessors is accepted")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// An appointment whose leaf says that it was denied appoints nobody, although the council signed the document.
func TestDeniedAppointmentAppointsNobody(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{12}
	traces := w.enrol(p)
	ap := w.appoint[law.Inspector]
	com, err := protocol.Commitment(ap.salt, ap.doc)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := protocol.DecodeLeaf(w.housekeeping(tribune.ActAppoint, com, nil))
	if err != nil {
		t.Fatal(err)
	}
	leaf.Decision.Permit = false
	raw, err := leaf.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c := w.subjectOnce(p, 1, traces)
	c.evidence.AppointmentIndex, _ = w.publishLeaf(raw)
	if reason, _ := w.ask(0, w.build(c)); !strings.Contains(reason, "the leaf named for the appointment is none") {
		t.Errorf("got %q", reason)
	}
}
