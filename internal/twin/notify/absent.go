package notify

import (
	"context"
	"slices"
	"time"
)

// A subscription whose context cannot be had waits for it. It is asked for beside everything else: a context server may take its time.

// restored is a subscription that can go on.
type restored struct {
	k kept
	s *subscription
}

// fetch asks again and again for the contexts without which subscriptions wait, and hands what is back to the matcher.
func (n *Notifier) fetch(ctx context.Context) error {
	again := time.NewTicker(retryContexts)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			n.fetchAbsent(ctx)
		}
	}
}

func (n *Notifier) fetchAbsent(ctx context.Context) {
	n.changing.Lock()
	waiting := slices.Clone(n.absent)
	n.changing.Unlock()
	for i := range waiting {
		s, err := n.restored(ctx, &waiting[i])
		if err != nil {
			continue
		}
		select {
		case n.back <- restored{waiting[i], s}:
		case <-ctx.Done():
			return
		}
	}
}

// goOn has a subscription that is back go on from where it was, unless it has been deleted meanwhile.
func (n *Notifier) goOn(ctx context.Context, r restored) {
	n.changing.Lock()
	i := slices.IndexFunc(n.absent, func(k kept) bool { return k.tenant == r.k.tenant && k.id == r.k.id })
	if i < 0 {
		n.changing.Unlock()
		return
	}
	n.absent = slices.Delete(n.absent, i, i+1)
	n.put(r.s)
	n.changing.Unlock()
	if err := n.catchUp(ctx, r.s.start.Load(), n.cfg.Twin.Position(), r.s); err != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("a subscription could not be brought up to date", "err", err)
	}
}
