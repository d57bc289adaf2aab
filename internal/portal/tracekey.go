package portal

import (
	"net/http"

	"tribune/protocol"
)

// The page for whoever has no trace key, or has lost it: what it is for, and each way to get it, step by step. It needs no login.

type traceKeyPage struct {
	Group *protocol.Group // nil before the guardians' ceremony has ended
	URL   string
	Hosts []string // of guardians, as many as it takes, where they are known
}

func (p *Portal) traceKeyRoutes() { p.page("GET /trace-key", p.showTraceKey) }

func (p *Portal) showTraceKey(r *http.Request) (view, error) {
	d := traceKeyPage{URL: p.base(r)}
	if p.cfg.Group != nil {
		d.Group = p.cfg.Group()
	}
	if d.Group != nil {
		for _, m := range d.Group.Guardians {
			if m.URL != "" && len(d.Hosts) < d.Group.T {
				d.Hosts = append(d.Hosts, m.URL)
			}
		}
		if len(d.Hosts) < d.Group.T { // too few are known: the city says where they are
			d.Hosts = nil
		}
	}
	return view{Name: "tracekey", Title: wordsOf(r).T("Your trace key"), Data: d}, nil
}
