package notify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
)

// How a subscription comes from what a subscriber has sent: one way to read a new one, one to change one. Both may fetch contexts from the
// network, so that nobody waits for them but who asked: they are called without locks.

// drafted reads a new subscription (clauses 5.8.1.4 and 5.11.2.4). Where and by whom it is kept is not in it yet.
func drafted(ctx context.Context, body jsonld.Document, in *jsonld.Context, contexts Contexts, now time.Time) (*subscription, error) {
	doc, err := read(body)
	if err != nil {
		return nil, err
	}
	for name, raw := range doc {
		if isNull(raw) {
			return nil, faulty(name, "it is null, which only an update may say (clause 5.5.4)")
		}
	}
	if _, named := doc["id"]; !named {
		doc["id"] = quoted("urn:ngsi-ld:Subscription:" + rand.Text())
	}
	if doc, err = doc.renamed(expanding(in)); err != nil {
		return nil, err
	}
	sentIn := in
	if raw, ok := doc["jsonldContext"]; ok {
		if sentIn, err = linked(ctx, raw, contexts); err != nil {
			return nil, err
		}
	}
	s, err := compile(doc, in, sentIn)
	if err == nil {
		err = checkFilter(doc)
	}
	if err != nil {
		return nil, err
	}
	s.csfIn, s.created, s.modified, s.state = s.writtenIn, now, now, &state{}
	return s, nil
}

// fragmentOf reads what an update says of the subscription with this id, names expanded.
func fragmentOf(body jsonld.Document, in *jsonld.Context, id string) (document, error) {
	fragment, err := read(body)
	if err != nil {
		return nil, err
	}
	if raw, ok := fragment["id"]; ok && string(raw) != string(quoted(id)) {
		return nil, faulty("id", "it cannot be changed (clause 5.2.12)")
	}
	return fragment.renamed(expanding(in))
}

// patched is the subscription changed by a fragment that was written in a context (clauses 5.8.2.4, 5.11.3.4 and 5.5.8). It shares the
// state. Of what it keeps, q and csf alone hold names as they were written, each in the context of whoever wrote it last: names in all other
// members are expanded, scopeQ has none.
func (s *subscription) patched(ctx context.Context, fragment document, in *jsonld.Context, contexts Contexts, by tribune.ActorID, now time.Time) (*subscription, error) {
	params, anew := fragment["notification"]
	doc := s.doc.patched(fragment)
	if anew && !isNull(params) {
		params, kept := withSecrets(params, s.doc["notification"])
		doc["notification"], anew = params, !kept
	}
	_, until := fragment["expiresAt"]
	if _, active := fragment["isActive"]; until && !active && s.status(now) == statusExpired {
		delete(doc, "isActive") // a later end alone makes an expired subscription active (clause 5.8.2.4)
	}
	writtenIn, err := in, error(nil)
	if _, ok := fragment["q"]; !ok {
		if writtenIn, err = contexts.Of(ctx, s.writtenIn); err != nil {
			return nil, err
		}
	}
	sentIn := s.ctx
	if raw, ok := fragment["jsonldContext"]; ok {
		if sentIn = in; !isNull(raw) {
			if sentIn, err = linked(ctx, raw, contexts); err != nil {
				return nil, err
			}
		}
	}
	out, err := compile(doc, writtenIn, sentIn)
	if err == nil {
		err = checkFilter(fragment)
	}
	if err != nil {
		return nil, err
	}
	if out.csfIn = s.csfIn; fragment["csf"] != nil {
		out.csfIn = in.JSON()
	}
	out.keptOf(s)
	if out.modified = now; anew { // who keeps what another has written does not get to see it
		out.by = by
	}
	return out, nil
}

// keptOf takes over what no document says.
func (s *subscription) keptOf(old *subscription) {
	s.tenant, s.line, s.created, s.since, s.standing, s.by, s.via, s.bare, s.state = old.tenant, old.line, old.created, old.since, old.standing, old.by, old.via, old.bare, old.state
}

// checkFilter refuses a csf that is none; what its names mean is for whoever asks the sources. One that is stored already stays.
func checkFilter(d document) error {
	raw, ok := d["csf"]
	if !ok || isNull(raw) {
		return nil
	}
	r := &reader{d: d}
	if _, err := query.Parse(r.text("csf"), identity); err != nil {
		r.fail("csf", "it does not follow the query language (clause 4.9)")
	}
	return r.err
}

// linked is the context that jsonldContext names.
func linked(ctx context.Context, raw json.RawMessage, contexts Contexts) (*jsonld.Context, error) {
	var url string
	if json.Unmarshal(raw, &url) != nil || !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, faulty("jsonldContext", "it must be a URI that can be fetched (clause 5.2.12)")
	}
	return contexts.URL(ctx, url)
}
