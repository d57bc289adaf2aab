// Package ceremony founds a city's two threshold keys, SEAL and NAME, without a dealer, and hands them on when the guardians
// change: n guardians run kyber's share/dkg once for each key, with the record as broadcast channel. A founding is a
// joint-Feldman generation; a change is a resharing, in which old guardians deal their shares and the public keys stay.
//
// The guardian feeds every leaf of kind ceremony to Leaf, in log order, and calls Step when there were any, and now and
// then; what Outbox and Acceptance return the hub puts on record. Everyone reads the same in the same order, so all
// decide alike:
//
//	proposal   a change that the council has signed       acceptance  a guardian's word for it, once its operator has given it
//	hello      a member's fresh long-term key for this run. n current hellos make a session; its id, the kyber nonce, hashes them all.
//	deal       the commitments, and one share for each other member, encrypted to its long-term key (ECIES)
//	response   which deals were good. n responses that call the same deals good end the run: the shares exist.
//	closing    the group, signed by all its members: the only leaf that puts shares into force
//
// Who calls a deal bad shows it (complaint.go), so that one of the two is named. A founding has no one to leave out: the
// session ends and all begin again with the next attempt, at most MaxAttempts. A change leaves the dealer out, and takes
// another one's deal. Who restarts goes on where it was: its secrets are derived from a seed in its folder, and the
// packets are on record. Who has lost its folder before the end says hello anew, and the session begins again. The seed
// is deleted once the shares are on disk: until then the long-term key would open the deals in the public log.
//
// What it promises: a group is signed only after both shares have been checked against it and are durable; Shares gives
// them out only once the group is in force (chain.go); a change comes about only with the council's signature, the
// acceptance of enough of the present group, and that of our own operator (accept.go); the public keys never change; and
// old shares are kept until the new ones are in force, and not longer. The files are small and read in the order
// ceremony, chain (groups on record), table (one key generation of both keys), run and speak (of one key), accept.
package ceremony

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// The two runs.
const (
	Seal = "seal"
	Name = "name"
)

const (
	// MaxAttempts bounds how often a guardian says hello by itself: a liar at the table needs people, not retries.
	MaxAttempts = 3
	// Epoch is the share epoch a founding ends in.
	Epoch = 1

	seedFile  = "ceremony.seed" // of the founding; see seedPath
	shareFile = "shares.json"
	nextFile  = "shares.next" // see nextPath
	seedSize  = 32
)

// Config is what a guardian knows before the ceremony. Group holds city, n, t, w and the founding members; its keys are
// empty. Self is one of them, or somebody who may become a guardian by a change.
type Config struct {
	Dir     string
	Self    string
	Key     ed25519.PrivateKey
	Group   protocol.Group
	Council string // note verifier key: who signs changes
}

// Ceremony is one guardian's view. All methods are safe for concurrent use.
type Ceremony struct {
	cfg Config

	queueMu sync.Mutex // guards queue
	queue   []queued

	mu         sync.Mutex             // guards what follows
	message    int64                  // number of the next message
	groups     []protocol.Group       // in force so far, the last one at present
	since      []uint64               // the leaf that closed each
	held       *held                  // our shares
	next       map[tribune.Hash]*held // and those of groups that are not in force, by the change they came of
	act        *table                 // the key generation under way
	proposals  map[tribune.Hash]*proposal
	confirmed  map[tribune.Hash]bool // digests of successors that were published under the quorum before them
	pending    *Pending
	accept     *tribune.Hash // the change we have accepted and not yet said so
	acceptSaid tribune.Hash
	forgotten  bool // the record holds a word of ours that our folder does not: it is an old copy
}

type queued struct {
	index  uint64
	public json.RawMessage
}

// held is a shares file.
type held struct {
	Group     protocol.Group `json:"group"`
	SealShare []byte         `json:"sealShare"` // 32 bytes, big-endian
	NameShare []byte         `json:"nameShare"`
	Change    tribune.Hash   `json:"change,omitzero"` // that they came of; zero = the founding
}

// Open reads what an earlier process left, or begins.
func Open(cfg Config) (*Ceremony, error) {
	if err := cfg.Group.Validate(); err != nil {
		return nil, fmt.Errorf("ceremony: %w", err)
	}
	c := &Ceremony{cfg: cfg, message: time.Now().UnixMicro(), proposals: map[tribune.Hash]*proposal{}}
	var err error
	if c.held, err = c.readHeld(shareFile); err != nil {
		return nil, err
	}
	if c.next, err = c.readNext(); err != nil {
		return nil, err
	}
	if c.confirmed, err = readConfirmed(cfg.Dir); err != nil {
		return nil, err
	}
	if position(cfg.Group.Guardians, cfg.Self) < 0 {
		return c, nil
	}
	if c.held != nil {
		if c.held.Group.Epoch == Epoch {
			if err := c.founds(c.held.Group); err != nil {
				return nil, &tribune.IntegrityError{What: "the shares file " + filepath.Join(cfg.Dir, shareFile), Err: err}
			}
			c.act = foundingTable(c, nil)
			c.act.done = c.held
		}
		return c, nil
	}
	seed, err := readSeed(c.seedPath(Epoch))
	if err != nil {
		return nil, fmt.Errorf("reading the ceremony's seed: %w", err)
	}
	c.act = foundingTable(c, seed)
	return c, nil
}

// Leaf takes the public part of a ceremony leaf, in log order. It only queues: Step does the work.
func (c *Ceremony) Leaf(index uint64, public json.RawMessage) {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	c.queue = append(c.queue, queued{index, append(json.RawMessage(nil), public...)})
}

// Step handles what Leaf has queued and says what is to be said next. Only failing to write its own files is an error.
func (c *Ceremony) Step() error {
	c.queueMu.Lock()
	queue := c.queue
	c.queue = nil
	c.queueMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, q := range queue {
		if c.pending != nil { // what comes after it is read by the light of the group it makes
			c.queueMu.Lock()
			c.queue = append(queue[i:len(queue):len(queue)], c.queue...)
			c.queueMu.Unlock()
			return nil
		}
		if err := c.read(q); err != nil {
			return err
		}
	}
	if err := c.sit(); err != nil {
		return err
	}
	if c.act == nil {
		return nil
	}
	if err := c.act.step(); err != nil {
		return err
	}
	if c.act.old != nil && c.act.done != nil {
		c.next[c.act.digest] = c.act.done
	}
	return nil
}

// read takes one leaf. What is not a packet of a member is no one's fault but the hub's, and is passed over.
func (c *Ceremony) read(q queued) error {
	var m wire.Message
	if protocol.DecodeJCS(q.public, &m) == nil {
		c.readMessage(m)
		return nil
	}
	var p wire.Proposal
	if protocol.DecodeJCS(q.public, &p) == nil {
		c.readProposal(p)
		return nil
	}
	var a wire.Acceptance
	if protocol.DecodeJCS(q.public, &a) == nil {
		c.readAcceptance(a)
		return nil
	}
	var closing protocol.Closing
	if protocol.DecodeJCS(q.public, &closing) == nil {
		return c.readClosing(q.index, closing)
	}
	return nil
}

// closes checks the founding's closing: the group is the configuration's, ours where we founded one, and everyone signed it.
func (c *Ceremony) closes(closing protocol.Closing) error {
	if err := c.founds(closing.Group); err != nil {
		return err
	}
	if c.act != nil && c.act.done != nil && !sameGroup(closing.Group, c.act.done.Group) {
		return fmt.Errorf("%w: the group on record is not the one this guardian founded", tribune.ErrInvalid)
	}
	return closing.Check()
}
