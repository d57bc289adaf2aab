package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"tribune"
	"tribune/internal/guardian/client"
	"tribune/protocol"
)

// A change of guardians, as the hub sees it: it takes a document that the council has signed, puts it on record, carries what
// guardians say about it, puts the new group on record, and goes by it once the guardians do. It decides nothing.

const (
	changeRetry = time.Second
	// reachedFor is how long the hub waits for every new guardian to be in the new epoch; those that are late follow.
	reachedFor = 15 * time.Second
	// emergencyTries to have the closing published under the new quorum, some seconds each.
	emergencyTries = 20
)

// changes is the change under way.
type changes struct {
	opening sync.Mutex    // one at a time opens the way
	wake    chan struct{} // buffered by one: a change was handed in
	chain   sync.Mutex    // guards the chain's file

	reopen bool // adopt has closed the way and not opened it yet; of followChanges alone

	mu       sync.Mutex            // guards what follows, and the files of the change under way
	onRecord map[tribune.Hash]bool // changes that this process has put on record
}

func newChanges() *changes {
	return &changes{wake: make(chan struct{}, 1), onRecord: map[tribune.Hash]bool{}}
}

// threshold is how many guardians open, and approve.
func (h *Hub) threshold() int {
	_, t, _ := h.roster()
	return t
}

// openChange reads a signed change of the present group.
func (h *Hub) openChange(doc []byte) (protocol.Change, error) {
	change, err := protocol.OpenChange(doc, h.cfg.Trust.Council)
	if err != nil {
		return change, tribune.Hint(err, "The city's council signs a change of guardians: tribune sign --key council.key FILE.")
	}
	group := h.group.Load()
	if group == nil {
		return change, fmt.Errorf("%w: the guardians have not finished their ceremony", tribune.ErrNotFound)
	}
	return change, change.After(*group)
}

