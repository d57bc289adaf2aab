package federation

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/query"
)

// Bounds of what sources notify and what waits to be looked at, with their reasons.
const (
	maxInbox      = 64          // notifications of one leg; a source is asked to wait beyond that
	maxInboxBytes = 8 << 20     // of one leg
	maxWaiting    = 128 << 20   // bytes of all legs
	maxReading    = 64          // legs that are looked at at once: each may put entities together from all sources
	maxPieces     = 100_000     // entities that are known to be in pieces: after that they are learned anew
	maxLetter     = 1000        // entities of one notification
	wholeFor      = time.Minute // for putting together the entities of one
)

// Arrived takes a notification of a source (clause 5.8.6), and returns once it is queued. It fails with ErrNotFound where nobody here has
// subscribed to it.
func (l *Legs) Arrived(header http.Header, doc jsonld.Document) error {
	raw, _ := doc.Member("subscriptionId")
	id, ok := text(raw.Raw())
	if !ok {
		return fmt.Errorf("%w: a notification is an object with a subscriptionId (clause 5.3.1)", tribune.ErrInvalid)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.byID[id]
	if g == nil || g.spec == nil {
		return fmt.Errorf("%w: there is no subscription at a context source with this id", tribune.ErrNotFound)
	}
	if !l.take(g, letter{header: words(header), doc: doc}) {
		return tribune.Hint(fmt.Errorf("%w: notifications come faster than they can be sent on", tribune.ErrBusy), "Send it again in some seconds.")
	}
	return nil
}

// take queues a letter for a leg; false where too much waits. mu is held.
func (l *Legs) take(g *leg, one letter) bool {
	if l.ctx.Err() != nil || len(g.inbox) >= maxInbox || len(g.inbox) > 0 && g.bytes+one.size() > maxInboxBytes || l.waiting+one.size() > maxWaiting {
		return false
	}
	g.inbox = append(g.inbox, one)
	g.bytes += one.size()
	l.waiting += one.size()
	if !g.reading {
		g.reading = true
		l.wg.Go(func() { l.read(g) })
	}
	return true
}

// Piece takes a change of an entity here of which a source has notified other pieces. What it does not take is notified as it is here: clause
// 5.8.6 asks others only about what others have notified.
func (l *Legs) Piece(tenant tribune.Tenant, id string, a notify.Arrival) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := subKey{tenant, id}
	if !l.pieces[pieceKey{key, a.After.ID}] {
		return false
	}
	of := l.of[key]
	for _, name := range slices.Sorted(maps.Keys(of)) { // always the same one: changes stay in order
		if g := of[name]; g.spec != nil {
			return l.take(g, letter{here: &a})
		}
	}
	return false
}

// read looks at what has arrived for a leg, in order. What waits for its turn stays in the inbox, where it counts.
func (l *Legs) read(g *leg) {
	for {
		select {
		case l.readers <- struct{}{}:
		case <-l.ctx.Done(): // and finds that it ends
			l.next(g)
			return
		}
		one, reg, elements, ok := l.next(g)
		if ok {
			if err := l.relay(g, reg, elements, one); err != nil {
				l.cfg.Log.Warn("a context source's notification cannot be used", "registration", reg.ID, "err", err)
			}
		}
		<-l.readers
		if !ok {
			return
		}
	}
}

// next takes what has arrived first; ok is false where there is nothing more to read for now.
func (l *Legs) next(g *leg) (one letter, reg *Registration, elements []*Information, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(g.inbox) == 0 || g.spec == nil || l.ctx.Err() != nil {
		l.waiting -= g.bytes
		g.inbox, g.bytes, g.reading = nil, 0, false
		return one, nil, nil, false
	}
	one = g.inbox[0]
	g.inbox, g.bytes, l.waiting = g.inbox[1:], g.bytes-one.size(), l.waiting-one.size()
	return one, g.reg, g.elements, true
}

