package client

import (
	"net/http"

	"tribune/protocol"
)

// roster is whom a client asks at present.
type roster struct {
	group   protocol.Group
	members []*member
	http    *http.Client
}

// Adopt asks the guardians of another group from now on. A request under way with those before ends as it may: an answer of
// another share epoch than the one it was asked in counts as none.
func (c *Client) Adopt(g protocol.Group) {
	r := &roster{group: g, http: c.cfg.HTTP}
	if r.http == nil {
		r.http = &http.Client{Transport: Transport(g.Guardians, c.cfg.Key)}
	}
	for _, m := range g.Guardians {
		if _, key, err := protocol.PublicOf(m.Key); err == nil {
			r.members = append(r.members, &member{Member: m, key: key})
		}
	}
	c.roster.Store(r)
}

func (c *Client) now() *roster { return c.roster.Load() }
