package ceremony

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

const (
	acceptFile = "accepted.json"
	acceptLock = "accepted.lock"
)

// accepted is what this guardian's operator has accepted, for ever: one entry a change, the last one of an epoch counts.
type accepted struct {
	Changes []acceptance `json:"changes"`
}

type acceptance struct {
	Change   []byte       `json:"change"` // the signed document
	Digest   tribune.Hash `json:"digest"`
	Epoch    uint32       `json:"epoch"`
	Signed   bool         `json:"signed"`   // this guardian has signed, or is about to sign, the group that came of it
	Received string       `json:"received"` // when, for people
}

// last is the acceptance that counts for an epoch.
func (a accepted) last(epoch uint32) *acceptance {
	for i := len(a.Changes) - 1; i >= 0; i-- {
		if a.Changes[i].Epoch == epoch {
			return &a.Changes[i]
		}
	}
	return nil
}

// Accept notes durably that the operator of the guardian self accepts the change in doc, which the council must have
// signed. It may run beside the guardian itself.
//
// Of several ordinary changes for one share epoch the last one accepted is worked for: a member of an earlier one who
// withholds its signature must not hold up the city for ever. Both may come to be closed; in the one log that w of the old
// group co-sign, the first counts, and the shares of every group that was signed are kept until one is in force.
//
// An emergency is not published under the old group, so there one word is given a share epoch: it is taken back only where
// the guardian is a member of the first group and has not signed it. That group then never comes to be, since all its
// members must sign, and this one never will.
func Accept(dir, self, council string, doc []byte, now string) (protocol.Change, error) {
	change, err := protocol.OpenChange(doc, council)
	if err != nil {
		return change, err
	}
	digest, err := change.Digest()
	if err != nil {
		return change, err
	}
	return change, withAccepted(dir, func(a *accepted) (bool, error) {
		if last := a.last(change.Epoch); last != nil && last.Digest == digest {
			return false, nil
		}
		for _, before := range a.Changes {
			if before.Epoch != change.Epoch || before.Digest == digest {
				continue
			}
			if err := before.yields(change, self, council); err != nil {
				return false, err
			}
		}
		a.Changes = append(a.Changes, acceptance{Change: doc, Digest: digest, Epoch: change.Epoch, Received: now})
		return true, nil
	})
}

// yields reports why a word for one change cannot be taken back for another of the same epoch; nil = it can.
func (a acceptance) yields(to protocol.Change, self, council string) error {
	from, err := protocol.OpenChange(a.Change, council)
	if err != nil {
		return err
	}
	member := slices.ContainsFunc(from.Members, func(m protocol.Member) bool { return m.Name == self })
	switch {
	case !from.Emergency() && !to.Emergency():
		return nil
	case a.Signed:
		return fmt.Errorf("%w: this guardian has signed the group of another change for share epoch %d (%s), and one of the two is an emergency", tribune.ErrConflict, a.Epoch, a.Digest)
	case !member:
		return fmt.Errorf("%w: this guardian has accepted another change for share epoch %d (%s), which it leaves with; that word cannot be taken back where one of the two is an emergency", tribune.ErrConflict, a.Epoch, a.Digest)
	}
	return nil
}

// Accepted are the changes that the operator has accepted, newest last.
func Accepted(dir string) (digests []tribune.Hash, err error) {
	a, err := readAccepted(dir)
	for _, c := range a.Changes {
		digests = append(digests, c.Digest)
	}
	return digests, err
}

// bind notes that this guardian is about to sign the group of a change; false where it accepted another one since.
func bind(dir string, epoch uint32, digest tribune.Hash) (ok bool, err error) {
	err = withAccepted(dir, func(a *accepted) (bool, error) {
		last := a.last(epoch)
		if last == nil || last.Digest != digest {
			return false, nil
		}
		ok = true
		if last.Signed {
			return false, nil
		}
		last.Signed = true
		return true, nil
	})
	return ok, err
}

// withAccepted changes the file under its lock: the operator's command is another process than the guardian.
func withAccepted(dir string, change func(*accepted) (write bool, err error)) error {
	f, err := os.OpenFile(filepath.Join(dir, acceptLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking what was accepted: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking what was accepted: %w", err)
	}
	a, err := readAccepted(dir)
	if err != nil {
		return err
	}
	write, err := change(&a)
	if err != nil || !write {
		return err
	}
	raw, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return fmt.Errorf("encoding what was accepted: %w", err)
	}
	if err := durable.Write(filepath.Join(dir, acceptFile), raw); err != nil {
		return fmt.Errorf("keeping what was accepted: %w", err)
	}
	return nil
}

func readAccepted(dir string) (a accepted, err error) {
	raw, err := durable.Read(filepath.Join(dir, acceptFile))
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &a)
	}
	if err != nil {
		return a, fmt.Errorf("reading what was accepted: %w", err)
	}
	return a, nil
}
