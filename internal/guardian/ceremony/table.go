package ceremony

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drand/kyber/share"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// table is the two key generations of one group: of the founding, or of a change.
type table struct {
	c        *Ceremony
	city     string
	self     string
	epoch    uint32
	members  []protocol.Member // of the group to be: they take
	t        int
	w        int
	dealers  []protocol.Member // they deal: the members of a founding, of a change the group before without the lost
	need     int               // deals that count
	speakers []protocol.Member // all of them
	deals    bool              // we may deal
	runs     map[string]*run
	done     *held // nil until both runs ended
	failed   error // why there will be no group

	// Of a change:
	old    *protocol.Group
	change protocol.Change
	digest tribune.Hash
	doc    []byte
	polys  map[string]*share.PubPoly // of the group before, by run
	bound  bool                      // it is noted that we sign
}

// foundingTable seats the members of the configuration.
func foundingTable(c *Ceremony, seed []byte) *table {
	g := c.cfg.Group
	tb := &table{c: c, city: g.City, self: c.cfg.Self, epoch: Epoch, members: g.Guardians, t: g.T, w: g.W, dealers: g.Guardians, need: g.N, speakers: g.Guardians, deals: true}
	tb.runs = map[string]*run{Seal: newRun(tb, Seal, seed), Name: newRun(tb, Name, seed)}
	return tb
}

// changeTable seats who stays, who comes and who leaves. Any t of the old members' deals make the new shares, so some may
// be gone.
func changeTable(c *Ceremony, old protocol.Group, p *proposal, seed []byte) (*table, error) {
	tb := &table{
		c: c, city: old.City, self: c.cfg.Self, epoch: p.change.Epoch, members: p.change.Members, t: p.change.T, w: p.change.W, need: old.T,
		old: &old, change: p.change, digest: p.digest, doc: p.doc, polys: map[string]*share.PubPoly{},
	}
	tb.speakers = slices.Clone(p.change.Members)
	for _, m := range old.Guardians {
		tb.dealers = append(tb.dealers, m)
		if tb.seat(m.Name) < 0 {
			tb.speakers = append(tb.speakers, m)
		}
	}
	tb.deals = tb.dealer(c.cfg.Self) >= 0 && c.held != nil && c.held.Group.Epoch == old.Epoch
	tb.runs = map[string]*run{}
	for base, key := range map[string]protocol.PublicKey{Seal: old.Seal, Name: old.Name} {
		poly, err := polynomial(key, old.T)
		if err != nil {
			return nil, fmt.Errorf("the present group's public shares: %w", err)
		}
		name := runName(base, p.digest)
		tb.polys[name] = poly
		tb.runs[base] = newRun(tb, name, seed)
	}
	return tb, nil
}

func runName(base string, change tribune.Hash) string { return base + "/" + change.String() }

// base is "seal" or "name".
func (r *run) base() string {
	base, _, _ := strings.Cut(r.name, "/")
	return base
}

// coeffs is the public polynomial of a run's key in the group before.
func (tb *table) coeffs(r *run) *share.PubPoly { return tb.polys[r.name] }

// seat is a member's position in the group to be, -1 = none; dealer the same among the dealers.
func (tb *table) seat(name string) int { return position(tb.members, name) }

func (tb *table) dealer(name string) int {
	if slices.Contains(tb.change.Lost, name) {
		return -1
	}
	return position(tb.dealers, name)
}

func position(list []protocol.Member, name string) int {
	return slices.IndexFunc(list, func(m protocol.Member) bool { return m.Name == name })
}

// read takes a packet from the log.
func (tb *table) read(m wire.Message) {
	base, _, _ := strings.Cut(m.Run, "/")
	if r := tb.runs[base]; r != nil && r.name == m.Run && tb.done == nil {
		r.read(m)
	}
}

// step says what is our turn to say, and keeps the shares once both runs have ended.
func (tb *table) step() error {
	if tb.done != nil || tb.failed != nil {
		return nil
	}
	for _, name := range []string{Seal, Name} {
		tb.runs[name].speak()
	}
	if tb.runs[Seal].result == nil || tb.runs[Name].result == nil {
		return nil
	}
	return tb.finish()
}

// finish checks the result and makes it durable; only then may we sign it.
func (tb *table) finish() error {
	seal, name := tb.runs[Seal].result, tb.runs[Name].result
	g := protocol.Group{City: tb.city, N: len(tb.members), T: tb.t, W: tb.w, Epoch: tb.epoch, Guardians: slices.Clone(tb.members), Seal: seal.public, Name: name.public}
	for i := range g.Guardians {
		g.Guardians[i].URL = ""
	}
	done := held{Group: g, SealShare: seal.share, NameShare: name.share, Change: tb.digest}
	err := done.check(tb.self)
	if err == nil && tb.old != nil && (string(g.Seal.Key) != string(tb.old.Seal.Key) || string(g.Name.Key) != string(tb.old.Name.Key)) {
		err = fmt.Errorf("%w: the public keys have changed", tribune.ErrInvalid)
	}
	if err != nil {
		tb.failed = fmt.Errorf("the key generation's result does not check: %w", err)
		return nil
	}
	raw, err := json.Marshal(done)
	if err != nil {
		return fmt.Errorf("encoding shares: %w", err)
	}
	path := filepath.Join(tb.c.cfg.Dir, shareFile)
	if tb.old != nil {
		path = tb.c.nextPath(tb.digest)
	}
	if err := durable.Write(path, raw); err != nil {
		return fmt.Errorf("storing shares: %w", err)
	}
	tb.done = &done
	return durable.Remove(tb.c.seedPath(tb.epoch))
}

// report is our word for the group, once its shares are durable, and of a change once we are bound to it.
func (tb *table) report() (*wire.Report, error) {
	if tb.done == nil {
		return nil, nil
	}
	if tb.old != nil && !tb.bound {
		var err error
		if tb.bound, err = bind(tb.c.cfg.Dir, tb.epoch, tb.digest); err != nil || !tb.bound {
			return nil, err
		}
	}
	digest, err := protocol.GroupDigest(tb.done.Group)
	if err != nil {
		return nil, err
	}
	r := &wire.Report{Group: tb.done.Group, Signature: ed25519.Sign(tb.c.cfg.Key, digest[:])}
	if tb.old != nil {
		r.Change, r.Accepts = tb.doc, maps.Clone(tb.c.proposals[tb.digest].accepts) // which grow while the report is written out
	}
	return r, nil
}

// state says how far the table is.
func (tb *table) state() string {
	if tb.failed != nil {
		return tb.failed.Error()
	}
	if tb.done != nil {
		return "done, waiting for the group on record"
	}
	for _, name := range []string{Seal, Name} {
		if r := tb.runs[name]; r.trouble != "" {
			if w := r.waits(); w != "" {
				return r.trouble + "; " + w
			}
			return r.trouble
		}
	}
	what := "founding"
	if tb.old != nil {
		what = "resharing"
	}
	for _, name := range []string{Seal, Name} {
		if w := tb.runs[name].waits(); w != "" {
			return what + ": " + w
		}
	}
	return what
}
