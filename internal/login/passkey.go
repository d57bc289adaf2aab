package login

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/web"
)

// jsonDepth is how deep a credential may nest: extension results are two levels down.
const jsonDepth = 8

// renewTries: a person uses one passkey at a time.
const renewTries = 3

// Passkey is one passkey of a person, for the list on their account page.
type Passkey struct {
	ID      string // base64url, as the browser calls it
	Label   string
	Created time.Time
	Used    time.Time // zero: never
	Lapses  time.Time // unless they log in with the provider before
	Stopped bool      // its counter went back: a copy of it may exist. It logs nobody in any more
}

// passkeyRow is a passkey as it rests. Who it belongs to is sealed under the user handle, which the authenticator has and
// gives with each use: Sealed is an identity, HPKE to Public, whose private key is derived from the handle. So the
// provider's newer word can be written for every passkey without any of them.
type passkeyRow struct {
	Owner      string              `json:"owner"`
	Label      string              `json:"label"`
	Created    time.Time           `json:"created"`
	Used       time.Time           `json:"used"`
	Vouched    time.Time           `json:"vouched"`
	Stopped    bool                `json:"stopped,omitempty"`
	Handle     string              `json:"handle"` // its SHA-256
	Public     []byte              `json:"public"`
	Sealed     []byte              `json:"sealed"`
	Credential webauthn.Credential `json:"credential"`
}

// passkeyParty is this hub as a relying party of WebAuthn, or why it cannot be one.
type passkeyParty struct {
	*webauthn.WebAuthn
	off string
}

func newPasskeyParty(cfg Config, base *url.URL) (passkeyParty, error) {
	host := base.Hostname()
	if err := protocol.ValidateRPID(host); err != nil {
		return passkeyParty{off: fmt.Sprintf("Passkeys belong to a host name, and this hub is reached as %s. Open it under its name, like localhost.", host)}, nil
	}
	yes := true
	party, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: cfg.Title, RPOrigins: []string{cfg.URL},
		AttestationPreference: protocol.PreferNoAttestation, // which make of key somebody has is none of our business
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &yes, UserVerification: protocol.VerificationRequired,
		},
		// Password managers add outputs that nobody asked for; we read none.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return passkeyParty{}, fmt.Errorf("setting up passkeys: %w", err)
	}
	return passkeyParty{WebAuthn: party}, nil
}

// PasskeysOff says why passkeys cannot be used here; "" = they can.
func (l *Login) PasskeysOff() string { return l.passkeys.off }

// Passkeys lists the passkeys of a subject (web.Session.Subject), oldest first.
func (l *Login) Passkeys(ctx context.Context, subject string) ([]Passkey, error) {
	all, err := l.passkeysOf(ctx, l.keys.owner(subject))
	if err != nil {
		return nil, err
	}
	var out []Passkey
	for _, h := range all {
		out = append(out, Passkey{
			ID: base64.RawURLEncoding.EncodeToString(h.row.Credential.ID), Label: h.row.Label, Created: h.row.Created,
			Used: h.row.Used, Lapses: h.row.Vouched.Add(vouchedFor), Stopped: h.row.Stopped,
		})
	}
	return out, nil
}

// heldPasskey is one passkey row of somebody.
type heldPasskey struct {
	hash string
	row  passkeyRow
	raw  []byte
}

func (l *Login) passkeysOf(ctx context.Context, owner string) ([]heldPasskey, error) {
	hashes, err := l.owned(ctx, owner, "p", 2*maxPasskeys)
	if err != nil {
		return nil, err
	}
	var out []heldPasskey
	for _, h := range hashes {
		p, raw, err := row[passkeyRow](ctx, l.cfg.Store, key("p", h))
		if errors.Is(err, tribune.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing passkeys: %w", err)
		}
		out = append(out, heldPasskey{h, p, raw})
	}
	slices.SortFunc(out, func(a, b heldPasskey) int { return a.row.Created.Compare(b.row.Created) })
	return out, nil
}

