package federation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/notify"
)

// NotifyPath is where context sources notify this broker of what its subscriptions there are about; it is this broker's own choice.
const NotifyPath = "/ngsi-ld/ex/remote-notify"

// endpoint is where sources send notifications; "" while it is not known.
func (l *Legs) endpoint() string {
	if base := l.cfg.URL(); base != "" {
		return strings.TrimRight(base, "/") + NotifyPath
	}
	return ""
}

// send has those sources asked that have not what they should have, and says when to look again.
func (l *Legs) send() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait, now := legRetryMost, l.cfg.Now()
	if l.endpoint() == "" {
		return time.Second
	}
	for g := range l.due {
		switch {
		case g.busy: // looks again when it ends
		case now.Before(g.next):
			wait = min(wait, g.next.Sub(now))
		case l.total >= legsAtOnce:
			return wait // the end of a request looks again
		case l.asking[g.reg.Endpoint] >= legsOfSource:
		default:
			g.busy = true
			delete(l.due, g)
			l.total++
			at := g.reg.Endpoint
			l.asking[at]++
			l.wg.Go(func() { l.tend(g, at) })
		}
	}
	return wait
}

// tend makes one source's copy what it should be.
func (l *Legs) tend(g *leg, at string) {
	l.mu.Lock()
	reg, spec, have, s := g.reg, g.spec, g.have, g.shape
	l.mu.Unlock()
	err := l.ask(g, reg, spec, have, &s)
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.poke()
	g.busy = false
	l.total--
	if l.asking[at]--; l.asking[at] == 0 {
		delete(l.asking, at)
	}
	if err == nil {
		g.tries, g.next = 0, time.Time{}
		return
	}
	if l.ctx.Err() != nil {
		return
	}
	l.cfg.Log.Debug("a context source has not taken a subscription", "registration", reg.ID, "err", err)
	g.tries++
	g.next = l.cfg.Now().Add(min(legRetry<<min(g.tries-1, 10), legRetryMost))
	if errors.Is(err, ErrLoop) {
		g.next = l.cfg.Now().Add(legRetryMost)
	}
	if l.byID[g.id] == g {
		l.due[g] = true
	}
}

// ask sends what there is to say.
func (l *Legs) ask(g *leg, reg *Registration, spec *notify.Spec, have json.RawMessage, s *shape) error {
	if spec == nil {
		return l.end(g, reg, have)
	}
	want, link, err := l.copy(g, reg, spec, s)
	switch {
	case err != nil:
		return err
	case bytes.Equal(want, have):
		return nil
	case have != nil && !reg.Offers("updateSubscription"):
		l.mu.Lock()
		g.old = true
		l.mu.Unlock()
		return nil
	}
	if have != nil {
		fragment, err := difference(have, want)
		if err != nil {
			return err
		}
		_, err = l.do(reg, spec, Call{Method: http.MethodPatch, Path: "/subscriptions/" + url.PathEscape(g.id), Body: fragment, Type: "application/json", Link: link})
		if err == nil || !errors.Is(err, tribune.ErrNotFound) {
			return l.has(g, reg, want, err)
		}
	} // else it has been forgotten there
	if err := l.save(l.ctx, g, reg, nil); err != nil { // before: what may be there must not be lost
		return err
	}
	reply, err := l.do(reg, spec, Call{Method: http.MethodPost, Path: "/subscriptions", Body: want, Type: "application/json", Link: link})
	if errors.Is(err, tribune.ErrConflict) { // an earlier try has arrived, and its answer not
		fragment, wrong := difference(want, want)
		if wrong != nil {
			return wrong
		}
		_, err = l.do(reg, spec, Call{Method: http.MethodPatch, Path: "/subscriptions/" + url.PathEscape(g.id), Body: fragment, Type: "application/json", Link: link})
	}
	if err == nil {
		l.rename(g, reply.Header.Get("Location"))
	}
	return l.has(g, reg, want, err)
}

// has notes what the source has now.
func (l *Legs) has(g *leg, reg *Registration, want json.RawMessage, err error) error {
	if err != nil {
		return err
	}
	l.mu.Lock()
	g.have, g.old = want, false
	l.mu.Unlock()
	return l.save(l.ctx, g, reg, want)
}

// maxLegID bounds the names that sources give, in bytes.
const maxLegID = 512

// rename follows a source that gives names of its own.
func (l *Legs) rename(g *leg, location string) {
	id, err := url.PathUnescape(location[strings.LastIndexByte(location, '/')+1:])
	if err != nil || id == "" || id == g.id || len(id) > maxLegID {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[id] != nil || l.byID[g.id] != g {
		return
	}
	if err := l.erase(l.ctx, g); err != nil {
		l.cfg.Log.Error("the row of a distributed subscription could not be removed", "err", err)
	}
	delete(l.byID, g.id)
	g.id = id
	l.byID[id] = g
}

// end has a source end its copy (clause 5.8.5.4). One that cannot be told so is left alone after some tries: its notifications are
// refused.
func (l *Legs) end(g *leg, reg *Registration, have json.RawMessage) error {
	if reg.Offers("deleteSubscription") {
		_, err := l.do(reg, nil, Call{Method: http.MethodDelete, Path: "/subscriptions/" + url.PathEscape(g.id)})
		l.mu.Lock()
		tries := g.tries
		l.mu.Unlock()
		if err != nil && !errors.Is(err, tribune.ErrNotFound) && tries < legDeleteTries {
			return err
		}
	}
	if err := l.erase(l.ctx, g); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.spec != nil { // it is wanted again meanwhile
		g.have = nil
		l.due[g] = true
		return nil
	}
	l.drop(g)
	return nil
}

// do sends one request, for nobody who waits.
func (l *Legs) do(reg *Registration, spec *notify.Spec, c Call) (Reply, error) {
	cause, err := cause(l.ctx, spec)
	if err != nil {
		return Reply{}, err
	}
	c.Cause = cause
	return l.cfg.Sources.Do(l.ctx, reg, c)
}

// cause is what a request for a subscription is made for: it has passed what the subscription has passed.
func cause(ctx context.Context, spec *notify.Spec) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	if err == nil && spec != nil && len(spec.Via()) > 0 {
		r.Header.Set("Via", strings.Join(spec.Via(), ", "))
	}
	return r, err
}

// difference is the fragment that makes one document another (clause 5.5.8).
func difference(from, to json.RawMessage) (json.RawMessage, error) {
	was, is := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(from, &was), json.Unmarshal(to, &is)); err != nil {
		return nil, &tribune.IntegrityError{What: "a distributed subscription", Err: err}
	}
	for name := range was {
		if _, ok := is[name]; !ok {
			is[name] = json.RawMessage(`"urn:ngsi-ld:null"`)
		}
	}
	delete(is, "id")
	return json.Marshal(is)
}

// Hops are the values of the Via headers of a request, to be kept with a subscription that it makes (clause 4.3.6.4).
func Hops(r *http.Request) []string { return hops(r) }
