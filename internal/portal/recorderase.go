package portal

import (
	"net/http"
	"time"

	"tribune/protocol"
)

// Erasure is how far the hub is with an erasure that is on record. It names nobody.
type Erasure struct {
	Deleted time.Time // by the hub; zero = it is under way
	Due     time.Time // when it is final at the latest; zero where Deleted or Final says more
	Final   time.Time // when the epoch key of that time was destroyed; zero = it lives

	Guardians []string // who state that they were shown by whose mandate and signature it stands there, and refuse
}

// erasedShown is an erasure on its entry's page.
type erasedShown struct {
	Erasure
	Day   string
	Known bool // this hub knows how far it is
}

// erased fills in what an entry of kind erase has done.
func (p *Portal) erased(r *http.Request, d *entryData, leaf protocol.Leaf) {
	public, err := protocol.ErasureOf(leaf)
	if err != nil {
		return
	}
	d.Erased = &erasedShown{Day: public.Day}
	if p.cfg.Erasure == nil {
		return
	}
	if state, err := p.cfg.Erasure(r.Context(), d.Index); err == nil {
		d.Erased.Erasure, d.Erased.Known = state, true
	}
}
