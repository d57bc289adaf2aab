package notify

import (
	"fmt"

	"tribune"
)

// What all subscriptions may take of the memory. A hundred thousand of the usual kind take some 400 MB; one with a hundred selectors and
// two hundred attributes takes as much as a thousand of these.
const (
	maxWeight    = 512 << 20 // bytes, estimated
	weightOfAny  = 2 << 10   // of a subscription with nothing in it
	weightOfItem = 100       // of an entry of the index
)

// weight estimates the memory that a subscription takes: its document, read and as it was sent, and its entries of the index.
func (s *subscription) weight() int {
	n := weightOfAny + len(s.writtenIn) + len(s.sentIn)
	for name, value := range s.doc {
		n += 2 * (len(name) + len(value))
	}
	entries := 1
	for i := range s.selectors {
		entries += max(1, len(s.selectors[i].ids), len(s.selectors[i].types.Candidates()))
	}
	return n + weightOfItem*entries*max(1, len(s.watched))
}

// room refuses what would be too much in memory; old is what a subscription replaces, nil = nothing.
func (n *Notifier) room(s, old *subscription) error {
	n.mu.RLock()
	defer n.mu.RUnlock()
	was := 0
	if old != nil {
		was = old.weight()
	} else if n.count >= MaxSubscriptions {
		return tribune.Hint(fmt.Errorf("%w: there are %d subscriptions", tribune.ErrBusy, MaxSubscriptions), "Delete those that nobody needs.")
	}
	if w := s.weight(); w > was && n.weight-was+w > maxWeight {
		return tribune.Hint(fmt.Errorf("%w: the subscriptions take %d MB of memory together", tribune.ErrBusy, n.weight>>20), "Delete those that nobody needs, or name fewer entities and attributes in each.")
	}
	return nil
}