// relay sends on what a source has notified.
func (l *Legs) relay(g *leg, reg *Registration, elements []*Information, one letter) error {
	spec := l.cfg.Notifier.Afar(g.sub.tenant, g.sub.id)
	if spec == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, wholeFor)
	defer cancel()
	if one.here != nil {
		l.complete(ctx, g, "", spec, one.here)
		l.cfg.Notifier.Relay(ctx, g.sub.tenant, g.sub.id, g.id, []notify.Arrival{*one.here}, true)
		return nil
	}
	from, err := spec.WrittenIn(ctx, l.cfg.Contexts)
	if err != nil {
		return err
	}
	t, err := l.cfg.Sources.tongue(ctx, reg, from)
	if err != nil {
		return err
	}
	of, err := l.cfg.Sources.answeredIn(ctx, Reply{Header: one.header}, &t)
	if err != nil {
		return err
	}
	at := l.cfg.Now()
	if raw, ok := one.doc.Member("notifiedAt"); ok {
		if s, ok := text(raw.Raw()); ok {
			if said, ok := jsonld.Time(s); ok {
				at = said
			}
		}
	}
	data, _ := one.doc.Member("data")
	list := data.Elements()
	if len(list) > maxLetter {
		return fmt.Errorf("%w: a notification of %d entities", tribune.ErrTooLarge, len(list))
	}
	words, err := of(one.doc) // JSON-LD has its @context once
	if err != nil {
		return err
	}
	var all []notify.Arrival
	for _, element := range list {
		a, err := arrival(words, element, at)
		if err != nil {
			return fmt.Errorf("%w: an entity in it is not valid NGSI-LD", tribune.ErrInvalid)
		}
		if l.permitted(ctx, g.sub.tenant, &a, elements) {
			all = append(all, a)
		}
	}
	l.mu.Lock()
	check := l.whole(g, spec, &t)
	l.mu.Unlock()
	if spec.Split() {
		for i := range all {
			l.learn(g.sub, all[i].After)
			l.complete(ctx, g, reg.ID, spec, &all[i])
		}
	}
	l.cfg.Notifier.Relay(ctx, g.sub.tenant, g.sub.id, g.id, all, check)
	return nil
}

// learn notes that an entity is in pieces.
func (l *Legs) learn(sub subKey, e *model.Entity) {
	if e == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pieces) >= maxPieces {
		clear(l.pieces)
	}
	l.pieces[pieceKey{sub, e.ID}] = true
}

// permitted leaves out of an arrival what the source is not registered for, and what is personal; false where it is not about this entity.
// What an entity that is here is, counts as well: a source cannot call a parking session a bench to tell whose it is.
func (l *Legs) permitted(ctx context.Context, tenant tribune.Tenant, a *notify.Arrival, elements []*Information) bool {
	e := a.After
	if e == nil {
		e = a.Before
	}
	var covering []*Information
	for _, i := range elements {
		if i.Covers(e.ID, e.Types) {
			covering = append(covering, i)
		}
	}
	if covering == nil {
		return false
	}
	types := e.Types
	if here, err := l.cfg.Twin.Get(ctx, tenant, e.ID); err == nil {
		types = slices.Concat(types, here.Types)
	}
	may := func(name tribune.Name) bool {
		return !l.cfg.Withhold(types, name) && slices.ContainsFunc(covering, func(i *Information) bool { return !i.named() || i.names(name) })
	}
	for _, e := range []*model.Entity{a.Before, a.After} {
		if e == nil {
			continue
		}
		for name := range e.Attrs {
			if !may(name) {
				delete(e.Attrs, name)
			}
		}
	}
	not := func(name tribune.Name) bool { return !may(name) }
	a.Updated, a.Deleted = slices.DeleteFunc(a.Updated, not), slices.DeleteFunc(a.Deleted, not)
	return a.After == nil || len(a.Updated)+len(a.Deleted) > 0 || len(a.After.Attrs) > 0
}

// complete puts an entity together with what is known of it here and at all sources but the one that it is from (clause 5.8.6).
func (l *Legs) complete(ctx context.Context, g *leg, source string, spec *notify.Spec, a *notify.Arrival) {
	if a.After == nil {
		return
	}
	e := a.After
	var m Merged
	m.Add(e, l.cfg.Now())
	var here []model.Entity
	if v, err := l.cfg.Twin.Get(ctx, g.sub.tenant, e.ID); err == nil {
		here = append(here, v.Entity)
	}
	matches := l.cfg.Registry.Match(g.sub.tenant, Need{IDs: []tribune.EntityID{e.ID}, Types: query.Type(e.Types...), Via: passed(spec.Via())})
	matches = slices.DeleteFunc(matches, func(o Match) bool { return o.ID == source })
	core := l.cfg.Contexts.Core()
	if r, err := cause(ctx, spec); err == nil {
		q := Question{Cause: r, Context: core, One: e.ID, Types: query.Type(e.Types...), TypesText: joinedNames(e.Types)}
		got := l.cfg.Sources.Gather(ctx, matches, &q, here, Guard{Withhold: l.cfg.Withhold})
		for i := range got.Entities {
			m.Add(&got.Entities[i].Entity, l.cfg.Now())
		}
	}
	if source != "" { // another source may know that it is something whose attributes are personal
		for name := range e.Attrs {
			if l.cfg.Withhold(m.Entity.Types, name) {
				m.seal(name)
			}
		}
	}
	m.Drop(a.Deleted...)
	a.After = &m.Entity
}
