package federation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/query"
)

// watcher is a registration subscription ready to be matched. All of it is immutable but for what writing guards.
type watcher struct {
	tenant tribune.Tenant
	spec   *notify.Spec
	needs  []Need // one of them
	line   string // of the sender
	weight int    // in bytes

	// Guarded by the registry's writing:
	due     time.Time          // of the next periodic notification, or of what waits for throttling to end; zero = none
	sent    time.Time          // when the last notification was posted, for throttling
	waiting map[string]pending // by ID of the registration
}

// pending is a change that waits for throttling to end.
type pending struct {
	r      *Registration
	only   []int
	reason string
}

// watcher prepares a subscription for matching (clauses 5.11.2.4 and 5.12).
func (s *Subscriptions) watcher(ctx context.Context, tenant tribune.Tenant, spec *notify.Spec) (*watcher, error) {
	row, err := spec.Row()
	if err != nil {
		return nil, fmt.Errorf("writing a registration subscription: %w", err)
	}
	w := &watcher{tenant: tenant, spec: spec, weight: weigh(row), line: "registrations\x00" + string(tenant) + "\x00" + spec.ID(), waiting: map[string]pending{}}
	common := Need{Attrs: spec.Attrs()}
	var past struct{ Timerel, TimeAt, EndTimeAt, Timeproperty string }
	if raw := spec.Member("temporalQ"); raw != nil {
		if json.Unmarshal(raw, &past) != nil || past.TimeAt == "" {
			return nil, bad("temporalQ", "it must be an object with timerel and timeAt (clause 5.2.21)")
		}
		if common.Past, err = ParsePast(past.Timerel, past.TimeAt, past.EndTimeAt, past.Timeproperty); err != nil {
			return nil, err
		}
	}
	f, err := s.filter(ctx, spec)
	if err != nil {
		return nil, err
	}
	common.Where = f.Where()
	for _, sel := range spec.Selected() {
		n := common
		n.Types, n.IDs, n.Pattern = sel.Types, sel.IDs, sel.Pattern
		w.needs = append(w.needs, n)
	}
	if len(w.needs) == 0 {
		w.needs = []Need{common}
	}
	return w, nil
}

// filter are the conditions of a subscription on registrations as a whole.
func (s *Subscriptions) filter(ctx context.Context, spec *notify.Spec) (f Filter, err error) {
	if csf := spec.Text("csf"); csf != "" {
		names, err := spec.SourcesIn(ctx, s.cfg.Contexts)
		if err != nil {
			return f, err
		}
		if f.Sources, err = query.Parse(csf, Property(names)); err != nil {
			return f, bad("csf", "it does not follow the query language (clause 4.9)")
		}
	}
	if scopes := spec.Text("scopeQ"); scopes != "" {
		if f.Scope, err = ParseScope(scopes); err != nil {
			return f, err
		}
	}
	raw := spec.Member("geoQ")
	if raw == nil {
		return f, nil
	}
	var geo struct {
		Georel, Geometry, Geoproperty string
		Coordinates                   json.RawMessage
	}
	if json.Unmarshal(raw, &geo) != nil {
		return f, bad("geoQ", "it must be an object with georel, geometry and coordinates (clause 5.2.13)")
	}
	coordinates := string(geo.Coordinates)
	if s, ok := text(geo.Coordinates); ok { // for the sake of JSON-LD it may be written as a text (clause 4.7.1)
		coordinates = s
	}
	f.Place, f.Space, err = ParsePlace(asWritten{}, geo.Georel, geo.Geometry, coordinates, geo.Geoproperty)
	return f, err
}

// matches are the elements of a registration's information that the subscription is about; ok is false where none is.
func (w *watcher) matches(r *Registration, now time.Time) (only []int, ok bool) {
	if r == nil || r.expired(now) {
		return nil, false
	}
	for i := range w.needs {
		if n := &w.needs[i]; r.serves(n) {
			for _, m := range r.matches(n, nil) {
				only = append(only, m.element())
			}
		}
	}
	slices.Sort(only)
	only = slices.Compact(only)
	return only, len(only) > 0
}

// begin sets the time of the next periodic notification. After a restart it goes on from the last one.
func (w *watcher) begin(now time.Time) {
	w.due = time.Time{}
	if every := w.spec.Interval(); every > 0 {
		w.due = now.Add(every)
		if last := w.spec.LastNotification(); !last.IsZero() && last.Add(every).After(now) {
			w.due = last.Add(every)
		}
	}
}

