package portal

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/policy"
	"tribune/protocol"
)

// LawState is where the law stands: every leaf of kind law as the hub judges it, by the guardians' rule, and what lies in the steward's
// folder and is not announced.
type LawState struct {
	Rulings  []policy.Ruling
	Reigns   []policy.Reign
	Needed   int // approvals for a loosening
	Proposal *LawProposal
	Stuck    *LawStuck // nil = nothing is
}

// LawStuck is a set that counts by the record and the hub's clock, and that too few guardians go by.
type LawStuck struct {
	Set       *policy.Set
	Leaf      uint64
	Since     time.Time // it should have been in force
	Guardians []string  // who go by it
	Needed    int
	Never     bool // so many go by another law that it cannot come
}

// Hint is what the steward can do.
func (s LawStuck) Hint() string {
	how := "wait for the guardians, or put the old files back, or: tribune law withdraw --key FILE " + s.Set.Hash().String()
	if s.Never {
		how = "it will not come, the guardians have passed it over. Put the old files back, or: tribune law withdraw --key FILE " + s.Set.Hash().String()
	}
	return how
}

// LawProposal is a set that is neither in force nor announced.
type LawProposal struct {
	Set       *policy.Set
	Since     time.Time
	Loosens   []string
	Approvals []protocol.Approval // that count now
	Refused   string              // why it goes no further; "" = it waits for approvals
}

// change is a change of law on its way.
type change struct {
	State     string // "proposed" | "refused" | "announced" | "stuck"
	Set       tribune.Hash
	Before    tribune.Hash // in force now
	Leaf      uint64       // where announced
	Since     time.Time
	From      time.Time // where announced: takes effect
	Left      time.Duration
	Guardians []string // who approved
	Needed    int
	More      []string // what it permits more, in plain words; empty = nothing
	Refused   string
	Shown     bool // this hub has the files
}

// Days and Hours are what is left, in whole days and the hours beyond.
func (c change) Days() int  { return int(c.Left.Hours()) / 24 }
func (c change) Hours() int { return int(c.Left.Hours()) % 24 }

// lawState is what the hub says, or nothing where it does not.
func (p *Portal) lawState() LawState {
	if p.cfg.LawState == nil {
		return LawState{}
	}
	return p.cfg.LawState()
}

// changes are the changes of law on their way, what is announced first.
func (p *Portal) changes(s LawState) (out []change) {
	if p.cfg.Law == nil || p.cfg.Law.Set() == nil {
		return nil
	}
	now, current := p.cfg.Now(), p.cfg.Law.Set()
	for _, r := range pendingOf(s.Rulings, now) {
		c := change{State: "announced", Set: r.Set, Before: current.Hash(), Leaf: r.Index, Since: r.Seen, From: r.From, Left: r.From.Sub(now), Needed: s.Needed}
		for _, a := range r.Approvals {
			c.Guardians = append(c.Guardians, a.Guardian)
		}
		if set := p.setOf(r.Set); set != nil {
			c.Shown, c.More = true, policy.Loosens(current, set)
		}
		out = append(out, c)
	}
	if o := s.Stuck; o != nil {
		out = append(out, change{State: "stuck", Set: o.Set.Hash(), Before: current.Hash(), Leaf: o.Leaf, Since: o.Since, From: o.Since, Guardians: o.Guardians, Needed: o.Needed,
			More: policy.Loosens(current, o.Set), Refused: "By the record it is in force, and too few guardians go by it: " + o.Hint(), Shown: true})
	}
	if o := s.Proposal; o != nil {
		c := change{State: "proposed", Set: o.Set.Hash(), Before: current.Hash(), Since: o.Since, Needed: s.Needed, More: o.Loosens, Refused: o.Refused, Shown: true}
		if o.Refused != "" {
			c.State = "refused"
		}
		for _, a := range o.Approvals {
			c.Guardians = append(c.Guardians, a.Guardian)
		}
		out = append(out, c)
	}
	return out
}

// pendingOf are the rulings that wait at a time: what counts by then ends what was announced before it.
func pendingOf(all []policy.Ruling, at time.Time) (out []policy.Ruling) {
	for _, r := range all {
		switch {
		case r.Never:
		case r.Wait && r.From.After(at):
			out = append(out, r)
		default:
			out = nil
		}
	}
	return out
}

// event is one thing that happened to the law, or will.
type event struct {
	Kind string // "announced" | "withdrawn" | "never" | "in-force"
	Set  tribune.Hash
	Leaf uint64
	At   time.Time
	From time.Time // of what is announced
}

// events are what happened to the law, the newest first.
func events(s LawState, now time.Time) (out []event) {
	for i, r := range s.Rulings {
		switch {
		case r.Never:
			out = append(out, event{Kind: "never", Set: r.Set, Leaf: r.Index, At: r.Seen})
		case r.Withdraws != (tribune.Hash{}):
			out = append(out, event{Kind: "withdrawn", Set: r.Withdraws, Leaf: r.Index, At: r.Seen})
		case r.Wait:
			out = append(out, event{Kind: "announced", Set: r.Set, Leaf: r.Index, At: r.Seen, From: r.From})
		}
		if r.Never || r.From.After(now) {
			continue
		}
		reigns := slices.ContainsFunc(s.Reigns, func(g policy.Reign) bool { return g.Set == r.Set && (g.From.Equal(r.From) || g.From.IsZero()) })
		if reigns && (i == 0 || r.Withdraws == (tribune.Hash{})) {
			out = append(out, event{Kind: "in-force", Set: r.Set, Leaf: r.Index, At: r.From})
		}
	}
	slices.SortStableFunc(out, func(a, b event) int { return b.At.Compare(a.At) })
	return out
}

