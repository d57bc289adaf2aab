package guardian

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/ibe"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// suspect is whom the demo's warrant names.
var suspect = tribune.Pseudonym{1}

// hiddenOf is the identity of the hidden chain of the demo's warrant.
func (w *world) hiddenOf(p tribune.Pseudonym) tribune.Identity {
	w.t.Helper()
	text, _ := protocol.SplitDocument(w.doc("mandates/warrant-2026-17.toml"))
	m, bad := policy.MandateText("warrant", text)
	if len(bad) > 0 {
		w.t.Fatal(bad)
	}
	return tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: m.Disclose}
}

func TestUnderAWarrantUsesAreMarkedInTheHiddenChainAndNowhereElse(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna, ben := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	traces := w.enrol(anna, ben)
	hidden := w.hiddenChain(anna)
	if err := ibe.VerifyKey(w.group.Seal.Key, w.hiddenOf(anna).Bytes(testCity), hidden); err != nil {
		t.Fatalf("enrolment gave a key of the hidden chain that does not verify: %v", err)
	}
	yesterday := tribune.DayOf(time.Now()) - 1
	reading := func(p tribune.Pseudonym, n uint64) *act { // under the warrant
		c := w.reading([]protocol.Subject{{P: p, N: n, IDs: []tribune.Identity{session(p, yesterday, tribune.WholeDay)}}}, traces)
		ap := w.appoint[law.Investigator]
		c.caller = tribune.Caller{Actor: law.Investigator, Office: "investigator", Purpose: "investigate-crime", Mandate: "warrant-2026-17"}
		c.priv.Actor = law.Investigator
		c.spoilLeaf = func(l *protocol.Leaf) { // by a hub that says so, whatever the law says
			l.Decision = tribune.Decision{Permit: true, Policies: []string{"investigator-reads-under-warrant"}, Missing: []string{}, Set: w.set.Hash()}
		}
		c.evidence = tribune.Evidence{Mandate: w.doc("mandates/warrant-2026-17.toml"), Appointment: ap.doc, AppointmentSalt: ap.salt, AppointmentIndex: ap.index, Names: w.salts}
		return c
	}
	under := func(c *act, d []byte) *act { // marks the use with another key
		k, err := protocol.TraceKey(d)
		if err != nil {
			t.Fatal(err)
		}
		c.tags = []tribune.Tag{protocol.UseTag(k, c.priv.Subjects[0].N)}
		return c
	}
	hiddenBen := w.hiddenChain(ben)
	changed := func(c *act, change func(*act)) *act {
		change(c)
		return c
	}
	for _, c := range []struct {
		name   string
		act    func() *act
		hidden [][]byte
		want   string
	}{
		{"about somebody whom the warrant does not name", func() *act { return under(reading(ben, 1), hiddenBen) }, [][]byte{hiddenBen}, "does not name everybody"},
		{"about somebody else, in the name of whom it names", func() *act {
			return changed(under(reading(anna, 1), hidden), func(c *act) { c.priv.Subjects[0].IDs[0].Pseudonym = ben })
		}, [][]byte{hidden}, "another subject"},
		{"that says of nobody whom it touches", func() *act {
			return changed(under(reading(anna, 1), hidden), func(c *act) {
				c.priv.Subjects, c.evidence.Names, c.spoilAct = []protocol.Subject{}, nil, func(a *protocol.Act) { a.Count = 1 }
			})
		}, nil, "subjects"},
		{"without what opens the warrant's name", func() *act {
			return changed(under(reading(anna, 1), hidden), func(c *act) { c.evidence.Names = nil })
		}, [][]byte{hidden}, "does not name everybody"},
		{"under a warrant that names nobody", func() *act {
			return changed(under(reading(anna, 1), hidden), func(c *act) { c.evidence.Mandate = w.unnamed() })
		}, [][]byte{hidden}, "does not name whom it is about"},
		{"marked in the trace, which would tip the person off or nobody", func() *act { return reading(anna, 1) }, [][]byte{hidden}, "is not that of use 1"},
		{"without a key of the chain", func() *act { return under(reading(anna, 1), hidden) }, nil, "0 keys of hidden chains for 1 subjects"},
		{"under somebody else's chain", func() *act { return under(reading(anna, 1), hiddenBen) }, [][]byte{hiddenBen}, "does not belong to its subject"},
		{"under the trace key in the chain's place", func() *act { return reading(anna, 1) }, [][]byte{traces[anna]}, "does not belong to its subject"},
		{"by an inspector, who has no warrant", func() *act {
			return under(w.reading([]protocol.Subject{{P: anna, N: 1, IDs: []tribune.Identity{session(anna, yesterday, tribune.WholeDay)}}}, traces), hidden)
		}, [][]byte{hidden}, "its mandate is no warrant"},
	} {
		req := w.build(c.act())
		req.Hidden = c.hidden
		if no, _ := w.ask(1, req); !strings.Contains(no, c.want) {
			t.Errorf("%s: %q, want %q", c.name, no, c.want)
		}
	}
	// The attempts above have used up numbers on record: the next in the hidden chain is the first that is not there.
	n := uint64(1)
	k, err := protocol.TraceKey(hidden)
	if err != nil {
		t.Fatal(err)
	}
	for ; ; n++ {
		if _, used := w.guards[0].index.first(protocol.UseTag(k, n)); !used {
			break
		}
	}
	honest := under(reading(anna, n), hidden)
	req := w.build(honest)
	req.Hidden = [][]byte{hidden}
	if keys := w.open(honest, req); len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
}

