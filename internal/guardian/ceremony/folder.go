package ceremony

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// The files with secrets: a seed for each share epoch under way, the shares in force, and those of every group that we have
// signed and that may come into force yet.

// seedPath is where the seed of the key generations for an epoch lies: reading how earlier epochs ended must not remove it.
func (c *Ceremony) seedPath(epoch uint32) string {
	if epoch == Epoch {
		return filepath.Join(c.cfg.Dir, seedFile)
	}
	return filepath.Join(c.cfg.Dir, fmt.Sprintf("ceremony-%d.seed", epoch))
}

// nextPath is where the shares lie that came of a change whose group is not in force yet.
func (c *Ceremony) nextPath(change tribune.Hash) string {
	return filepath.Join(c.cfg.Dir, nextFile+"."+change.String()+".json")
}

// readHeld reads a shares file and checks it; nil where there is none.
func (c *Ceremony) readHeld(file string) (*held, error) {
	path := filepath.Join(c.cfg.Dir, file)
	raw, err := durable.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var h held
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err != nil {
		return nil, fmt.Errorf("reading shares: %w", err)
	}
	if err := h.check(c.cfg.Self); err != nil {
		return nil, &tribune.IntegrityError{What: "the shares file " + path, Err: err}
	}
	return &h, nil
}

// readNext reads the shares of groups that are not in force yet.
func (c *Ceremony) readNext() (map[tribune.Hash]*held, error) {
	paths, err := filepath.Glob(filepath.Join(c.cfg.Dir, nextFile+".*.json"))
	if err != nil {
		return nil, fmt.Errorf("reading shares: %w", err)
	}
	next := map[tribune.Hash]*held{}
	for _, path := range paths {
		h, err := c.readHeld(filepath.Base(path))
		if err != nil {
			return nil, err
		}
		if h != nil {
			next[h.Change] = h
		}
	}
	return next, nil
}

// take puts the shares of a group that is in force now into the place of those before; who has none deletes its own.
func (c *Ceremony) take(group protocol.Group) error {
	shares := filepath.Join(c.cfg.Dir, shareFile)
	for change, h := range c.next {
		if !sameGroup(h.Group, group) {
			continue
		}
		if err := durable.Rename(c.nextPath(change), shares); err != nil {
			return fmt.Errorf("putting the new shares into force: %w", err)
		}
		c.held = h
		delete(c.next, change)
		return nil
	}
	if err := durable.Remove(shares); err != nil { // we leave, or have lost what we took
		return fmt.Errorf("deleting the old shares: %w", err)
	}
	c.held = nil
	return nil
}

// clear deletes what is left of the key generations for an epoch that has come, and of those before.
func (c *Ceremony) clear(epoch uint32) error {
	for change, h := range c.next {
		if h.Group.Epoch > epoch {
			continue
		}
		delete(c.next, change)
		if err := durable.Remove(c.nextPath(change)); err != nil {
			return fmt.Errorf("deleting shares of a group that never was: %w", err)
		}
	}
	if err := durable.Remove(c.seedPath(epoch)); err != nil {
		return fmt.Errorf("deleting the ceremony's seed: %w", err)
	}
	return nil
}
