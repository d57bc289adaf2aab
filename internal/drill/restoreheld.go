package drill

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"tribune/verify"
)

// held holds the restored hub to what was acknowledged.
func (r *restoration) held(ctx context.Context) error {
	p, c := r.city.play, r.city
	broken, err := r.audit(ctx)
	if err != nil {
		return err
	}
	p.check(len(broken) == 0, "read what was acknowledged before the backup", "every write is there once", "broken: %s", some(broken))
	p.control(r.ledger.wouldNotice(), "the same audit with a write left out of a history, one doubled, and an old current value", "each is found", "as wanted: %v", r.ledger.wouldNotice())
	// The checkpoint of the rebuilt record has to be co-signed before anything opens.
	began := time.Now()
	err = c.proc.until(ctx, startFor, "the guardians to co-sign the rebuilt record", func() (bool, error) {
		now, err := c.checkpoint(ctx)
		return err == nil && now.Size >= r.head.Size, err
	})
	p.check(err == nil, "wait for the guardians to co-sign the rebuilt record", "they do, without anybody's help", "%v, after %.1f s", err, time.Since(began).Seconds())
	if err := r.sealed(ctx); err != nil {
		return err
	}
	if err := r.acts(ctx); err != nil { // those after the backup, too: the record came back from the mirrors
		return err
	}
	now, err := c.checkpoint(ctx)
	if err != nil {
		return err
	}
	tree, err := verify.OpenTree(now.Size, now.Root, verify.OrFull(verify.Dir(os.DirFS(c.path("hub", "log")))))
	if err != nil {
		return fmt.Errorf("reading the restored log: %w", err)
	}
	err = tree.Extends(r.head.Size, r.head.Root)
	p.check(err == nil && now.Size > r.head.Size, "hold the record against the checkpoint that was published last before the loss", "it extends it: no second history", "%d leaves after %d, %d co-signatures, %v", now.Size, r.head.Size, len(now.Cosignatures), err)
	other := r.head.Root
	other[0] ^= 1
	err = tree.Extends(r.head.Size, other)
	p.control(err != nil, "the same against another tree of that size", "refused", "%v", err)
	return r.cosigned(ctx)
}

// cosigned waits until every guardian has co-signed the restored record, each as its own mirror says.
func (r *restoration) cosigned(ctx context.Context) error {
	p, c := r.city.play, r.city
	anyone, err := c.as("")
	if err != nil {
		return err
	}
	var signed map[string]bool
	ask := func() (bool, error) {
		a, err := anyone.Do(ctx, http.MethodGet, "/log/checkpoint", nil, nil)
		if err == nil {
			err = a.Error()
		}
		if err != nil {
			return false, err
		}
		trust, err := c.trust()
		if err != nil {
			return false, err
		}
		cp, err := trust.Checkpoint(a.Body)
		if err != nil {
			return false, err
		}
		if signed == nil {
			signed = map[string]bool{}
		}
		if cp.Size >= r.head.Size {
			for _, s := range cp.Cosignatures {
				signed[s.Name] = true
			}
		}
		return len(signed) == 4, nil
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	// A checkpoint carries the first three co-signatures that came; over some of them each guardian is among these.
	err = c.proc.until(ctx, startFor, "every guardian to co-sign", func() (bool, error) {
		if _, err := inspector.Exercise(ctx, "drill: after the restoration"); err != nil {
			return false, err
		}
		return ask()
	})
	p.check(err == nil, "put acts on record until every guardian was seen to co-sign", "all four do: none has been left with another history", "%d of 4, %v", len(signed), err)
	return nil
}