// DeletePasskey deletes one passkey of a subject by its ID. It fails with ErrNotFound where it is not theirs.
func (l *Login) DeletePasskey(ctx context.Context, subject, id string) error {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return fmt.Errorf("deleting passkey: %w", tribune.ErrNotFound)
	}
	hash := hashOf(raw)
	p, _, err := row[passkeyRow](ctx, l.cfg.Store, key("p", hash))
	if err == nil && p.Owner != l.keys.owner(subject) {
		err = tribune.ErrNotFound
	}
	if err == nil {
		var b store.Batch
		b.Delete(key("p", hash))
		b.Delete(key("o", p.Owner, "p", hash))
		err = l.cfg.Store.Commit(ctx, &b)
	}
	if err != nil {
		return fmt.Errorf("deleting passkey: %w", err)
	}
	return nil
}

// renewPasskeys writes the provider's newer word for every passkey of a person. A passkey that cannot be renewed now
// lapses by itself, so that a login does not fail for it.
func (l *Login) renewPasskeys(ctx context.Context, owner string, who identity) {
	all, err := l.passkeysOf(ctx, owner)
	for _, h := range all {
		err = errors.Join(err, l.renewPasskey(ctx, h, who))
	}
	if err != nil {
		l.cfg.Log.WarnContext(ctx, "passkeys could not be renewed", "err", err)
	}
}

func (l *Login) renewPasskey(ctx context.Context, h heldPasskey, who identity) error {
	for range renewTries {
		p := h.row
		p.Vouched = who.Vouched
		var err error
		if p.Sealed, err = sealIdentity(p.Public, h.hash, who); err != nil {
			return err
		}
		var b store.Batch
		b.ExpectPrefix(key("p", h.hash), h.raw)
		if err := put(&b, key("p", h.hash), p); err != nil {
			return err
		}
		if err = l.cfg.Store.Commit(ctx, &b); !errors.Is(err, tribune.ErrConflict) {
			return err
		}
		h.row, h.raw, err = row[passkeyRow](ctx, l.cfg.Store, key("p", h.hash)) // in use just now, or deleted
		if errors.Is(err, tribune.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("renewing passkey: %w", tribune.ErrBusy)
}

const identityInfo = "tribune/v1/login/passkey "

func handleKey(handle []byte) (hpke.PrivateKey, error) {
	return hpke.DHKEM(ecdh.X25519()).DeriveKeyPair(derive(handle, "handle", 32))
}

func sealIdentity(public []byte, hash string, who identity) ([]byte, error) {
	to, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("sealing identity: %w", err)
	}
	text, err := json.Marshal(who)
	if err != nil {
		return nil, fmt.Errorf("sealing identity: %w", err)
	}
	return hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(identityInfo+hash), text)
}

func openIdentity(handle []byte, hash string, sealed []byte) (who identity, err error) {
	k, err := handleKey(handle)
	if err != nil {
		return who, err
	}
	text, err := hpke.Open(k, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(identityInfo+hash), sealed)
	if err != nil {
		return who, err
	}
	return who, json.Unmarshal(text, &who)
}

// person is a webauthn.User: one handle and its one credential, or none yet.
type person struct {
	handle      []byte
	name        string
	credentials []webauthn.Credential
}

func (p *person) WebAuthnID() []byte                         { return p.handle }
func (p *person) WebAuthnName() string                       { return p.name }
func (p *person) WebAuthnDisplayName() string                { return p.name }
func (p *person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// parameters are the signatures we take: what authenticators have, no more.
func parameters() []protocol.CredentialParameter {
	var out []protocol.CredentialParameter
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		out = append(out, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return out
}

// script reads the JSON body of a script of ours: never a form, which any page could send.
func script(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading body: %w", err)
	}
	if len(body) == 0 {
		return nil, nil
	}
	if strings.TrimSpace(kind) != "application/json" {
		return nil, fmt.Errorf("%w: the body is not application/json", tribune.ErrInvalid)
	}
	return body, web.CheckJSON(body, jsonDepth)
}

func answer(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, err = w.Write(text)
	if err != nil {
		return nil // the browser has left
	}
	return nil
}
