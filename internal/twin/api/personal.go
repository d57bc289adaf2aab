package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
)

// answer is the end of every read. It finds and shows what is public at once; what is personal, and asked for with a
// purpose, takes the one way: first the act to sign, then, signed, the answer.
func (a *api) answer(w http.ResponseWriter, r *http.Request, body []byte, find func() (*found, error)) error {
	caller := web.CallerOf(r.Context())
	if r.Header.Get(web.ActHeader) != "" || r.Header.Get(web.SignatureHeader) != "" {
		return a.commit(w, r, body, caller)
	}
	f, err := find()
	if err != nil {
		return err
	}
	if caller.Purpose == "" {
		return a.show(w, r, f)
	}
	spots := f.sealed()
	if len(spots) == 0 && !f.names() {
		return a.show(w, r, f)
	}
	return a.prepare(w, r, body, caller, f, spots)
}

// prepare has the way decide, and asks the caller to sign.
func (a *api) prepare(w http.ResponseWriter, r *http.Request, body []byte, caller tribune.Caller, f *found, spots []spot) error {
	if err := a.mayAsk(caller); err != nil {
		return err
	}
	if f.class == "" {
		if err := oneClass(f, spots); err != nil {
			return err
		}
		f.class = spots[0].sealed.Class
	}
	now := a.Now().UTC()
	window := a.window(f.class, spots, now)
	spots = slices.DeleteFunc(spots, func(s spot) bool {
		return tribune.SegmentStart(s.sealed.Day, s.sealed.Segment).Before(window.From)
	})
	if len(spots) == 0 && !f.names() { // all of it is past its keeping time and waits for its deletion
		return a.show(w, r, f)
	}
	slices.SortFunc(spots, func(x, y spot) int {
		if x.entity != y.entity {
			return x.entity - y.entity
		}
		if c := strings.Compare(string(x.attr), string(y.attr)); c != 0 {
			return c
		}
		return x.index - y.index
	})
	reading := tribune.Reading{ID: f.act, Caller: caller, Class: f.class, Attrs: a.asked(f, spots), Window: window, Subjects: f.subjects, LookUp: f.byValue()}
	for _, s := range spots {
		reading.Sealed = append(reading.Sealed, *s.sealed)
	}
	act, err := a.Way.Prepare(r.Context(), reading)
	if err != nil {
		return fmt.Errorf("preparing the act: %w", err)
	}
	until := now.Add(signWithin)
	if err := a.pending.put(act.ID, &frame{found: f, spots: spots, caller: caller, request: fingerprint(r, body), until: until}); err != nil {
		return err
	}
	return a.askToSign(w, r, act, until)
}

// mayAsk refuses early who could not sign anyway.
func (a *api) mayAsk(caller tribune.Caller) error {
	if !caller.Known() {
		return tribune.Hint(fmt.Errorf("%w: personal data need a known caller", tribune.ErrUnknown), "Send Authorization: Bearer with a token of yours.")
	}
	if a.Way == nil || a.Names == nil {
		return fmt.Errorf("%w: this hub cannot open personal data", tribune.ErrUnsupported)
	}
	return nil
}

// oneClass refuses to mix classes in one act: each has its own law.
func oneClass(f *found, spots []spot) error {
	var classes []string
	for _, s := range spots {
		if id := string(s.sealed.Class); !slices.Contains(classes, id) {
			classes = append(classes, id)
		}
	}
	if len(classes) == 1 {
		return nil
	}
	slices.Sort(classes)
	var words []string
	for _, class := range classes {
		var attrs []string
		for _, s := range spots {
			if name := f.ctx.Compact(s.attr); string(s.sealed.Class) == class && !slices.Contains(attrs, name) && len(attrs) < 10 {
				attrs = append(attrs, name)
			}
		}
		slices.Sort(attrs)
		words = append(words, class+": "+strings.Join(attrs, ","))
	}
	return tribune.Hint(fmt.Errorf("%w: one act opens one class of data, this asks for %d", tribune.ErrInvalid, len(classes)),
		"Narrow attrs to one of: %s.", strings.Join(words, "; "))
}

// window is the class's whole keeping time up to now, or back to the oldest value where no class says. The coming second
// is in it: the vault may have named a segment by it.
func (a *api) window(id tribune.ClassID, spots []spot, now time.Time) tribune.Window {
	w := tribune.Window{From: now, Until: now.Truncate(time.Second).Add(2 * time.Second)}
	if class, ok := a.Class(id); ok && class.Keep > 0 {
		w.From = now.Add(-class.Keep).Truncate(time.Second)
		return w
	}
	for _, s := range spots {
		if start := tribune.SegmentStart(s.sealed.Day, s.sealed.Segment); start.Before(w.From) {
			w.From = start
		}
	}
	return w
}

// asked are the attributes that the act is about: those opened, and of a person looked up all that were asked for, so
// that a "no" is as wide as a "yes".
func (a *api) asked(f *found, spots []spot) []tribune.Name {
	var names []tribune.Name
	for _, s := range spots {
		names = append(names, s.attr)
	}
	if f.names() { // whom one finds by an attribute one knows to have it
		names = append(append(names, a.classAttrs(f)...), f.lookUp)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// classAttrs are the attributes of the class that the request asks for.
func (a *api) classAttrs(f *found) (names []tribune.Name) {
	class, _ := a.Class(f.class)
	for _, name := range class.Attrs {
		if f.view.Shows(name) {
			names = append(names, name)
		}
	}
	return names
}

// askToSign is the first answer: 428 with the act.
func (a *api) askToSign(w http.ResponseWriter, r *http.Request, act protocol.Act, until time.Time) error {
	text, err := protocol.JCS(act)
	if err != nil {
		return err
	}
	digest, err := act.Digest()
	if err != nil {
		return err
	}
	web.Send(w, web.SignatureNeeded(r.Context(),
		"The policy permits this. It is put on public record, and opened, once its actor has signed it.",
		"Sign the digest with your Ed25519 key and send the same request again with "+web.ActHeader+" (the act's id) and "+web.SignatureHeader+" (base64).",
		map[string]any{"act": act, "actText": string(text), "digest": digest.String(), "expires": until.Format(time.RFC3339)}))
	return nil
}

// commit is the second request: it opens what the first has found.
func (a *api) commit(w http.ResponseWriter, r *http.Request, body []byte, caller tribune.Caller) error {
	if err := a.mayAsk(caller); err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(web.SignatureHeader))
	if err != nil || len(signature) == 0 || len(signature) > 128 {
		return fmt.Errorf("%w: %s must be an Ed25519 signature in base64", tribune.ErrInvalid, web.SignatureHeader)
	}
	id := r.Header.Get(web.ActHeader)
	f, err := a.pending.take(id, caller, fingerprint(r, body))
	if err != nil {
		return err
	}
	values, receipt, err := a.Way.Open(r.Context(), id, signature)
	if len(receipt) > 0 { // even where opening failed: the act is on record
		web.SetReceipt(w.Header(), receipt)
	}
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	a.minimise(r.Context(), caller, f.spots, values)
	if err := f.found.open(f.spots, values); err != nil {
		return err
	}
	f.found.narrow()
	w.Header().Set("Cache-Control", "no-store")
	return a.show(w, r, f.found)
}
