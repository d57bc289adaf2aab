// Package ceremony founds a city's two threshold keys, SEAL and NAME, without a dealer: n guardians run the joint-Feldman
// distributed key generation of kyber's share/dkg once for each key, with the record as broadcast channel.
//
// The guardian feeds every leaf of kind ceremony to Leaf, in log order, and calls Step when there were any; what Outbox
// returns the hub puts on record. Everyone reads the same packets in the same order, so all decide alike:
//
//	hello      a fresh long-term key for this run. n current hellos make a session; its id, the kyber nonce, hashes them all.
//	deal       the commitments, and one share for each other guardian, encrypted to its long-term key (ECIES)
//	response   which deals were good. n responses that call all n deals good end the run: the keys exist.
//
// A founding has no one to leave out: a malformed packet or a complaint ends the session, is shown with the accuser's
// and the accused's names, and all begin again with the next attempt, at most MaxAttempts. Who restarts goes on where it
// was: its secrets are derived from a seed in its folder, and the packets are on record. Who has lost its folder before
// the end says hello anew, and the session begins again. The seed is deleted once the shares are on disk: until then the
// long-term key would open the deals in the public log.
//
// What it promises: a group is reported only after both shares have been checked against it and are durable, and Shares
// gives them out only once the group is on record with the signatures of all n guardians over the same bytes.
package ceremony

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"tribune"
	"tribune/internal/guardian/durable"
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

	seedFile  = "ceremony.seed"
	shareFile = "shares.json"
	seedSize  = 32
)

// Config is what a guardian knows before the ceremony. Group holds city, n, t, w and the members; its keys are empty.
type Config struct {
	Dir   string
	Self  string // a member's name
	Key   ed25519.PrivateKey
	Group protocol.Group
}

// Ceremony is one guardian's view. All methods are safe for concurrent use.
type Ceremony struct {
	cfg   Config
	roles map[string]int // name -> position 0..n-1

	queueMu sync.Mutex // guards queue
	queue   []json.RawMessage

	mu     sync.Mutex // guards what follows
	runs   map[string]*run
	next   int64 // number of the next message
	done   *held // nil until both runs ended
	onLog  bool  // the group is on record, signed by all
	failed error // why there will be no group
}

// held is the shares file.
type held struct {
	Group     protocol.Group `json:"group"`
	SealShare []byte         `json:"sealShare"` // 32 bytes, big-endian
	NameShare []byte         `json:"nameShare"`
}

// Open reads what an earlier process left, or begins.
func Open(cfg Config) (*Ceremony, error) {
	if err := cfg.Group.Validate(); err != nil {
		return nil, fmt.Errorf("ceremony: %w", err)
	}
	c := &Ceremony{cfg: cfg, roles: map[string]int{}, runs: map[string]*run{}, next: time.Now().UnixMicro()}
	for i, m := range cfg.Group.Guardians {
		c.roles[m.Name] = i
	}
	if _, ok := c.roles[cfg.Self]; !ok || len(c.roles) != cfg.Group.N {
		return nil, fmt.Errorf("%w: %s is not one of %d guardians with different names", tribune.ErrInvalid, cfg.Self, cfg.Group.N)
	}
	done, err := readShares(filepath.Join(cfg.Dir, shareFile))
	if err != nil {
		return nil, fmt.Errorf("reading shares: %w", err)
	}
	if done != nil {
		if err := c.fits(*done); err != nil {
			return nil, &tribune.IntegrityError{What: "the shares file " + filepath.Join(cfg.Dir, shareFile), Err: err}
		}
		c.done = done
		return c, durable.Remove(filepath.Join(cfg.Dir, seedFile)) // a crash may have come between
	}
	seed, err := readSeed(filepath.Join(cfg.Dir, seedFile))
	if err != nil {
		return nil, fmt.Errorf("reading the ceremony's seed: %w", err)
	}
	for _, name := range []string{Seal, Name} {
		c.runs[name] = newRun(c, name, seed)
	}
	return c, nil
}

// Leaf takes the public part of a ceremony leaf, in log order. It only queues: Step does the work.
func (c *Ceremony) Leaf(public json.RawMessage) {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	c.queue = append(c.queue, append(json.RawMessage(nil), public...))
}

