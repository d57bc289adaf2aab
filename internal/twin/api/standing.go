package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/web"
)

// A subscription with a purpose is a standing act: as with a reading the caller gets the act to sign (428), and the same request with
// the signature puts it on record and subscribes. Its scope is the personal attributes that it names, its end that of the mandate or
// its own expiresAt. Whoever the law lets stand for it may do so, without the right to write; who made it may end it.

// Mandates says when a standing act ends at the latest; package way's Way does.
type Mandates interface {
	Until(tribune.Caller) time.Time
}

// subscribe is POST /subscriptions, with a purpose or without.
func (a *api) subscribe(w http.ResponseWriter, r *http.Request) error {
	if web.CallerOf(r.Context()).Purpose == "" && r.Header.Get(web.ActHeader) == "" {
		return a.write(a.createSubscription)(w, r)
	}
	caller := web.CallerOf(r.Context())
	if err := a.mayAsk(caller); err != nil {
		return err
	}
	tenant, in, err := a.subscriptionBody(w, r)
	if err != nil {
		return err
	}
	doc, err := a.withContext(r, tenant, in)
	if err != nil {
		return err
	}
	if r.Header.Get(web.ActHeader) != "" || r.Header.Get(web.SignatureHeader) != "" {
		return a.stand(w, r, tenant, in, doc, caller)
	}
	wish, err := a.Notify.Wish(r.Context(), tenant, doc, in.ctx)
	if err != nil {
		return err
	}
	standing, err := a.standing(in.ctx, wish, caller)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(in.raw)
	act, err := a.Way.Prepare(r.Context(), tribune.Reading{
		Caller: caller, Class: standing.Class, Attrs: standing.Attrs, Window: tribune.Window{From: standing.From, Until: standing.Until}, Standing: true,
		Note: "subscription to be told at " + wish.To + ", SHA-256 of the request " + hex.EncodeToString(digest[:]),
	})
	if err != nil {
		return fmt.Errorf("preparing the act: %w", err)
	}
	standing.Act = act.ID
	until := a.Now().UTC().Add(signWithin)
	if err := a.pending.put(act.ID, &frame{found: &found{}, standing: &standing, caller: caller, request: fingerprint(r, in.raw), until: until}); err != nil {
		return err
	}
	return a.askToSign(w, r, act, until)
}

// stand is the second request: it puts the act on record and subscribes.
func (a *api) stand(w http.ResponseWriter, r *http.Request, tenant tribune.Tenant, in payload, doc jsonld.Document, caller tribune.Caller) error {
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(web.SignatureHeader))
	if err != nil || len(signature) == 0 || len(signature) > 128 {
		return fmt.Errorf("%w: %s must be an Ed25519 signature in base64", tribune.ErrInvalid, web.SignatureHeader)
	}
	f, err := a.pending.take(r.Header.Get(web.ActHeader), caller, fingerprint(r, in.raw))
	if err != nil {
		return err
	}
	if f.standing == nil {
		return fmt.Errorf("%w: this act is no subscription", tribune.ErrInvalid)
	}
	_, receipt, err := a.Way.Open(r.Context(), f.standing.Act, signature)
	if len(receipt) > 0 {
		web.SetReceipt(w.Header(), receipt)
	}
	if err != nil {
		return fmt.Errorf("putting a standing act on record: %w", err)
	}
	id, err := a.Notify.CreateStanding(r.Context(), tenant, doc, in.ctx, *f.standing)
	if err != nil {
		return err
	}
	if _, err := a.contextURL(r, tenant, in.ctx, true); err != nil { // from now on it stays
		return err
	}
	w.Header().Set("Location", Prefix+"/subscriptions/"+url.PathEscape(id))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// standing is the act that a wish comes to: of the one personal class, with those of its attributes that are named.
func (a *api) standing(ctx *jsonld.Context, wish notify.Wish, caller tribune.Caller) (s tribune.Standing, err error) {
	mandates, ok := a.Way.(Mandates)
	if !ok {
		return s, fmt.Errorf("%w: subscriptions to personal data", tribune.ErrUnsupported)
	}
	s = tribune.Standing{Caller: caller, From: a.Now().UTC().Truncate(time.Second), Until: mandates.Until(caller).UTC()}
	if !wish.Expires.IsZero() && (s.Until.IsZero() || wish.Expires.Before(s.Until)) {
		s.Until = wish.Expires.UTC()
	}
	for i := range wish.Types {
		for _, attr := range wish.Attrs {
			class, personal := a.personal(wish.Types[i:i+1], attr)
			switch {
			case !personal:
				continue
			case class.ID == tribune.ClassUnclassified:
				return s, tribune.Hint(fmt.Errorf("%w: attribute %q belongs to no class of data: nobody may be told of it", tribune.ErrInvalid, ctx.Compact(attr)), "The steward describes it in the register of classes.")
			case s.Class != "" && s.Class != class.ID:
				return s, fmt.Errorf("%w: one act is about one class of data, this names attributes of %s and %s", tribune.ErrInvalid, s.Class, class.ID)
			}
			if s.Class = class.ID; !slices.Contains(s.Attrs, attr) {
				s.Attrs = append(s.Attrs, attr)
			}
		}
		for _, attr := range wish.Filters {
			if _, personal := a.personal(wish.Types[i:i+1], attr); personal {
				return s, tribune.Hint(fmt.Errorf("%w: attribute %q is personal and sealed: no condition of a subscription can look at it", tribune.ErrInvalid, ctx.Compact(attr)), "Watch it, and look at what is told.")
			}
		}
	}
	if s.Class == "" {
		return s, tribune.Hint(fmt.Errorf("%w: the subscription names a purpose and no personal attribute", tribune.ErrInvalid), "Name one in watchedAttributes or notification.attributes, or subscribe without a purpose.")
	}
	slices.Sort(s.Attrs)
	return s, nil
}

// writeOrOwn lets through who made the subscription by a standing act. To others who may write there is no such subscription; all others are
// for those who may write.
func (a *api) writeOrOwn(do action) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := jsonld.ID(r.PathValue("id"))
		if err != nil {
			return a.write(do)(w, r)
		}
		t, err := tenant(r)
		if err != nil {
			return a.write(do)(w, r)
		}
		s, err := a.Notify.Get(t, string(id))
		if err != nil || s.By() == "" {
			return a.write(do)(w, r)
		}
		if web.CallerOf(r.Context()).Actor == s.By() {
			return do(w, r)
		}
		return a.write(func(http.ResponseWriter, *http.Request) error {
			return fmt.Errorf("%w: there is no subscription with this id", tribune.ErrNotFound)
		})(w, r)
	}
}

// listSubscriptions shows who may write every subscription that is no standing act, and everybody those that they made by one.
func (a *api) listSubscriptions(w http.ResponseWriter, r *http.Request) error {
	caller := web.CallerOf(r.Context())
	own := func(s notify.Subscription) bool { return caller.Known() && s.By() == caller.Actor }
	if caller.Known() && a.MayWrite(caller) != nil {
		t, err := tenant(r)
		if err != nil {
			return err
		}
		if _, n := a.Notify.List(t, 0, 0, own); n > 0 {
			return a.querySubscriptions(w, r, own)
		}
	}
	return a.write(func(w http.ResponseWriter, r *http.Request) error {
		return a.querySubscriptions(w, r, func(s notify.Subscription) bool { return s.By() == "" || own(s) })
	})(w, r)
}
