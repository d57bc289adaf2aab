package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"tribune"
	"tribune/protocol"
)

// forgedErasure: the hub that was taken over puts an erasure of somebody living on record, with the key of an officer whom the law lets erase nobody.
// Guardians do not open that person until they know better, and they say so in public; once they are shown what the leaf commits to it is not obeyed.
func (e *erasureDrill) forgedErasure(ctx context.Context) error {
	w, p := e.stolen, e.play
	who := w.otherThan(e.subject)
	x, err := w.plain(who)
	if err != nil {
		return err
	}
	x.private.Inputs, x.private.Subjects[0].IDs = protocol.Inputs{Attrs: []tribune.Name{}}, []tribune.Identity{}
	x.act.Kind, x.act.Recipient, x.act.Purpose, x.act.Mandate = tribune.ActErase, nil, "erasure", "erasure-2026"
	k, err := protocol.TraceKey(w.loot.traces[who])
	if err != nil {
		return err
	}
	at, err := x.act.When()
	if err != nil {
		return err
	}
	public, err := protocol.JCS(protocol.NewErasure(at, []tribune.Tag{protocol.ErasedTag(k, 1)}))
	if err != nil {
		return err
	}
	x.sealed = func(l *protocol.Leaf) { l.Public = public }
	raw, req, err := w.sealed(x)
	if err != nil {
		return err
	}
	if err := w.hub.append(raw); err != nil {
		return err
	}
	if req.Receipt, err = w.hub.publish(ctx, w.hub.group.W); err != nil {
		return err
	}
	index := uint64(len(w.hub.leaves) - 1)
	held, seen, err := e.opensFor(ctx, who)
	if err != nil {
		return err
	}
	p.check(!held, "the hub that was taken over puts an erasure of somebody living on record, and asks for their keys", "refused for the present: it could be a real one", "%s", seen)
	refusals := 0
	for _, m := range w.hub.group.Guardians {
		a, err := w.showErasure(ctx, m, req)
		if err != nil {
			return err
		}
		if a.Refusal != nil && a.Statement == nil && regexp.MustCompile("mandate|law|appointment").MatchString(a.Refusal.Reason) {
			refusals++
		}
		seen = fmt.Sprint(a.Refusal)
		if a.Refusal != nil {
			seen = a.Refusal.Reason
		}
	}
	p.times(refusals, refusals == w.hub.group.N, "it shows guardians what that leaf commits to: an officer whom the law lets erase nobody", "signed refusals, with the reason", "%s", seen)
	var list protocol.ErasureList
	status, data, err := w.hub.call(ctx, http.MethodGet, w.hub.group.Guardians[0].URL, "/erasures", nil, false)
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return err
	}
	named := false
	for _, u := range list.Unproven {
		named = named || u.Leaf == index
	}
	p.check(named && len(list.Unproven) == 1, "ask a guardian in public: GET /erasures", "that leaf alone, as an incident; the real ones are not in the list", "%d unproven, %d pending", len(list.Unproven), len(list.Pending))
	held, seen, err = e.opensFor(ctx, who)
	if err != nil {
		return err
	}
	p.check(held, "ask for that person's keys again", "all release: a forged erasure is not obeyed", "%s", seen)
	held, seen, err = e.opensFor(ctx, e.subject)
	if err != nil {
		return err
	}
	p.check(!held, "and for those of the person who was really erased", "refused as before", "%s", seen)
	return nil
}

// opensFor asks for one segment of a person.
func (e *erasureDrill) opensFor(ctx context.Context, who tribune.Pseudonym) (held bool, seen string, err error) {
	x, err := e.stolen.plain(who)
	if err != nil {
		return false, "", err
	}
	_, answers, err := e.stolen.record(ctx, x)
	if err != nil {
		return false, "", err
	}
	released := 0
	for _, a := range answers {
		if a.Statement != nil {
			released++
		} else if a.Refusal != nil {
			seen = a.Refusal.Reason
		}
	}
	if released > 0 {
		seen = fmt.Sprintf("%d of %d release; %s", released, len(answers), seen)
	}
	return released == len(answers), seen, nil
}

// showErasure shows one guardian an erasure.
func (w *wide) showErasure(ctx context.Context, m protocol.Member, req protocol.Request) (a protocol.ErasureAnswer, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return a, err
	}
	status, data, err := w.hub.call(ctx, http.MethodPost, m.URL, "/erasure", body, true)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%w: %s answered %d: %s", errDrill, m.Name, status, data)
	}
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		return a, fmt.Errorf("showing an erasure: %w", err)
	}
	return a, nil
}
