package portal

import (
	"context"
	"net/http"
	"time"

	"tribune"
	"tribune/protocol"
)

// Vital interest: what can be opened without the guardians, by whom, how many keys for it there are, and each time it was done.

// Vital is what this hub knows of it, for a page.
type Vital struct {
	Classes   []VitalClass
	Counted   time.Time // the newest inventory of keys on record; zero = none
	Unwritten int       // uses that are not on record yet
	Uses      []uint64  // entries of the record, the newest last
	Reachable bool      // guardians have answered just now
}

// VitalClass is one class that is on.
type VitalClass struct {
	Class   tribune.Class
	Holders int // people who hold keys
	Keys    int // single-use keys that there are
}

type vitalData struct {
	Vital
	Name  naming
	Told  []vitalUse // newest first
	More  int        // that are not listed
	Known bool       // the hub could say
}

// vitalUse is one time that it was done.
type vitalUse struct {
	Index        uint64
	Opened, Back time.Time
	At           time.Time // on record
	Class        tribune.ClassID
	Office       tribune.OfficeID
	Keys         int
	Checked      []protocol.VitalChecked // guardians' word
}

// vitalListed bounds the uses on the page; the record has them all.
const vitalListed = 50

func (p *Portal) showVital(r *http.Request) (view, error) {
	d := vitalData{Name: p.naming(wordsOf(r))}
	if p.cfg.Vital != nil {
		var err error
		if d.Vital, err = p.cfg.Vital.State(r.Context()); err == nil {
			d.Known = true
		}
	}
	for i := len(d.Uses) - 1; i >= 0; i-- {
		if len(d.Told) == vitalListed {
			d.More = i + 1
			break
		}
		if u, ok := p.vitalUse(r.Context(), d.Uses[i]); ok {
			d.Told = append(d.Told, u)
		}
	}
	return view{Name: "vital", Title: wordsOf(r).T("Without the guardians"), Data: d}, nil
}

func (p *Portal) vitalUse(ctx context.Context, index uint64) (u vitalUse, ok bool) {
	raw, err := p.cfg.Record.Leaf(ctx, index)
	if err != nil || index >= p.cfg.Record.Published() {
		return u, false
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil {
		return u, false
	}
	use, opened, back, err := protocol.VitalUseOf(leaf)
	if err != nil {
		return u, false
	}
	at, _ := leaf.Act.When()
	u = vitalUse{Index: index, Opened: opened, Back: back, At: at, Class: use.Class, Office: leaf.Act.Office, Keys: len(use.Keys)}
	u.Checked, _ = p.cfg.Vital.Checks(ctx, index) // none, where they cannot be read
	return u, true
}

// VitalSource is where the page and people's own uses get it from.
type VitalSource interface {
	State(ctx context.Context) (Vital, error)
	Checks(ctx context.Context, index uint64) ([]protocol.VitalChecked, error)
	// Reason is why it was done, in the words of the two who did it: for the person concerned and nobody else.
	Reason(ctx context.Context, index uint64) (string, error)
}

// vitalTold says to a person that, and why, their data were opened without the guardians.
func (p *Portal) vitalTold(ctx context.Context, u *meUse) {
	use, opened, _, err := protocol.VitalUseOf(u.Leaf)
	if err != nil {
		return
	}
	u.Opened = opened
	for _, id := range use.Policies {
		u.Rules = append(u.Rules, p.ruleIn(&use.Set, id))
	}
	if p.cfg.Vital != nil {
		u.Reason, _ = p.cfg.Vital.Reason(ctx, u.Index) // without it the page says that the hub has none
	}
}
