package city

import (
	"context"
	"errors"
	"fmt"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// openNotifier reads the subscriptions. Notifications go to public addresses, and to those inside that the city allows.
func (h *Hub) openNotifier(ctx context.Context, contexts *jsonld.Contexts) (err error) {
	h.sender = notify.NewSender(notify.SenderConfig{Reach: h.reach, Now: h.now})
	h.notifier, err = notify.Open(ctx, notify.Config{
		Store: h.store, Twin: h.twin, Feed: h.feed, Sender: h.sender, Contexts: contexts, Now: h.now, Log: h.log, Standings: gated{h}, Handings: h.told,
		ClassOf: func(types []tribune.Name, attr tribune.Name) tribune.Class { return h.gate.Set().ClassOf(types, attr) },
	})
	if err != nil {
		return errors.Join(fmt.Errorf("opening the subscriptions: %w", err), h.sender.Close())
	}
	return nil
}

// notify notifies until ctx ends, then saves how far it has come.
func (h *Hub) notify(ctx context.Context) error {
	return errors.Join(h.notifier.Run(ctx), h.sender.Close())
}

// FileNotify is where notifications of subscriptions may go.
type FileNotify struct {
	Allow []string `toml:"allow"`
}

func (f File) checkNotify() error {
	if _, err := notify.ParseReach(f.Notify.Allow); err != nil {
		return fmt.Errorf("[notify] allow: %w", err)
	}
	return nil
}
