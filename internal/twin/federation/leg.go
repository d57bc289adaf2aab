package federation

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// leg is a source's copy of a subscription. What is not said to be fixed is guarded by the mu of Legs.
type leg struct {
	id   string // of the copy at its source; fixed once that has it
	sub  subKey // fixed
	reg  *Registration
	spec *notify.Spec // the subscription; nil = the copy is to be ended
	shape
	have json.RawMessage // the copy that the source has; nil = it may have none

	busy  bool      // it is being asked
	tries int       // that failed, one after the other
	next  time.Time // before which it is not asked again
	old   bool      // the source has an earlier copy, and takes no updates

	inbox   []letter // what it has notified, see Arrived
	bytes   int
	reading bool
}

// shape is what of a subscription concerns a source.
type shape struct {
	elements []*Information   // of the registration that match
	entities []map[string]any // the selectors, reduced; none = whichever
	watched  []tribune.Name   // none = all
}

// newLegID makes the random name of a copy.
func newLegID() string { return "urn:ngsi-ld:Subscription:distsub-" + strings.ToLower(rand.Text()) }

// legRow is a leg in the store, under l|id.
type legRow struct {
	ID           string          `json:"id"`
	Subscription string          `json:"subscription"`
	Registration json.RawMessage `json:"registration"` // names expanded: by then it may be gone, and its source is still to be told
	Have         json.RawMessage `json:"have,omitempty"`
}

func (l *Legs) key(g *leg) []byte { return l.cfg.Registry.key("l", g.sub.tenant, g.id) }

// save makes durable what the source is about to have, or has.
func (l *Legs) save(ctx context.Context, g *leg, reg *Registration, have json.RawMessage) error {
	doc, err := reg.JSON()
	if err != nil {
		return err
	}
	val, err := json.Marshal(legRow{g.id, g.sub.id, doc, have})
	if err != nil {
		return fmt.Errorf("writing a distributed subscription: %w", err)
	}
	var b store.Batch
	b.Put(l.key(g), val)
	if err := l.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("storing a distributed subscription: %w", err)
	}
	return nil
}

func (l *Legs) erase(ctx context.Context, g *leg) error {
	var b store.Batch
	b.Delete(l.key(g))
	if err := l.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("removing a distributed subscription: %w", err)
	}
	return nil
}

// load reads the legs; those that nobody asks for any more are ended by the first comparison.
func (l *Legs) load(ctx context.Context) error {
	for pair, err := range l.cfg.Store.Scan(ctx, store.Prefix(store.Part(nil, room))) {
		if err != nil {
			return err
		}
		kind, tenant, ok := cutKey(pair.Key)
		if !ok {
			return &tribune.IntegrityError{What: "a key of the federation room", Err: errors.New("it has another shape")}
		}
		if kind != "l" {
			continue
		}
		var row legRow
		err := json.Unmarshal(pair.Value, &row)
		var doc jsonld.Document
		if err == nil {
			doc, err = jsonld.Read(row.Registration)
		}
		var r *Registration
		if err == nil {
			r, err = Parse(doc, asWritten{})
		}
		if err != nil {
			return &tribune.IntegrityError{What: "a distributed subscription", Err: err}
		}
		r.Tenant = tenant
		l.put(&leg{id: row.ID, sub: subKey{tenant, row.Subscription}, reg: r, have: row.Have})
	}
	return nil
}
