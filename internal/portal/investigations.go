package portal

import (
	"net/http"
	"time"

	"tribune"
	"tribune/protocol"
)

// Hidden investigations: how often warrants are used is public at once; whom they are about learn it when a quarter is over.

type investigationsData struct {
	lawView
	Warrants []warrantShown
}

// warrantShown is one warrant of the register.
type warrantShown struct {
	mandateShown
	Uses      uint64    // entries on record
	Disclosed time.Time // when its subjects learn of it, unless a court puts that off
	Over      bool
}

// warrantOf adds to a mandate what only a warrant has; ok is false where it is none.
func (p *Portal) warrantOf(r *http.Request, m mandateShown) (w warrantShown, ok bool) {
	if m.Disclose == 0 {
		return w, false
	}
	end := protocol.QuarterEnd(m.Disclose)
	return warrantShown{
		mandateShown: m, Uses: p.count(r.Context(), search{Mandate: string(m.ID)}), Disclosed: end, Over: !p.cfg.Now().Before(end),
	}, true
}

func (p *Portal) showInvestigations(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	d := investigationsData{lawView: v}
	for _, m := range v.mandates(func(m tribune.Mandate) bool { return m.Disclose != 0 && m.Extends == "" }) {
		if w, ok := p.warrantOf(r, m); ok {
			d.Warrants = append(d.Warrants, w)
		}
	}
	return view{Name: "investigations", Title: wordsOf(r).T("Hidden investigations"), Data: d}, nil
}
