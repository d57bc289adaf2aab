package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/jsonld"
)

// Keys in room "notify" (store.Key; id is a part):
//
//	s|id   a subscription: row as JSON
//	n|id   its counters and where it must go on: progress as JSON; written behind, a crash loses some seconds of it
//	d|id   of whom a standing subscription has been told on a day (telling.go)
//	p|hub  the change log's position up to which everything has been looked at, u64 as JSON; in the default tenant
const room = "notify"

type row struct {
	Doc       json.RawMessage `json:"doc"` // names expanded
	WrittenIn json.RawMessage `json:"writtenIn"`
	SentIn    json.RawMessage `json:"sentIn"`
	CsfIn     json.RawMessage `json:"csfIn,omitempty"` // where it is not WrittenIn
	Created   time.Time       `json:"created"`
	Modified  time.Time       `json:"modified"`
	Since     uint64          `json:"since"`

	Standing *tribune.Standing `json:"standing,omitempty"`
	By       tribune.ActorID   `json:"by,omitempty"`
	Via      []string          `json:"via,omitempty"`
}

// row is what rests of a subscription, but for its progress.
func (s *subscription) row() row {
	r := row{Doc: s.doc.bytes(), WrittenIn: s.writtenIn, SentIn: s.sentIn, Created: s.created, Modified: s.modified, Since: s.since, Standing: s.standing, By: s.by, Via: s.via}
	if !bytes.Equal(s.csfIn, s.writtenIn) {
		r.CsfIn = s.csfIn
	}
	return r
}

type progress struct {
	Counts counts `json:"counts"`
	Behind uint64 `json:"behind,omitempty"`
}

// shelf keeps subscriptions in the store.
type shelf struct{ store.Store }

func (s shelf) place(tenant tribune.Tenant, id string) tribune.Place {
	return tribune.Place{Tenant: tenant, Partition: store.PartitionOf(tenant, id, s.Partitions())}
}

func (s shelf) key(kind string, tenant tribune.Tenant, id string) []byte {
	return store.Key(room, s.place(tenant, id), kind, id)
}

// put writes a subscription; fresh where it must not be there yet.
func (s shelf) put(ctx context.Context, sub *subscription, fresh bool) error {
	val, err := json.Marshal(sub.row())
	if err != nil {
		return fmt.Errorf("writing subscription: %w", err)
	}
	var b store.Batch
	key := s.key("s", sub.tenant, sub.id)
	if fresh {
		b.ExpectAbsent(key)
		b.Delete(s.key("n", sub.tenant, sub.id)) // of one before it with its id
		if err := s.forgetTold(ctx, &b, sub.tenant, sub.id); err != nil {
			return err
		}
	}
	b.Put(key, val)
	if err := s.Commit(ctx, &b); err != nil {
		return fmt.Errorf("storing subscription: %w", err)
	}
	return nil
}

func (s shelf) remove(ctx context.Context, tenant tribune.Tenant, id string) error {
	var b store.Batch
	b.Delete(s.key("s", tenant, id))
	b.Delete(s.key("n", tenant, id))
	if err := s.forgetTold(ctx, &b, tenant, id); err != nil {
		return err
	}
	if err := s.Commit(ctx, &b); err != nil {
		return fmt.Errorf("removing subscription: %w", err)
	}
	return nil
}

// save writes what subscriptions have come to, one batch for each place.
func (s shelf) save(ctx context.Context, all []*subscription) error {
	batches := map[tribune.Place]*store.Batch{}
	for _, sub := range all {
		p, dirty := sub.progress()
		if !dirty {
			continue
		}
		val, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("writing a subscription's counters: %w", err)
		}
		at := s.place(sub.tenant, sub.id)
		if batches[at] == nil {
			batches[at] = &store.Batch{}
		}
		batches[at].Put(s.key("n", sub.tenant, sub.id), val)
	}
	for _, b := range batches {
		if err := s.Commit(ctx, b); err != nil {
			return fmt.Errorf("storing subscriptions' counters: %w", err)
		}
	}
	return nil
}

