package guardian

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// A guardian that joins, or has lost its notes, sees old changes of law for the first time. It need not begin their wait anew: the hub has
// kept the receipt of each such leaf as it was when it was published, and of t co-signatures under it one at least is by an honest
// guardian, at the time it says. The t-th smallest of these times is when the leaf was public at the latest.

const (
	// lateAfter is how much older than our sight of it a leaf is by its own word, so that we look for an older receipt.
	lateAfter = time.Hour
	// maxLawReceipt bounds such a receipt: a leaf, a proof and some signatures.
	maxLawReceipt = 2*protocol.MaxLeaf + 64<<10
	// maxLate bounds how many leaves are asked for.
	maxLate = 1024
)

// isLate notes a leaf that was written long before we saw it. l.mu is held.
func (l *lawBook) isLate(i uint64, leaf protocol.Leaf, seen time.Time) {
	at, err := leaf.Act.When()
	raw, errRaw := leaf.Encode()
	if err == nil && errRaw == nil && seen.Sub(at) > lateAfter && len(l.late) < maxLate {
		l.late[i] = protocol.LeafHash(raw)
	}
}

// backdate asks the hub for the receipts of late leaves. What it does not have stays as we saw it.
func (l *lawBook) backdate(ctx context.Context) {
	l.mu.Lock()
	late := maps.Clone(l.late)
	l.mu.Unlock()
	for _, i := range slices.Sorted(maps.Keys(late)) {
		at, err := l.published(ctx, i, late[i])
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // asked again at the next leaf of kind law, or start
		}
		l.mu.Lock()
		delete(l.late, i)
		if at.Unix() < l.seen[i] {
			l.seen[i], l.dirty = at.Unix(), true
			l.chain.SeenBy(i, time.Unix(at.Unix(), 0))
		}
		l.mu.Unlock()
	}
}

// published is when a leaf was public at the latest, by the receipt that the hub has kept.
func (l *lawBook) published(ctx context.Context, i uint64, leaf tribune.Hash) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/law/leaves/%d", strings.TrimSuffix(l.cfg.Hub, "/"), i), nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := l.cfg.HTTP.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxLawReceipt+1))
	if err != nil || resp.StatusCode != http.StatusOK || len(raw) > maxLawReceipt {
		return time.Time{}, fmt.Errorf("asking the hub for the receipt of leaf %d: %w", i, tribune.ErrNotFound)
	}
	group := l.groupAt(i)
	trust, err := trustOf(group, l.cfg.LogKey)
	if err != nil {
		return time.Time{}, err
	}
	v, err := trust.Receipt(raw)
	if err != nil {
		return time.Time{}, err
	}
	if v.Index != i || v.LeafHash != leaf {
		return time.Time{}, fmt.Errorf("%w: the receipt is of another leaf", tribune.ErrInvalid)
	}
	return verify.LeafTime(v, group.T), nil
}