// changed tells the subscriptions of a change of a registration (clauses 5.3.3 and 5.11.7). The registry calls it, holding writing.
func (s *Subscriptions) changed(c Change) {
	one := c.After
	if one == nil {
		one = c.Before
	}
	now := s.now()
	for _, w := range s.of(one.Tenant) {
		if w.spec.Interval() > 0 || !w.spec.Active(now) {
			continue
		}
		was, before := w.matches(c.Before, time.Time{})
		is, after := w.matches(c.After, now)
		switch {
		case before && after:
			s.tell(w, pending{c.After, is, "updated"}, now)
		case after:
			s.tell(w, pending{c.After, is, "newlyMatching"}, now)
		case before && c.After == nil:
			s.tell(w, pending{c.Before, was, "noLongerMatching"}, now)
		case before: // shown as it is now, all of it: nothing of it matches
			s.tell(w, pending{c.After, nil, "noLongerMatching"}, now)
		}
	}
}

// tell notifies of one registration, now or when throttling ends.
func (s *Subscriptions) tell(w *watcher, p pending, now time.Time) {
	rest := w.spec.Throttling()
	if rest == 0 || now.Sub(w.sent) >= rest && len(w.waiting) == 0 {
		s.post(w, p.reason, []pending{p}, now)
		return
	}
	if old, ok := w.waiting[p.r.ID]; ok && old.reason == "newlyMatching" {
		if p.reason == "noLongerMatching" { // it came and went, and nobody was told
			delete(w.waiting, p.r.ID)
			return
		}
		p.reason = old.reason
	}
	w.waiting[p.r.ID] = p
	w.due = w.sent.Add(rest)
	s.poke()
}

// all notifies of every registration that matches now. One without interval has nothing to say of none (clause 5.8.6).
func (s *Subscriptions) all(w *watcher, reason string) {
	now := s.now()
	if !w.spec.Active(now) {
		return
	}
	var list []pending
	at := map[string]int{}
	for _, n := range w.needs {
		for _, f := range s.cfg.Registry.Discover(w.tenant, n) {
			i, ok := at[f.ID]
			if !ok {
				i = len(list)
				at[f.ID] = i
				list = append(list, pending{r: f.Registration})
			}
			list[i].only = append(list[i].only, f.Only...)
			slices.Sort(list[i].only)
			list[i].only = slices.Compact(list[i].only)
		}
	}
	slices.SortFunc(list, func(a, b pending) int { return strings.Compare(a.r.ID, b.r.ID) })
	if len(list) > 0 || w.spec.Interval() > 0 {
		s.parts(w, reason, list, now)
	}
}

// maxNotice is what one notification of registrations holds at most, by the weight of these: what matches may be all there is.
const maxNotice = 4 << 20

// parts posts as many notifications as it takes.
func (s *Subscriptions) parts(w *watcher, reason string, list []pending, now time.Time) {
	from, size := 0, 0
	for i := range list {
		n := list[i].r.weight()
		if size += n; size > maxNotice && i > from {
			s.post(w, reason, list[from:i], now)
			from, size = i, n
		}
	}
	s.post(w, reason, list[from:], now)
}

// post hands one notification to the sender (clause 5.3.2).
func (s *Subscriptions) post(w *watcher, reason string, list []pending, now time.Time) {
	n, err := s.message(w, reason, list, now)
	if err != nil {
		s.cfg.Log.Error("a notification of registrations cannot be written", "err", err)
		return
	}
	w.sent = now
	to, _, _ := w.spec.Endpoint()
	s.cfg.Sender.Post(w.line, to, n, w.spec)
}

func (s *Subscriptions) message(w *watcher, reason string, list []pending, now time.Time) (notify.Notification, error) {
	names := w.spec.SentIn()
	_, ld, link := w.spec.Endpoint()
	out := notify.Notification{Tenant: w.tenant, ContentType: notify.TypeJSON, Link: link}
	type message struct {
		ID             string            `json:"id"`
		Type           string            `json:"type"`
		SubscriptionID string            `json:"subscriptionId"`
		NotifiedAt     string            `json:"notifiedAt"`
		TriggerReason  string            `json:"triggerReason"`
		Data           []json.RawMessage `json:"data"`
		Context        json.RawMessage   `json:"@context,omitempty"`
	}
	m := message{"urn:ngsi-ld:ContextSourceNotification:" + newID(), "ContextSourceNotification", w.spec.ID(), now.UTC().Format("2006-01-02T15:04:05.000Z"), reason, []json.RawMessage{}, nil}
	for _, p := range list {
		raw, err := p.r.Show(Shown{Names: names, Only: p.only, Discreet: true, Lists: true})
		if err != nil {
			return out, fmt.Errorf("showing registration %s: %w", p.r.ID, err)
		}
		m.Data = append(m.Data, raw)
	}
	if ld {
		m.Context, out.ContentType, out.Link = names.JSON(), notify.TypeLD, ""
	}
	var err error
	out.Body, err = json.Marshal(m)
	return out, err
}