func (s shelf) positionKey(hub string) []byte { return store.Key(room, tribune.Place{}, "p", hub) }

func (s shelf) position(ctx context.Context, hub string) (uint64, error) {
	b, err := s.Get(ctx, s.positionKey(hub))
	if err != nil {
		return 0, err
	}
	var p uint64
	if err := json.Unmarshal(b, &p); err != nil {
		return 0, &tribune.IntegrityError{What: "position of notifications", Err: err}
	}
	return p, nil
}

func (s shelf) savePosition(ctx context.Context, hub string, p uint64) error {
	var b store.Batch
	b.Put(s.positionKey(hub), fmt.Append(nil, p))
	return s.Commit(ctx, &b)
}

// kept is a subscription as it is read back.
type kept struct {
	tenant tribune.Tenant
	id     string
	row    row
	progress
}

// all reads every subscription of every tenant.
func (s shelf) all(ctx context.Context) ([]kept, error) {
	var out []kept
	index := map[string]int{}
	for p, err := range s.Scan(ctx, store.Prefix(store.Part(nil, room))) {
		if err != nil {
			return nil, fmt.Errorf("reading subscriptions: %w", err)
		}
		tenant, kind, id, ok := cutKey(p.Key)
		if !ok {
			return nil, &tribune.IntegrityError{What: "a key of notifications", Err: tribune.ErrInvalid}
		}
		line := lineOf(tenant, id)
		switch kind {
		case "n": // comes before "s"
			k := kept{tenant: tenant, id: id}
			if err := json.Unmarshal(p.Value, &k.progress); err != nil {
				return nil, &tribune.IntegrityError{What: "counters of a subscription", Err: err}
			}
			index[line] = len(out)
			out = append(out, k)
		case "s":
			i, found := index[line]
			if !found {
				i = len(out)
				out = append(out, kept{tenant: tenant, id: id})
			}
			if err := json.Unmarshal(slices.Clone(p.Value), &out[i].row); err != nil {
				return nil, &tribune.IntegrityError{What: "a subscription", Err: err}
			}
		}
	}
	return slices.DeleteFunc(out, func(k kept) bool { return len(k.row.Doc) == 0 }), nil
}

func cutKey(key []byte) (tenant tribune.Tenant, kind, id string, ok bool) {
	_, rest, ok1 := store.CutPart(key)
	t, rest, ok2 := store.CutPart(rest)
	if !ok1 || !ok2 || len(rest) < 2 {
		return "", "", "", false
	}
	kind, rest, ok1 = store.CutPart(rest[2:])
	id, _, ok2 = store.CutPart(rest)
	return tribune.Tenant(t), kind, id, ok1 && ok2
}

// restore makes a subscription of what was kept. It fails with jsonld.ErrContext while a context of it cannot be had.
func (k *kept) restore(ctx context.Context, contexts Contexts) (*subscription, error) {
	body, err := jsonld.Read(k.row.Doc)
	if err != nil {
		return nil, &tribune.IntegrityError{What: "a subscription", Err: err}
	}
	doc, err := read(body)
	if err != nil {
		return nil, err
	}
	writtenIn, err := contexts.Of(ctx, k.row.WrittenIn)
	if err != nil {
		return nil, err
	}
	sentIn, err := contexts.Of(ctx, k.row.SentIn)
	if err != nil {
		return nil, err
	}
	s, err := compile(doc, writtenIn, sentIn)
	if err != nil {
		return nil, err
	}
	s.tenant, s.created, s.modified, s.since, s.standing, s.by, s.via = k.tenant, k.row.Created, k.row.Modified, k.row.Since, k.row.Standing, k.row.By, k.row.Via
	if s.csfIn = k.row.CsfIn; s.csfIn == nil {
		s.csfIn = s.writtenIn
	}
	s.line = lineOf(s.tenant, s.id)
	s.state = &state{counts: k.Counts, behind: k.Behind, catching: true, posted: k.Counts.Notification}
	s.start.Store(max(k.Behind, 1) - 1)
	return s, nil
}
