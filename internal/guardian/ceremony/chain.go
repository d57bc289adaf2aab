package ceremony

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

const (
	// maxProposals and maxSaid bound what is kept of changes that are on record and not yet in force: the council signs few,
	// and a change takes six packets of each where all goes well. Each speaker has its own bound, so that one who talks
	// without end silences nobody but itself.
	maxProposals = 16
	maxSaid      = 128

	groupsFile = "groups.json"
)

// proposal is a change on record that the council has signed, of the present group.
type proposal struct {
	change   protocol.Change
	digest   tribune.Hash
	doc      []byte
	accepts  map[string][]byte // by old member
	messages []wire.Message    // in the order of the log
	speakers []protocol.Member // of both groups
	said     map[string]int    // messages by speaker
}

// Pending is a closing on record that takes force once Old's quorum has published it.
type Pending struct {
	Index   uint64         // of its leaf
	Old     protocol.Group // whose w co-signatures it takes
	closing protocol.Closing
}

// readProposal takes a change that the council has signed.
func (c *Ceremony) readProposal(p wire.Proposal) {
	change, err := protocol.OpenChange(p.Change, c.cfg.Council)
	if err != nil || len(c.groups) == 0 || change.After(c.groups[len(c.groups)-1]) != nil || len(c.proposals) >= maxProposals {
		return
	}
	digest, err := change.Digest()
	if err != nil || c.proposals[digest] != nil {
		return
	}
	c.proposals[digest] = &proposal{change: change, digest: digest, doc: p.Change, accepts: map[string][]byte{}, said: map[string]int{},
		speakers: slices.Concat(change.Members, c.groups[len(c.groups)-1].Guardians)}
}

// readAcceptance takes an old member's word for a change.
func (c *Ceremony) readAcceptance(a wire.Acceptance) {
	p := c.proposals[a.Accept]
	if p == nil {
		return
	}
	if verifyMember(c.groups[len(c.groups)-1].Guardians, a.From, protocol.AcceptMessage(a.From, a.Accept), a.Signature) {
		p.accepts[a.From] = a.Signature
	}
	if a.From == c.cfg.Self && ed25519.Verify(c.cfg.Key.Public().(ed25519.PublicKey), protocol.AcceptMessage(a.From, a.Accept), a.Signature) {
		c.acceptSaid = a.Accept
	}
}

// readMessage takes a packet: the founding's go to its table, a change's are kept too, for whoever accepts it later.
func (c *Ceremony) readMessage(m wire.Message) {
	for _, p := range c.proposals {
		if m.Run != runName(Seal, p.digest) && m.Run != runName(Name, p.digest) {
			continue
		}
		if packet, err := decodePacket(m.Packet, p.speakers); err != nil || packet.From != m.From || p.said[m.From] >= maxSaid {
			return
		}
		p.said[m.From]++
		p.messages = append(p.messages, m)
		if c.act != nil {
			c.act.read(m)
		}
		return
	}
	if c.act != nil && c.act.old == nil {
		c.act.read(m)
	}
}

// readClosing takes a group that all its members signed: the founding's, or the successor of the present one. Of two
// successors on record the first counts.
func (c *Ceremony) readClosing(index uint64, closing protocol.Closing) error {
	if len(c.groups) == 0 {
		if c.closes(closing) == nil {
			c.inForce(closing.Group, index)
			if c.act != nil && c.act.done != nil {
				c.held = c.act.done
			}
			c.act = nil
			return c.clear(Epoch) // a seed made by one who has left since, or lost its folder
		}
		return nil
	}
	present := c.groups[len(c.groups)-1]
	change, err := closing.Follows(present, c.cfg.Council)
	if err != nil {
		return nil
	}
	for _, key := range []protocol.PublicKey{closing.Group.Seal, closing.Group.Name} {
		if _, err := polynomial(key, closing.Group.T); err != nil {
			return nil // all its members signed what is no key: nobody follows them
		}
	}
	digest, err := protocol.GroupDigest(closing.Group)
	if err != nil {
		return err
	}
	if change.Emergency() || c.confirmed[digest] {
		return c.succeed(index, closing)
	}
	c.pending = &Pending{Index: index, Old: present, closing: closing}
	return nil
}

// Pending is the closing that waits for the present group's quorum; nil where none does.
func (c *Ceremony) Pending() *Pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending
}