// title is an event in words.
func (e event) title(w *words) string {
	switch e.Kind {
	case "announced":
		return w.T("A change of law is announced. It takes effect on %s.", w.Time(e.From))
	case "withdrawn":
		return w.T("A change of law was withdrawn before it took effect.")
	case "never":
		return w.T("A change of law was published and never counts.")
	}
	return w.T("A law is in force.")
}

// maxFeed bounds the feed.
const maxFeed = 100

// lawAtom is the feed of changes that are announced and changes that have taken effect.
func (p *Portal) lawAtom(w http.ResponseWriter, r *http.Request) error {
	base, t, words := p.base(r), tongueOf(r.Context()), wordsOf(r)
	self := base + t.prefix + "/law.atom"
	feed := web.AtomFeed{
		Lang: t.tag, ID: p.tagID("law"), Title: words.T("Changes of law of %s", p.cfg.City), Author: p.cfg.City, Updated: time.Unix(0, 0).UTC().Format(time.RFC3339),
		Links: []web.AtomLink{{Rel: "self", Type: "application/atom+xml", Href: self}, {Rel: "alternate", Type: "text/html", Href: base + t.prefix + "/law"}},
	}
	for i, e := range events(p.lawState(), p.cfg.Now()) {
		if i == maxFeed {
			break
		}
		at := e.At.UTC().Format(time.RFC3339)
		if i == 0 {
			feed.Updated = at
		}
		feed.Entries = append(feed.Entries, web.AtomEntry{
			ID: p.tagID(fmt.Sprintf("law/%d/%s", e.Leaf, e.Kind)), Title: xmlText(e.title(words)), Updated: at, Summary: e.Set.String(),
			Links:      []web.AtomLink{{Rel: "alternate", Type: "text/html", Href: base + t.prefix + "/registers/law/" + e.Set.String()}},
			Categories: []web.AtomCategory{{Term: e.Kind}},
		})
	}
	out, err := xml.MarshalIndent(feed, "", " ")
	if err != nil {
		return fmt.Errorf("writing the feed: %w", err)
	}
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	w.Write([]byte(xml.Header))
	w.Write(out)
	return nil
}

// lawJSON is the same for machines, with what is on its way.
func (p *Portal) lawJSON(w http.ResponseWriter, r *http.Request) error {
	type jsonChange struct {
		State     string       `json:"state"` // proposed | refused | announced
		Set       tribune.Hash `json:"set"`
		Before    tribune.Hash `json:"before"`
		Entry     *uint64      `json:"entry,omitempty"`
		Since     time.Time    `json:"since"`
		From      *time.Time   `json:"from,omitempty"`
		Left      int64        `json:"secondsLeft,omitempty"`
		Approvals []string     `json:"approvals"`
		Needed    int          `json:"needed"`
		More      []string     `json:"permitsMore"`
		Refused   string       `json:"refused,omitempty"`
		Law       string       `json:"law"`
	}
	type jsonEvent struct {
		Kind  string       `json:"kind"` // announced | withdrawn | never | in-force
		Set   tribune.Hash `json:"set"`
		Entry uint64       `json:"entry"`
		At    time.Time    `json:"at"`
		From  *time.Time   `json:"from,omitempty"`
	}
	type jsonReign struct {
		Set  tribune.Hash `json:"set"`
		From *time.Time   `json:"from,omitempty"` // absent = from the beginning
	}
	out := struct {
		InForce tribune.Hash `json:"inForce"`
		Pending []jsonChange `json:"pending"`
		Events  []jsonEvent  `json:"events"`
		Reigns  []jsonReign  `json:"reigns"`
	}{Pending: []jsonChange{}, Events: []jsonEvent{}, Reigns: []jsonReign{}}
	if p.cfg.Law == nil || p.cfg.Law.Set() == nil {
		return fmt.Errorf("%w: this hub has no law yet", tribune.ErrNotFound)
	}
	out.InForce = p.cfg.Law.Set().Hash()
	state := p.lawState()
	for _, c := range p.changes(state) {
		j := jsonChange{State: c.State, Set: c.Set, Before: c.Before, Since: c.Since.UTC(), Approvals: c.Guardians, Needed: c.Needed, More: c.More, Refused: c.Refused, Law: "/law/" + c.Set.String()}
		if j.Approvals == nil {
			j.Approvals = []string{}
		}
		if j.More == nil {
			j.More = []string{}
		}
		if c.State == "announced" {
			from := c.From.UTC()
			j.Entry, j.From, j.Left = &c.Leaf, &from, int64(c.Left.Seconds())
		}
		out.Pending = append(out.Pending, j)
	}
	for _, e := range events(state, p.cfg.Now()) {
		j := jsonEvent{Kind: e.Kind, Set: e.Set, Entry: e.Leaf, At: e.At.UTC()}
		if !e.From.IsZero() {
			from := e.From.UTC()
			j.From = &from
		}
		out.Events = append(out.Events, j)
	}
	for _, g := range state.Reigns {
		j := jsonReign{Set: g.Set}
		if !g.From.IsZero() {
			from := g.From.UTC()
			j.From = &from
		}
		out.Reigns = append(out.Reigns, j)
	}
	writeJSON(w, out, false)
	return nil
}

// lawRoutes names what this file and law.go answer besides the registers' pages.
func (p *Portal) lawRoutes() {
	p.page("GET /law", p.showLaw)
	p.data("GET /law.atom", p.lawAtom)
	p.data("GET /law.json", p.lawJSON)
}