// Step handles what Leaf has queued and says what is to be said next. Only failing to write its own files is an error.
func (c *Ceremony) Step() error {
	c.queueMu.Lock()
	queue := c.queue
	c.queue = nil
	c.queueMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, public := range queue {
		c.read(public)
	}
	if c.done != nil {
		return nil
	}
	for _, name := range []string{Seal, Name} {
		c.runs[name].speak()
	}
	if c.runs[Seal].result == nil || c.runs[Name].result == nil {
		return nil
	}
	return c.finish()
}

// read takes one leaf. What is not a packet of a member is no one's fault but the hub's, and is passed over.
func (c *Ceremony) read(public json.RawMessage) {
	var m wire.Message
	if err := protocol.DecodeJCS(public, &m); err == nil {
		if r := c.runs[m.Run]; r != nil && c.done == nil {
			r.read(m)
		}
		return
	}
	var closing wire.Closing
	if err := protocol.DecodeJCS(public, &closing); err == nil && c.done != nil && !c.onLog {
		c.onLog = c.closes(closing) == nil
	}
}

// closes checks the last leaf: the group is ours, and everyone signed it.
func (c *Ceremony) closes(closing wire.Closing) error {
	digest, err := wire.Digest(closing.Group)
	if err != nil {
		return err
	}
	ours, err := wire.Digest(c.done.Group)
	if err != nil {
		return err
	}
	if digest != ours {
		return fmt.Errorf("%w: the group on record is not the one this guardian founded", tribune.ErrInvalid)
	}
	return closing.Check()
}

// Outbox is what this guardian has to say and has not yet seen on record.
func (c *Ceremony) Outbox() []wire.Outgoing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []wire.Outgoing
	for _, name := range []string{Seal, Name} {
		if r := c.runs[name]; r != nil && c.done == nil {
			out = append(out, r.outbox...)
		}
	}
	return out
}

// Report is nil until this guardian is done.
func (c *Ceremony) Report() (*wire.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		return nil, nil
	}
	digest, err := wire.Digest(c.done.Group)
	if err != nil {
		return nil, err
	}
	return &wire.Report{Group: c.done.Group, Signature: ed25519.Sign(c.cfg.Key, digest[:])}, nil
}

// State says in one word or sentence how far the ceremony is.
func (c *Ceremony) State() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.onLog:
		return "founded"
	case c.done != nil:
		return "done, waiting for the group on record"
	case c.failed != nil:
		return c.failed.Error()
	}
	for _, name := range []string{Seal, Name} {
		if r := c.runs[name]; r.trouble != "" {
			return r.trouble
		}
	}
	return "founding"
}

// Keys are this guardian's secrets and the group they belong to.
type Keys struct {
	Group protocol.Group
	Index int
	Seal  []byte // s_i of SEAL: releases only
	Name  []byte // s_i of NAME: blind evaluation only
}

// Shares gives out the shares once the group is on record.
func (c *Ceremony) Shares() (Keys, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil || !c.onLog {
		return Keys{}, false
	}
	return Keys{Group: c.done.Group, Index: c.roles[c.cfg.Self] + 1, Seal: c.done.SealShare, Name: c.done.NameShare}, true
}

// finish checks, stores and reports.
func (c *Ceremony) finish() error {
	seal, name := c.runs[Seal].result, c.runs[Name].result
	g := c.cfg.Group
	g.Epoch = Epoch
	g.Guardians = append([]protocol.Member(nil), g.Guardians...)
	for i := range g.Guardians {
		g.Guardians[i].URL = ""
	}
	g.Seal, g.Name = seal.public, name.public
	done := held{Group: g, SealShare: seal.share, NameShare: name.share}
	if err := c.fits(done); err != nil {
		c.failed = fmt.Errorf("the key generation's result does not check: %w", err)
		return nil
	}
	raw, err := json.Marshal(done)
	if err != nil {
		return fmt.Errorf("encoding shares: %w", err)
	}
	if err := durable.Write(filepath.Join(c.cfg.Dir, shareFile), raw); err != nil {
		return fmt.Errorf("storing shares: %w", err)
	}
	c.done, c.runs = &done, nil
	return durable.Remove(filepath.Join(c.cfg.Dir, seedFile))
}

func readShares(path string) (*held, error) {
	raw, err := durable.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var h held
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	return &h, nil
}