// Confirm puts a pending group into force: its caller has seen a checkpoint of the log it mirrors that covers the closing
// and that w members of the group before have co-signed.
func (c *Ceremony) Confirm(p *Pending) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p == nil || c.pending != p {
		return nil
	}
	digest, err := protocol.GroupDigest(p.closing.Group)
	if err != nil {
		return err
	}
	c.confirmed[digest] = true
	raw, err := json.Marshal(c.confirmed)
	if err != nil {
		return fmt.Errorf("encoding the groups that followed: %w", err)
	}
	if err := durable.Write(filepath.Join(c.cfg.Dir, groupsFile), raw); err != nil {
		return fmt.Errorf("keeping the groups that followed: %w", err)
	}
	return c.succeed(p.Index, p.closing)
}

// succeed puts the successor into force: the new shares take the place of the old ones, which are gone with that.
func (c *Ceremony) succeed(index uint64, closing protocol.Closing) error {
	c.pending = nil
	c.inForce(closing.Group, index)
	group := closing.Group
	c.act, c.proposals = nil, map[tribune.Hash]*proposal{}
	if c.held == nil || c.held.Group.Epoch < group.Epoch { // else a restart reads what was done before
		if err := c.take(group); err != nil {
			return err
		}
	}
	return c.clear(group.Epoch)
}

func sameGroup(a, b protocol.Group) bool {
	x, errX := protocol.GroupDigest(a)
	y, errY := protocol.GroupDigest(b)
	return errX == nil && errY == nil && x == y
}

func (c *Ceremony) inForce(g protocol.Group, closing uint64) {
	c.groups, c.since = append(c.groups, g), append(c.since, closing)
}

// GroupAt is the group whose word counts in the leaf at index: the one that was closed last before it, also where that one
// waits for its publication, which the leaf's own implies. Before the first closing it is the configuration's.
func (c *Ceremony) GroupAt(index uint64) protocol.Group {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending != nil && c.pending.Index < index {
		return c.pending.closing.Group
	}
	for i := len(c.groups) - 1; i >= 0; i-- {
		if c.since[i] < index {
			return c.groups[i]
		}
	}
	return c.cfg.Group
}

// Group is the group in force; false until the first one is.
func (c *Ceremony) Group() (protocol.Group, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.groups) == 0 {
		return protocol.Group{}, false
	}
	return c.groups[len(c.groups)-1], true
}

// sit takes a seat at the table of the change that our operator has accepted, once it is on record and enough of the
// present group have accepted it; and leaves one that the operator has taken back.
func (c *Ceremony) sit() error {
	if len(c.groups) == 0 {
		return nil
	}
	present := c.groups[len(c.groups)-1]
	a, err := readAccepted(c.cfg.Dir)
	if err != nil {
		return err
	}
	c.accept = nil
	last := a.last(present.Epoch + 1)
	if c.act != nil && (last == nil || last.Digest != c.act.digest) {
		c.act = nil
	}
	if last == nil {
		return nil
	}
	p := c.proposals[last.Digest]
	if p == nil {
		return nil
	}
	if c.forgotten = c.hasForgotten(a, p); c.forgotten {
		return nil
	}
	if c.acceptSaid != p.digest {
		c.accept = &p.digest
	}
	if c.act != nil || c.pending != nil || !p.change.Agreed(present, func(name string) bool { return p.accepts[name] != nil }) {
		return nil
	}
	seed, err := readSeed(c.seedPath(present.Epoch + 1))
	if err != nil {
		return fmt.Errorf("reading the ceremony's seed: %w", err)
	}
	tb, err := changeTable(c, present, p, seed)
	if err != nil {
		return err
	}
	tb.done = c.next[tb.digest] // from before a restart, or before its operator thought of another change
	for _, m := range p.messages {
		tb.read(m)
	}
	c.act = tb
	return nil
}

// hasForgotten reports whether the record holds our word for another successor that our folder knows nothing of, where one of the
// two is an emergency: a guardian that runs on an old copy of its folder must not give a second word.
func (c *Ceremony) hasForgotten(a accepted, p *proposal) bool {
	for digest, other := range c.proposals {
		known := slices.ContainsFunc(a.Changes, func(e acceptance) bool { return e.Digest == digest })
		if other.accepts[c.cfg.Self] != nil && !known && (other.change.Emergency() || p.change.Emergency()) {
			return true
		}
	}
	return false
}

func readConfirmed(dir string) (map[tribune.Hash]bool, error) {
	confirmed := map[tribune.Hash]bool{}
	raw, err := durable.Read(filepath.Join(dir, groupsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return confirmed, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &confirmed)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the groups that followed: %w", err)
	}
	return confirmed, nil
}
