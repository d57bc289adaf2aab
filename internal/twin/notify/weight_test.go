package notify

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/query"
)

// A hundred thousand subscriptions that each name everything they may would take all memory there is: what they take together is bounded,
// and given back.
func TestWhatSubscriptionsTakeTogetherIsBounded(t *testing.T) {
	n := &Notifier{cfg: Config{Feed: NewFeed(), Now: time.Now}, clock: newClock(), tenants: map[tribune.Tenant]*index{}}
	sub := func(tenant tribune.Tenant, id string, size int) *subscription {
		return &subscription{tenant: tenant, id: id, doc: document{"description": make(json.RawMessage, size)}, selectors: []selector{{types: query.Type("Car")}}, state: &state{}}
	}
	big := sub("a", "big", maxWeight/4)
	if err := n.room(big, nil); err != nil {
		t.Fatal(err)
	}
	n.put(big)
	if err := n.room(sub("b", "too much", maxWeight/4), nil); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("twice as much: got %v, want ErrBusy", err)
	}
	if err := n.room(sub("a", "big", maxWeight/4), big); err != nil {
		t.Errorf("changing the one that is there: %v", err)
	}
	n.put(sub("a", "big", 10))
	if err := n.room(big, nil); err != nil {
		t.Errorf("after it has become small: %v", err)
	}
	n.take(n.tenants["a"].all["big"])
	if n.weight != 0 || n.count != 0 || len(n.tenants) != 0 {
		t.Errorf("after it went: %d bytes, %d subscriptions, %d tenants are left", n.weight, n.count, len(n.tenants))
	}
}
