package login

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"tribune"
	"tribune/internal/store"
)

// passkeyLoginBegin gives a challenge. It names nobody: which passkey is used, the browser asks the person.
func (l *Login) passkeyLoginBegin(w http.ResponseWriter, r *http.Request) {
	if err := l.beginPasskeyLogin(w, r); err != nil {
		l.failJSON(w, r, err)
	}
}

func (l *Login) beginPasskeyLogin(w http.ResponseWriter, r *http.Request) error {
	if l.passkeys.off != "" {
		return refuse(ProblemOff, "passkeys are off")
	}
	if l.cross.Check(r) != nil {
		return refuse(ProblemCSRF, "another origin asked for a challenge")
	}
	if !l.limits.starts.allow(l.address(r)) {
		return refuse(ProblemBusy, "too many challenges for one address")
	}
	body, err := script(w, r)
	if err != nil {
		return err
	}
	var asked struct {
		Return string `json:"return"`
	}
	if len(body) > 0 && json.Unmarshal(body, &asked) != nil {
		return fmt.Errorf("%w: the body is not an object with return", tribune.ErrInvalid)
	}
	options, ceremony, err := l.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return fmt.Errorf("beginning passkey login: %w", err)
	}
	return l.answerCeremony(w, pendingLogin, pending{Return: localPath(asked.Return)}, ceremony, options)
}

// answerCeremony leaves the ceremony with the browser, and its options.
func (l *Login) answerCeremony(w http.ResponseWriter, kind string, p pending, ceremony *webauthn.SessionData, options any) (err error) {
	if p.Ceremony, err = json.Marshal(ceremony); err != nil {
		return fmt.Errorf("beginning passkey ceremony: %w", err)
	}
	if err := l.setPending(w, kind, p); err != nil {
		return fmt.Errorf("beginning passkey ceremony: %w", err)
	}
	return answer(w, options)
}

// passkeyLoginFinish begins a session for a passkey. Whatever is wrong with a passkey, the answer is the same.
func (l *Login) passkeyLoginFinish(w http.ResponseWriter, r *http.Request) {
	to, err := l.finishPasskeyLogin(w, r)
	if err == nil {
		err = answer(w, map[string]string{"to": to})
	}
	if err != nil {
		l.failJSON(w, r, err)
	}
}

func (l *Login) finishPasskeyLogin(w http.ResponseWriter, r *http.Request) (to string, err error) {
	if l.passkeys.off != "" {
		return "", refuse(ProblemOff, "passkeys are off")
	}
	if l.cross.Check(r) != nil {
		return "", refuse(ProblemCSRF, "another origin sent a passkey")
	}
	if !l.limits.answers.allow(l.address(r)) {
		return "", refuse(ProblemBusy, "too many passkeys from one address")
	}
	begun, ceremony, err := l.takeCeremony(w, r, pendingLogin)
	if err != nil {
		return "", err
	}
	body, err := script(w, r)
	if err != nil {
		return "", err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(body)
	if err != nil {
		return "", refuse(ProblemPasskey, "the answer of the passkey cannot be read")
	}
	who, hash, p, raw, err := l.checkPasskey(r.Context(), ceremony, parsed)
	if err != nil {
		return "", err
	}
	var b store.Batch
	l.useOnce(&b, "challenge "+ceremony.Challenge)
	b.ExpectPrefix(key("p", hash), raw) // two copies of a key must not both pass with one count
	if err := put(&b, key("p", hash), p); err != nil {
		return "", err
	}
	return begun.Return, l.begin(r.Context(), w, r, who, MethodPasskey, &b)
}

func (l *Login) takeCeremony(w http.ResponseWriter, r *http.Request, kind string) (pending, webauthn.SessionData, error) {
	var ceremony webauthn.SessionData
	begun, err := l.takePending(w, r, kind)
	if err != nil {
		return begun, ceremony, err
	}
	if err := json.Unmarshal(begun.Ceremony, &ceremony); err != nil {
		return begun, ceremony, refuse(ProblemExpired, "the begun ceremony cannot be read")
	}
	return begun, ceremony, nil
}

// checkPasskey verifies an assertion and returns whose it is, with the passkey's row as it is to be written. The account
// can be locked only by who knows a credential and its handle, 64 random bytes that never leave the authenticator and its
// owner's browser; so nobody can lock out somebody they merely know.
func (l *Login) checkPasskey(ctx context.Context, ceremony webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (who identity, hash string, p passkeyRow, raw []byte, err error) {
	handle := parsed.Response.UserHandle
	hash = hashOf(parsed.RawID)
	p, raw, err = row[passkeyRow](ctx, l.cfg.Store, key("p", hash))
	switch {
	case errors.Is(err, tribune.ErrNotFound):
		return who, hash, p, nil, refuse(ProblemPasskey, "there is no such passkey")
	case err != nil:
		return who, hash, p, nil, fmt.Errorf("reading passkey: %w", err)
	case subtle.ConstantTimeCompare([]byte(p.Handle), []byte(hashOf(handle))) != 1:
		return who, hash, p, nil, refuse(ProblemPasskey, "the passkey belongs to another handle")
	}
	locked := l.limits.lockout.blocked(p.Owner)
	_, credential, err := l.passkeys.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		return &person{handle: handle, credentials: []webauthn.Credential{p.Credential}}, nil
	}, ceremony, parsed)
	if err != nil {
		l.limits.lockout.allow(p.Owner)
		return who, hash, p, nil, refuse(ProblemPasskey, "the passkey's signature or data do not verify")
	}
	if locked { // only now: a locked account must answer as slowly as any other
		return who, hash, p, nil, refuse(ProblemPasskey, "the account is locked for some minutes")
	}
	if p.Stopped {
		return who, hash, p, nil, refuse(ProblemPasskey, "the passkey was stopped")
	}
	if credential.Authenticator.CloneWarning {
		return who, hash, p, nil, l.stopPasskey(ctx, hash, p, raw)
	}
	if who, err = openIdentity(handle, hash, p.Sealed); err != nil || l.keys.owner(who.subject()) != p.Owner {
		return who, hash, p, nil, &tribune.IntegrityError{What: "a passkey", Err: errors.New("its identity does not open")}
	}
	now := l.cfg.Now().UTC()
	if l.providerOf(who.Issuer) == nil {
		return who, hash, p, nil, refuse(ProblemPasskey, "its provider is not configured any more")
	}
	if !now.Before(who.Vouched.Add(vouchedFor)) {
		return who, hash, p, nil, refuse(ProblemRenew, "the provider has not vouched for its owner for long")
	}
	if !l.limits.accounts.allow(p.Owner) {
		return who, hash, p, nil, refuse(ProblemBusy, "too many logins of one account")
	}
	p.Used, p.Credential = now, *credential
	return who, hash, p, raw, nil
}

// stopPasskey notes that a passkey's counter went back (WebAuthn, 7.2, step 22): there may be a copy of it.
func (l *Login) stopPasskey(ctx context.Context, hash string, p passkeyRow, raw []byte) error {
	p.Stopped = true
	var b store.Batch
	b.ExpectPrefix(key("p", hash), raw)
	if err := put(&b, key("p", hash), p); err != nil {
		return err
	}
	if err := l.cfg.Store.Commit(ctx, &b); err != nil && !errors.Is(err, tribune.ErrConflict) {
		return fmt.Errorf("stopping passkey: %w", err)
	}
	l.cfg.Log.WarnContext(ctx, "a passkey's counter went back; it is stopped")
	return refuse(ProblemPasskey, "the passkey's counter went back")
}
