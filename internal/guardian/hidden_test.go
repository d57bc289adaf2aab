package guardian

import (
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
	chain := w.enrolment([]protocol.Subject{{P: anna, IDs: []tribune.Identity{w.hiddenOf(anna)}}})
	hidden := w.open(chain, w.build(chain))[0]
	if err := ibe.VerifyKey(w.group.Seal.Key, w.hiddenOf(anna).Bytes(testCity), hidden); err != nil {
		t.Fatalf("enrolment gave a key of the hidden chain that does not verify: %v", err)
	}
	yesterday := tribune.DayOf(time.Now()) - 1
	reading := func(p tribune.Pseudonym, n uint64) *act { // under the warrant
		c := w.reading([]protocol.Subject{{P: p, N: n, IDs: []tribune.Identity{session(p, yesterday, tribune.WholeDay)}}}, traces)
		ap := w.appoint[law.Investigator]
		c.caller = tribune.Caller{Actor: law.Investigator, Office: "investigator", Purpose: "investigate-crime", Mandate: "warrant-2026-17"}
		c.priv.Actor = law.Investigator
		c.evidence = tribune.Evidence{Mandate: w.doc("mandates/warrant-2026-17.toml"), Appointment: ap.doc, AppointmentSalt: ap.salt, AppointmentIndex: ap.index}
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
	for _, c := range []struct {
		name   string
		act    func() *act
		hidden [][]byte
		want   string
	}{
		{"marked in the trace, which would tip the person off or nobody", func() *act { return reading(anna, 1) }, [][]byte{hidden}, "is not that of use 1"},
		{"without a key of the chain", func() *act { return under(reading(anna, 1), hidden) }, nil, "0 keys of hidden chains for 1 subjects"},
		{"under a key that is nobody's", func() *act { return under(reading(ben, 1), hidden) }, [][]byte{hidden}, "does not belong to its subject"},
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

// furtherWarrant is the demo's warrant changed into one that extends it, disclosed in a quarter, signed by skey.
func (w *world) furtherWarrant(quarter, extends, skey string) []byte {
	w.t.Helper()
	text, _ := protocol.SplitDocument(w.doc("mandates/warrant-2026-17.toml"))
	text = strings.Replace(text, `id = "warrant-2026-17"`, `id = "warrant-2026-18"`+"\n"+extends, 1)
	text = regexp.MustCompile(`disclose = .*`).ReplaceAllString(text, `disclose = "`+quarter+`"`)
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

// A hub may publish what it likes: an extension counts for what its warrant allows, by the court's signature.
func TestExtensionCountsForWhatTheCourtHasSigned(t *testing.T) {
	w := newWorld(t)
	w.found()
	q := w.hiddenOf(tribune.Pseudonym{}).Quarter
	end, later := protocol.QuarterEnd(q), protocol.QuarterEnd(q+1)
	extends := `extends = "warrant-2026-17"`
	for i, c := range []struct {
		name    string
		warrant []byte
		until   time.Time
		opens   time.Time
	}{
		{"longer than the court has signed", w.furtherWarrant(protocol.Quarter(q+1), extends, w.court), later.AddDate(0, 0, 1), end},
		{"as the court has signed it", w.furtherWarrant(protocol.Quarter(q+1), extends, w.court), later, later},
		{"once more, for somebody else, by a warrant about one person", w.furtherWarrant(protocol.Quarter(q+1), extends, w.court), later, end},
		{"signed by the council", w.furtherWarrant(protocol.Quarter(q+1), extends, w.council), later, end},
		{"the first warrant, which extends nothing", w.doc("mandates/warrant-2026-17.toml"), later, end},
		{"a warrant for uses", w.furtherWarrant(protocol.Quarter(q+1), "", w.court), later, end},
		{"no warrant", nil, later, end},
	} {
		id := w.hiddenOf(tribune.Pseudonym{byte(i + 1)})
		public, err := protocol.JCS(protocol.Extension{Chain: protocol.HiddenChain(testCity, id), Until: c.until.Format(time.DateOnly), Warrant: c.warrant})
		if err != nil {
			t.Fatal(err)
		}
		w.publishLeaf(w.housekeeping(tribune.ActExtension, tribune.Hash{}, public))
		if got := w.guards[2].hidden.Until(testCity, id); !got.Equal(c.opens) {
			t.Errorf("%s: the chain opens %s, want %s", c.name, got.Format(time.DateOnly), c.opens.Format(time.DateOnly))
		}
	}
}
