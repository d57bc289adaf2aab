package login

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"tribune"
	"tribune/internal/store"
)

const (
	handleSize = 64 // bytes; WebAuthn advises to use them all
	maxLabel   = 60 // characters
)

// passkeyAddBegin offers to make a passkey for whoever has logged in just now.
func (l *Login) passkeyAddBegin(w http.ResponseWriter, r *http.Request) {
	if err := l.beginPasskeyAdd(w, r); err != nil {
		l.failJSON(w, r, err)
	}
}

// mayAdd is who may add a passkey.
func (l *Login) mayAdd(r *http.Request) (*live, []heldPasskey, error) {
	s := liveOf(r.Context())
	switch {
	case l.passkeys.off != "":
		return nil, nil, refuse(ProblemOff, "passkeys are off")
	case s == nil:
		return nil, nil, refuse(ProblemSession, "nobody is logged in")
	case s.Method != MethodOpenID || !l.cfg.Now().Before(s.created.Add(freshFor)):
		return nil, nil, refuse(ProblemAgain, "the login with the provider is not fresh")
	}
	have, err := l.passkeysOf(r.Context(), s.owner)
	if err == nil && len(have) >= maxPasskeys {
		err = refuse(ProblemMany, "too many passkeys")
	}
	return s, have, err
}

func (l *Login) beginPasskeyAdd(w http.ResponseWriter, r *http.Request) error {
	s, have, err := l.mayAdd(r)
	if err != nil {
		return err
	}
	name := s.Name
	if name == "" {
		name = l.cfg.Title
	}
	var exclude []protocol.CredentialDescriptor
	for _, h := range have {
		exclude = append(exclude, h.row.Credential.Descriptor())
	}
	options, ceremony, err := l.passkeys.BeginRegistration(&person{handle: random(handleSize), name: name},
		webauthn.WithExclusions(exclude), webauthn.WithCredentialParameters(parameters()))
	if err != nil {
		return fmt.Errorf("beginning passkey: %w", err)
	}
	return l.answerCeremony(w, pendingAdd, pending{Session: s.hash}, ceremony, options)
}

// passkeyAddFinish keeps the passkey.
func (l *Login) passkeyAddFinish(w http.ResponseWriter, r *http.Request) {
	if err := l.finishPasskeyAdd(w, r); err != nil {
		l.failJSON(w, r, err)
	}
}

func (l *Login) finishPasskeyAdd(w http.ResponseWriter, r *http.Request) error {
	s, _, err := l.mayAdd(r)
	if err != nil {
		return err
	}
	begun, ceremony, err := l.takeCeremony(w, r, pendingAdd)
	if err != nil {
		return err
	}
	if begun.Session != s.hash {
		return refuse(ProblemExpired, "the passkey was begun under another session")
	}
	body, err := script(w, r)
	if err != nil {
		return err
	}
	var more struct {
		Label string `json:"label"`
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(body)
	if err != nil || json.Unmarshal(body, &more) != nil {
		return refuse(ProblemPasskey, "the new passkey cannot be read")
	}
	credential, err := l.passkeys.CreateCredential(&person{handle: ceremony.UserID}, ceremony, parsed)
	if err != nil {
		return refuse(ProblemPasskey, "the new passkey does not verify")
	}
	credential.Attestation = webauthn.CredentialAttestation{} // checked by nobody later; it may name the maker's batch
	hash := hashOf(credential.ID)
	k, err := handleKey(ceremony.UserID)
	if err != nil {
		return fmt.Errorf("keeping passkey: %w", err)
	}
	p := passkeyRow{
		Owner: s.owner, Label: label(more.Label), Created: l.cfg.Now().UTC(), Vouched: s.who.Vouched,
		Handle: hashOf(ceremony.UserID), Public: k.PublicKey().Bytes(), Credential: *credential,
	}
	if p.Sealed, err = sealIdentity(p.Public, hash, s.who); err != nil {
		return err
	}
	var b store.Batch
	l.useOnce(&b, "challenge "+ceremony.Challenge)
	b.ExpectAbsent(key("p", hash)) // a credential of somebody else's must not become ours (WebAuthn, 7.1, step 26)
	if err := put(&b, key("p", hash), p); err != nil {
		return err
	}
	b.Put(key("o", s.owner, "p", hash), present)
	switch err := l.cfg.Store.Commit(r.Context(), &b); {
	case errors.Is(err, tribune.ErrConflict):
		return refuse(ProblemPasskey, "the passkey is known already")
	case err != nil:
		return fmt.Errorf("keeping passkey: %w", err)
	}
	return answer(w, map[string]any{"id": base64.RawURLEncoding.EncodeToString(credential.ID), "label": p.Label, "created": p.Created})
}

// label is one line as somebody calls their passkey.
func label(s string) string {
	s = greeting(s)
	if runes := []rune(s); len(runes) > maxLabel {
		s = strings.TrimSpace(string(runes[:maxLabel]))
	}
	return s
}

// passkeyDelete deletes one, for a script or for a form.
func (l *Login) passkeyDelete(w http.ResponseWriter, r *http.Request) {
	s := liveOf(r.Context())
	if s == nil {
		l.refuse(w, r, ProblemSession)
		return
	}
	form := !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
	var asked struct {
		ID string `json:"id"`
	}
	if form {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		asked.ID = r.PostFormValue("id")
	} else {
		body, err := script(w, r)
		if err == nil && json.Unmarshal(body, &asked) != nil {
			err = fmt.Errorf("%w: the body is not an object with id", tribune.ErrInvalid)
		}
		if err != nil {
			l.failJSON(w, r, err)
			return
		}
	}
	err := l.DeletePasskey(r.Context(), s.Subject, asked.ID)
	switch {
	case err != nil && !(form && errors.Is(err, tribune.ErrNotFound)): // a form sent twice: as wished
		l.problems.Write(w, r, err)
	case form:
		seeOther(w, "/account?done=passkey-deleted")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