// followChanges carries changes through, one after another, until ctx ends. A hub that was stopped midway goes on.
func (h *Hub) followChanges(ctx context.Context) error {
	select {
	case <-h.vault.opened: // the guardians have keys
	case <-ctx.Done():
		return nil
	}
	if err := h.resume(ctx); err != nil && ctx.Err() == nil {
		h.log.Warn("whether the guardians have changed meanwhile cannot be told", "err", err)
	}
	for {
		doc, err := os.ReadFile(h.cfg.Dir.Change())
		if errors.Is(err, fs.ErrNotExist) {
			select {
			case <-h.changes.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if err == nil {
			err = h.change(ctx, doc)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			h.log.Warn("a change of guardians does not get on", "err", err)
			select {
			case <-time.After(changeRetry):
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// resume takes up a change whose closing is on record and not in force here: this hub comes from a backup, or was stopped
// right then.
func (h *Hub) resume(ctx context.Context) error {
	closing, _, err := h.closingOnRecord(ctx, *h.group.Load())
	if err != nil || closing == nil {
		return err
	}
	return writeFile(h.cfg.Dir.Change(), closing.Change, 0o644)
}

// change carries one change through, or until another one is handed in.
func (h *Hub) change(ctx context.Context, doc []byte) error {
	change, err := h.openChange(doc)
	if err != nil { // of a group that is past
		if h.changes.reopen {
			if err := h.openWay(ctx); err != nil {
				return err
			}
			h.changes.reopen = false
		}
		h.log.Warn("a change of guardians is put aside", "err", err)
		return os.Remove(h.cfg.Dir.Change())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var replaced bool
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-h.changes.wake:
			replaced = true
			cancel()
		case <-ctx.Done():
		}
	})
	err = h.reshare(ctx, doc, change)
	cancel()
	waiting.Wait()
	if replaced && err != nil {
		return nil // the next round reads the other one
	}
	return err
}

// reshare runs a change from where it is on record to the group in force.
func (h *Hub) reshare(ctx context.Context, doc []byte, change protocol.Change) error {
	old := *h.group.Load()
	closing, index, err := h.closingOnRecord(ctx, old)
	if err != nil {
		return err
	}
	resumed := closing != nil
	if closing == nil {
		if closing, index, err = h.carry(ctx, doc, old, change); err != nil {
			return err
		}
	} else if change, err = h.openChange(closing.Change); err != nil { // the one that came first
		return err
	}
	for i, m := range closing.Group.Guardians {
		for _, known := range change.Members {
			if known.Key == m.Key {
				closing.Group.Guardians[i].URL = known.URL
			}
		}
	}
	group := h.reached(closing.Group)
	if !change.Emergency() {
		if err := h.published(ctx, index); err != nil && !resumed {
			return err
		} // guardians that are in the new epoch already have seen that it was published
	}
	reach, cancel := context.WithTimeout(ctx, reachedFor)
	defer cancel()
	n := client.New(client.Config{Group: *group, Key: h.logSeed, Log: h.log}).Reached(reach, group.Epoch)
	if n < group.T {
		return fmt.Errorf("%w: %d of the new guardians are in share epoch %d", tribune.ErrNoQuorum, n, group.Epoch)
	}
	if err := h.adopt(ctx, group); err != nil {
		return err
	}
	if change.Emergency() {
		for range emergencyTries {
			if err = h.published(ctx, index); err == nil || ctx.Err() != nil {
				break
			}
		}
		if err != nil {
			h.log.Error("the closing of an emergency change is not published: the chain of groups lacks it", "err", err)
		}
	}
	if err := os.Remove(h.cfg.Dir.Change()); err != nil {
		return err
	}
	return h.resume(ctx) // a backup may be several groups behind
}

// carry puts the change on record, and what the guardians say about it, and in the end the new group.
func (h *Hub) carry(ctx context.Context, doc []byte, old protocol.Group, change protocol.Change) (*protocol.Closing, uint64, error) {
	if err := h.announceChange(ctx, doc, change); err != nil {
		return nil, 0, err
	}
	all := protocol.Group{City: old.City, Guardians: client.Union(old.Guardians, h.reached(change.Roster()).Guardians)}
	closing, err := client.New(client.Config{Group: all, Key: h.logSeed, Log: h.log}).Reshare(ctx, old, change, h.cfg.Trust.Council,
		func(ctx context.Context, public json.RawMessage) error {
			_, err := h.appendCeremony(ctx, public)
			return err
		})
	if err != nil {
		return nil, 0, err
	}
	index, err := h.appendCeremony(ctx, closing)
	return &closing, index, err
}

// appendCeremony puts a ceremony leaf on record whether or not enough guardians are there: with it they change.
func (h *Hub) appendCeremony(ctx context.Context, v any) (uint64, error) {
	public, err := protocol.JCS(v)
	if err != nil {
		return 0, err
	}
	decision := tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}
	data, _, err := h.ownLeaf(h.own(tribune.ActCeremony), public, nil, decision, tribune.Evidence{})
	if err != nil {
		return 0, err
	}
	index, err := h.record.AppendUnwitnessed(ctx, data)
	if err != nil {
		return 0, fmt.Errorf("putting a leaf of kind %s on record: %w", tribune.ActCeremony, err)
	}
	return index, nil
}

// adopt goes by another group from now on. Acts under way end first; who comes meanwhile is told to come again.
func (h *Hub) adopt(ctx context.Context, group *protocol.Group) error {
	h.changes.reopen = true
	if w := h.way.Swap(nil); w != nil {
		if err := w.Close(); err != nil {
			return fmt.Errorf("closing the way: %w", err)
		}
	}
	if err := h.vault.vault.Load().Adopt(*group); err != nil {
		return fmt.Errorf("adopting the new group: %w", err)
	}
	if err := saveGroup(h.cfg.Dir, *group, h.logKey); err != nil {
		return err
	}
	h.group.Store(group)
	h.guardians.Adopt(*group)
	witnesses, quorum, err := h.witnesses()
	if err == nil {
		err = h.record.Adopt(ctx, witnesses, quorum, h.toGuardians())
	}
	if err != nil {
		return fmt.Errorf("adopting the new group: %w", err)
	}
	h.log.Info("other guardians from now on", "epoch", group.Epoch, "n", group.N, "t", group.T, "w", group.W)
	if err := h.openWay(ctx); err != nil {
		return err
	}
	h.changes.reopen = false
	return nil
}
