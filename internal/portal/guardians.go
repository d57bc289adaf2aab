package portal

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/protocol"
)

// GuardianSeen is what the hub last heard from one guardian.
type GuardianSeen struct {
	Name   string
	At     time.Time // of its last answer; zero = none since the hub started
	Silent bool      // it did not answer when it was asked last
	Epoch  uint32    // of its share; 0 = it holds none
	Size   uint64    // entries that it holds
}

// guardiansData is the page about who the guardians are.
type guardiansData struct {
	checkpointData
	Members []guardianShown
	Asked   bool // the hub asks the guardians how they are
	Away    int  // may be away while everything goes on
	Lost    int  // may be lost for good before sealed data are
}

type guardianShown struct {
	protocol.Member
	Signed   bool // the published checkpoint
	SignedAt time.Time
	Heard    GuardianSeen
	Since    time.Time // of the entry by which it is a guardian
	Leaf     uint64
	OnLog    bool // that entry is within reach
}

// Last is when its word was last seen: on the published checkpoint, or in an answer to the hub.
func (g guardianShown) Last() time.Time {
	if g.SignedAt.After(g.Heard.At) {
		return g.SignedAt
	}
	return g.Heard.At
}

func (p *Portal) guardianRoutes() { p.page("GET /guardians", p.showGuardians) }

func (p *Portal) showGuardians(r *http.Request) (view, error) {
	v, err := p.showCheckpoint(r)
	if err != nil {
		return view{}, err
	}
	d := guardiansData{checkpointData: v.Data.(checkpointData)}
	if d.Group != nil {
		d.Away, d.Lost = d.Group.N-d.Group.W, d.Group.N-d.Group.T
		since, err := p.past.since(r.Context(), p, r)
		if err != nil {
			return view{}, err
		}
		var seen []GuardianSeen
		if p.cfg.Guardians != nil {
			seen, d.Asked = p.cfg.Guardians(), true
		}
		for _, m := range d.Group.Guardians {
			d.Members = append(d.Members, d.shown(m, seen, since))
		}
	}
	return view{Name: "guardians", Title: wordsOf(r).T("The guardians"), Data: d}, nil
}

func (d guardiansData) shown(m protocol.Member, seen []GuardianSeen, since map[string]began) guardianShown {
	g := guardianShown{Member: m}
	if i := slices.IndexFunc(d.Guardians, func(c cosigner) bool { return c.Name == m.Name }); i >= 0 {
		g.Signed, g.SignedAt = d.Guardians[i].Signed, d.Guardians[i].At
	}
	if i := slices.IndexFunc(seen, func(s GuardianSeen) bool { return s.Name == m.Name }); i >= 0 {
		g.Heard = seen[i]
	}
	if b, ok := since[m.Key]; ok {
		g.Since, g.Leaf, g.OnLog = b.at, b.leaf, true
	}
	return g
}

// began is the entry by which a key became a guardian's.
type began struct {
	at   time.Time
	leaf uint64
}

// groupPast knows since when each guardian is one: from the entries that close a ceremony, which all members of the new group have signed. It
// is read again when there is a newer ceremony entry.
type groupPast struct {
	mu     sync.Mutex // guards what follows
	newest uint64     // index of the newest ceremony entry that was read, and 1
	keys   map[string]began
}

// ceremonies bounds how many entries are read: one ceremony of nine takes some sixty.
const ceremonies = 512

func (g *groupPast) since(ctx context.Context, p *Portal, r *http.Request) (map[string]began, error) {
	f, _, err := p.searchRecord(ctx, search{Kind: string(tribune.ActCeremony), House: true}, ceremonies, p.naming(wordsOf(r)))
	if err != nil || len(f.Entries) == 0 {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.Entries[0].Index+1 == g.newest {
		return g.keys, nil
	}
	keys := map[string]began{}
	for _, e := range f.Entries { // the newest first: what remains is the oldest
		data, err := p.cfg.Record.Leaf(ctx, e.Index)
		if err != nil {
			return nil, err
		}
		leaf, err := protocol.DecodeLeaf(data)
		if err != nil {
			continue // what is no leaf closes nothing
		}
		var closing protocol.Closing
		if protocol.DecodeJCS(leaf.Public, &closing) != nil || closing.Check() != nil {
			continue
		}
		for _, m := range closing.Group.Guardians {
			keys[m.Key] = began{e.At, e.Index}
		}
	}
	g.newest, g.keys = f.Entries[0].Index+1, keys
	return keys, nil
}