func TestOnlyComingQuartersHiddenChainsAreEnrolled(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p := tribune.Pseudonym{7}
	q := protocol.QuarterOf(now)
	for _, c := range []struct {
		id   tribune.Identity
		want bool
	}{
		{tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q}, true},
		{tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q + enrolAhead}, true},
		{tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q - 1}, false},
		{tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q + enrolAhead + 1}, false},
		{tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: tribune.Pseudonym{8}, Quarter: q}, false},
		{tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q, Class: "parking-session"}, false},
		{tribune.Identity{Kind: tribune.IdentitySubject, Pseudonym: p, Quarter: q}, false},
	} {
		if got := enrolsHidden(c.id, p, now); got != c.want {
			t.Errorf("%+v: %v", c.id, got)
		}
	}
}

// hiddenChain enrols a person's hidden chain, and returns D.
func (w *world) hiddenChain(p tribune.Pseudonym) []byte {
	w.t.Helper()
	chain := w.enrolment([]protocol.Subject{{P: p, IDs: []tribune.Identity{w.hiddenOf(p)}}})
	return w.open(chain, w.build(chain))[0]
}

// unnamed is the demo's warrant without names, signed by the court.
func (w *world) unnamed() []byte {
	text, _ := protocol.SplitDocument(w.doc("mandates/warrant-2026-17.toml"))
	return w.signAs(w.court, regexp.MustCompile(`names = .*`).ReplaceAllString(text, ""))
}

func (w *world) signAs(skey, text string) []byte {
	w.t.Helper()
	signer, err := note.NewSigner(skey)
	if err != nil {
		w.t.Fatal(err)
	}
	doc, err := protocol.SignDocument(text, signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// furtherSalt opens the name of the chain in furtherWarrant.
var furtherSalt = bytes.Repeat([]byte{7}, protocol.SaltSize)

// furtherWarrant is the demo's warrant changed into one that extends it for a person's chain, disclosed in a quarter, signed by skey.
func (w *world) furtherWarrant(quarter, extends, skey string, p tribune.Pseudonym) []byte {
	w.t.Helper()
	text, _ := protocol.SplitDocument(w.doc("mandates/warrant-2026-17.toml"))
	text = strings.Replace(text, `id = "warrant-2026-17"`, `id = "warrant-2026-18"`+"\n"+extends, 1)
	text = regexp.MustCompile(`disclose = .*`).ReplaceAllString(text, `disclose = "`+quarter+`"`)
	name := protocol.WarrantChain(testCity, "warrant-2026-18", furtherSalt, protocol.HiddenChain(testCity, w.hiddenOf(p)))
	text = regexp.MustCompile(`names = .*`).ReplaceAllString(text, `names = ["`+name.String()+`"]`)
	return w.signAs(skey, text)
}

// A hub may publish what it likes: an extension counts for what its warrant allows, by the court's signature.
func TestExtensionCountsForWhatTheCourtHasSigned(t *testing.T) {
	w := newWorld(t)
	w.found()
	q := w.hiddenOf(tribune.Pseudonym{}).Quarter
	end, later := protocol.QuarterEnd(q), protocol.QuarterEnd(q+1)
	extends := `extends = "warrant-2026-17"`
	next := protocol.Quarter(q + 1)
	person := func(i int) tribune.Pseudonym { return tribune.Pseudonym{byte(i + 1)} }
	for i, c := range []struct {
		name    string
		warrant []byte
		salt    []byte
		until   time.Time
		opens   time.Time
	}{
		{"longer than the court has signed", w.furtherWarrant(next, extends, w.court, person(0)), furtherSalt, later.AddDate(0, 0, 1), end},
		{"as the court has signed it", w.furtherWarrant(next, extends, w.court, person(1)), furtherSalt, later, later},
		{"for somebody whom the warrant does not name", w.furtherWarrant(next, extends, w.court, person(1)), furtherSalt, later, end},
		{"for whom it names, by another salt", w.furtherWarrant(next, extends, w.court, person(3)), protocol.NewSalt(), later, end},
		{"for whom it names, without the salt", w.furtherWarrant(next, extends, w.court, person(4)), nil, later, end},
		{"signed by the council", w.furtherWarrant(next, extends, w.council, person(5)), furtherSalt, later, end},
		{"the first warrant, which extends nothing", w.doc("mandates/warrant-2026-17.toml"), w.salts[0], later, end},
		{"a warrant for uses", w.furtherWarrant(next, "", w.court, person(7)), furtherSalt, later, end},
		{"no warrant", nil, furtherSalt, later, end},
	} {
		id := w.hiddenOf(person(i))
		public, err := protocol.JCS(protocol.Extension{Chain: protocol.HiddenChain(testCity, id), Until: c.until.Format(time.DateOnly), Salt: c.salt, Warrant: c.warrant})
		if err != nil {
			t.Fatal(err)
		}
		w.publishLeaf(w.housekeeping(tribune.ActExtension, tribune.Hash{}, public))
		if got := w.guards[2].hidden.Until(testCity, id); !got.Equal(c.opens) {
			t.Errorf("%s: the chain opens %s, want %s", c.name, got.Format(time.DateOnly), c.opens.Format(time.DateOnly))
		}
	}
}
