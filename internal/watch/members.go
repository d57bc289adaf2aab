package watch

import (
	"context"
	"crypto/ed25519"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// Guardians change, and a copy follows them as a citizen does (protocol, "Membership"): link after link from the operator's own trust file,
// each closing with the acceptances of the group before and its receipt. Nobody's word is taken for it, and of two groups for one share
// epoch the first that was seen stays. The chain and the newest trust file are kept in the copy's folder.

const (
	chainFile = "chain.json"
	trustText = "trust.txt"

	maxChainBody = 8 << 20          // some 60 KB a change
	chainEvery   = time.Minute      // how often the chain is asked for where nothing asks for it
	chainAgain   = time.Second      // and at most
	maxNews      = 1 << 10          // findings about changes of guardians that are remembered
	oldStands    = 10 * time.Minute // how long after a change a checkpoint may still carry the old quorum
)

// chainBody is what GET /group/chain serves.
type chainBody struct {
	Links []chainLink `json:"links"`
}

type chainLink struct {
	Receipt []byte `json:"receipt"`
}

// era is a group whose keys count, from one change of guardians to the next.
type era struct {
	trust     *verify.Trust
	group     *protocol.Group // nil of the operator's file while no closing of it has been seen
	digest    tribune.Hash
	closed    uint64    // leaf of its closing; 0 of the operator's
	since     time.Time // adopted then; zero = before this start
	emergency bool
}

// members are the groups that followed each other, the operator's first. It is safe for concurrent use.
type members struct {
	mu    sync.Mutex // guards the rest
	eras  []era
	links [][]byte
	asked time.Time
	news  []finding // not told yet
	told  map[string]bool
}

func newMembers(t *verify.Trust) *members {
	return &members{eras: []era{{trust: t}}, told: map[string]bool{}}
}

// trusts are all groups' keys, the newest first.
func (m *members) trusts() (all []*verify.Trust) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range slices.Backward(m.eras) {
		all = append(all, e.trust)
	}
	return all
}

func (m *members) now() *verify.Trust { return m.trusts()[0] }

// groupAt is the group whose word counts in the leaf at index: the one closed last before it. nil = none is known.
func (m *members) groupAt(index uint64) (g *protocol.Group) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.eras {
		if e := &m.eras[i]; e.group != nil && (e.closed < index || g == nil) {
			g = e.group
		}
	}
	return g
}

// from are the groups who can have spoken of the leaf at index: the one whose word counts there, the one before it, which may have been asked just
// then, and those that came later. whole is false where the leaf is older than the first group that is known.
func (m *members) from(index uint64) (eras []era, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := 0
	for i, e := range m.eras {
		if e.closed < index {
			at = i
		}
	}
	return slices.Clone(m.eras[max(at-1, 0):]), m.eras[0].closed <= index
}

// say remembers what is to be told, once; after a flood of other things perhaps again.
func (m *members) say(k Kind, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told[text] {
		return
	}
	if len(m.told) >= maxNews {
		clear(m.told)
	}
	m.told[text] = true
	if len(m.news) >= maxNews { // the oldest goes
		m.news = slices.Delete(m.news, 0, 1)
	}
	m.news = append(m.news, finding{k, text})
}

func (m *members) take() (news []finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	news, m.news = m.news, nil
	return news
}

// News are what was found out about changes of guardians since it was last asked, in words, for who keeps a copy without a Watcher.
func (c *Copy) News() (texts []string) {
	for _, f := range c.members.take() {
		texts = append(texts, f.text)
	}
	return texts
}

// trust is whose keys count now.
func (c *Copy) trust() *verify.Trust { return c.members.now() }

// guardianKey is a guardian's key, of the newest group that has one of that name.
func (c *Copy) guardianKey(name string) (ed25519.PublicKey, bool) {
	for _, t := range c.members.trusts() {
		if key, ok := t.GuardianKey(name); ok {
			return key, true
		}
	}
	return nil, false
}

// open verifies a checkpoint's signatures under the newest group that signed it, and looks for a change of guardians where none has.
func (c *Copy) open(ctx context.Context, raw []byte) (cp *verify.Checkpoint, err error) {
	for range 2 {
		for i, t := range c.members.trusts() {
			one, oerr := t.OpenCheckpoint(raw)
			if oerr == nil {
				return one, nil
			}
			if i == 0 {
				err = oerr
			}
		}
		if !c.followMembers(ctx, chainAgain) {
			break
		}
	}
	return nil, err
}

// statement checks a guardian's release statement under the newest group that has the guardian.
func (c *Copy) statement(v *verify.Verified, s protocol.Statement) (err error) {
	for i, t := range c.members.trusts() {
		serr := t.Statement(v, s)
		if serr == nil {
			return nil
		}
		if _, there := t.GuardianKey(s.Guardian); there || i == 0 {
			err = serr
		}
	}
	return err
}

// kept opens a checkpoint that carried the quorum of its time.
func (c *Copy) kept(raw []byte) (cp *verify.Checkpoint, err error) {
	for i, t := range c.members.trusts() {
		one, oerr := t.Checkpoint(raw)
		if oerr == nil {
			return one, nil
		}
		if i == 0 {
			err = oerr
		}
	}
	return nil, err
}

// quorums are the groups whose quorum publishes now: the newest, and for minutes after a change the one before it.
func (c *Copy) quorums() []*verify.Trust {
	all := c.members.trusts()
	c.members.mu.Lock()
	defer c.members.mu.Unlock()
	if since := c.members.eras[len(c.members.eras)-1].since; len(all) > 1 && !since.IsZero() && c.cfg.Now().Sub(since) < oldStands {
		return all[:2]
	}
	return all[:1]
}

// quorum reports whether a checkpoint is published, after a look for a change of guardians where it seems not to be.
func (c *Copy) quorum(ctx context.Context, cp *verify.Checkpoint) (err error) {
	for range 2 {
		for i, t := range c.quorums() {
			if _, qerr := t.Checkpoint(cp.Note); qerr == nil {
				return nil
			} else if i == 0 {
				err = qerr
			}
		}
		if !c.followMembers(ctx, chainAgain) {
			break
		}
	}
	return err
}

// best is the furthest published tree of all that was shown.
func (c *Copy) best(seen []sighting) (*verify.Checkpoint, bool) {
	for _, t := range c.quorums() {
		if cp, ok := merge(t, seen); ok {
			return cp, true
		}
	}
	return nil, false
}
