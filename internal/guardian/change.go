package guardian

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	fnote "github.com/transparency-dev/formats/note"

	"tribune"
	"tribune/internal/guardian/ceremony"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
	"tribune/verify"
)

// The membership of guardians changes; a guardian works by the group in force in its own mirror, and by nothing that the
// hub says. Its configuration names the founding group for ever.
//
// A guardian that a hub does not ask to co-sign (it is not one yet, or not any more) fetches the log's newest checkpoint by
// itself: its signature is the log's, and every leaf below it is held here and checked against its root, as when co-signing.

const (
	// lookEvery is how often a guardian looks whether its operator has accepted a change, and whether a group that is on
	// record has been published: a change takes seconds.
	lookEvery = 500 * time.Millisecond
	// askedLately is how long after a request to co-sign a guardian does not look by itself.
	askedLately = 3 * time.Second
	// maxChain bounds the hub's answer: a receipt of some 60 KB a change.
	maxChain = 8 << 20
	maxHead  = 4 << 10
)

// present is the group that this guardian works by, before the founding the configuration's.
type present struct {
	roster      protocol.Group
	trust       *verify.Trust
	checkpoints *checkpointCache // of receipts under trust
}

// membership keeps it.
type membership struct {
	present atomic.Pointer[present]
	asked   atomic.Int64 // Unix milliseconds of the last request to co-sign
}

// peerKeys are the keys that peers are pinned by.
type peerKeys struct {
	list atomic.Pointer[[]ed25519.PublicKey]
}

func newPeerKeys(g protocol.Group) *peerKeys {
	k := &peerKeys{}
	k.set(g)
	return k
}

func (k *peerKeys) set(g protocol.Group) {
	var keys []ed25519.PublicKey
	for _, m := range g.Guardians {
		if _, key, err := protocol.PublicOf(m.Key); err == nil {
			keys = append(keys, key)
		}
	}
	k.list.Store(&keys)
}

func (k *peerKeys) keys() []ed25519.PublicKey { return *k.list.Load() }

// trustOf is what receipts under a group's co-signatures are verified by.
func trustOf(g protocol.Group, logKey string) (*verify.Trust, error) {
	text, err := g.TrustFile(logKey, fnote.VKeyToCosignatureV1)
	if err != nil {
		return nil, err
	}
	return verify.ParseTrust([]byte(text))
}

// receipt verifies a receipt under the group's co-signatures.
func (p *present) receipt(raw []byte) (*verify.Verified, error) {
	return p.checkpoints.receipt(p.trust, raw)
}

// now is the group this guardian works by.
func (g *Guardian) now() *present { return g.membership.present.Load() }

// step lets the ceremony read on, and follows it where it has put another group into force.
func (g *Guardian) step() error {
	if err := g.ceremony.Step(); err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	group, ok := g.ceremony.Group()
	if !ok || group.Epoch == g.now().roster.Epoch {
		return nil
	}
	trust, err := trustOf(group, g.cfg.LogKey)
	if err != nil {
		return fmt.Errorf("the group in force: %w", err)
	}
	g.membership.present.Store(&present{roster: group, trust: trust, checkpoints: newCheckpointCache()})
	g.resolved.peers.set(group)
	g.clock.adopt(group)
	g.law.chain.Anew() // whose approvals count in leaves after the closing
	return nil
}

// openMembership begins with the founding group of the configuration.
func (g *Guardian) openMembership() {
	g.membership.present.Store(&present{roster: g.roster, trust: g.trust, checkpoints: newCheckpointCache()})
}

// follow looks what no request brings.
func (g *Guardian) follow(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if time.Since(time.UnixMilli(g.membership.asked.Load())) > askedLately {
			// A hub that is away, or shows what its log has not signed, is asked again.
			_ = g.fetchHead(ctx)
		}
		if p := g.ceremony.Pending(); p != nil {
			if err := g.confirm(ctx, p); err != nil && ctx.Err() == nil {
				var broken *tribune.IntegrityError
				if errors.As(err, &broken) {
					return err
				}
			}
		}
		if err := g.step(); err != nil { // the operator's command writes a file
			return err
		}
	}
}

// fetchHead extends the mirror to the newest checkpoint that the log has signed.
func (g *Guardian) fetchHead(ctx context.Context) error {
	raw, err := g.fetch(ctx, "/log/head", maxHead)
	if err != nil {
		return err
	}
	next, _, err := g.openCheckpoint(raw)
	if err != nil {
		return err
	}
	head := g.mirror.Head()
	if next.Size <= head.Size {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	if err := g.mirror.Extend(ctx, head.Size, next); err != nil {
		return err
	}
	g.index.advance(next.Size, g.cfg.Now())
	return nil
}

// confirm puts a group into force once the quorum before it has published the leaf that closes it, in the log we hold.
func (g *Guardian) confirm(ctx context.Context, p *ceremony.Pending) error {
	raw, err := g.fetch(ctx, "/group/chain", maxChain)
	if err != nil {
		return err
	}
	var chain wire.Chain
	if err := json.Unmarshal(raw, &chain); err != nil {
		return fmt.Errorf("%w: the chain of groups cannot be read: %w", tribune.ErrInvalid, err)
	}
	trust, err := trustOf(p.Old, g.cfg.LogKey)
	if err != nil {
		return err
	}
	for _, link := range chain.Links {
		v, err := trust.Receipt(link.Receipt)
		if err != nil || v.Index != p.Index || v.Checkpoint.Size > g.mirror.Head().Size {
			continue
		}
		root, err := g.mirror.RootAt(v.Checkpoint.Size)
		if err != nil {
			return fmt.Errorf("reading the mirror: %w", err)
		}
		if root != v.Checkpoint.Root {
			return fmt.Errorf("%w: the group was published in another log than this guardian holds", tribune.ErrInvalid)
		}
		if err := g.ceremony.Confirm(p); err != nil {
			return &tribune.IntegrityError{What: "the shares", Err: err}
		}
		return nil
	}
	return fmt.Errorf("%w: the group is not published yet", tribune.ErrNotFound)
}

// fetch reads a path of the hub.
func (g *Guardian) fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(g.cfg.Hub, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := g.cfg.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the hub for %s: %s", path, resp.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s: %w", path, tribune.ErrTooLarge)
	}
	return raw, err
}
