package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"tribune"
	"tribune/internal/web"
)

// Problem is why a login failed, for a page to explain: a code of the closed list in the package comment.
type Problem string

// The problems.
const (
	ProblemCancelled   Problem = "cancelled"
	ProblemFailed      Problem = "failed"
	ProblemExpired     Problem = "expired"
	ProblemUnreachable Problem = "unreachable"
	ProblemBusy        Problem = "busy"
	ProblemPasskey     Problem = "passkey"
	ProblemRenew       Problem = "renew"
	ProblemAgain       Problem = "again"
	ProblemMany        Problem = "many"
	ProblemOff         Problem = "off"
	ProblemSession     Problem = "session"
	ProblemCSRF        Problem = "csrf"
)

// Problems lists every code, so that a catalogue of words can be checked against it.
func Problems() []Problem {
	return []Problem{
		ProblemCancelled, ProblemFailed, ProblemExpired, ProblemUnreachable, ProblemBusy, ProblemPasskey,
		ProblemRenew, ProblemAgain, ProblemMany, ProblemOff, ProblemSession, ProblemCSRF,
	}
}

// status and words of a problem where it is answered to a program.
func (p Problem) status() (int, string) {
	switch p {
	case ProblemBusy:
		return http.StatusTooManyRequests, "Too many tries; later"
	case ProblemPasskey, ProblemRenew:
		return http.StatusUnauthorized, "The passkey was not accepted"
	case ProblemAgain:
		return http.StatusForbidden, "This needs a fresh login"
	case ProblemMany:
		return http.StatusConflict, "There are as many passkeys as one person may have"
	case ProblemOff:
		return http.StatusNotFound, "Passkeys cannot be used here"
	case ProblemSession:
		return http.StatusForbidden, "The session has ended"
	case ProblemCSRF:
		return http.StatusForbidden, "This did not come from our own page"
	case ProblemUnreachable:
		return http.StatusServiceUnavailable, "The provider does not answer"
	default:
		return http.StatusBadRequest, "The login failed"
	}
}

// refusal is a login that ends here: the code for the person, the cause for the log.
type refusal struct {
	problem Problem
	cause   error
}

func (r *refusal) Error() string { return string(r.problem) + ": " + r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

func refuse(p Problem, cause string) error { return &refusal{p, errors.New(cause)} }

// problemOf is the code for err; what is no refusal of ours is a failure of the hub.
func problemOf(err error) Problem {
	var r *refusal
	if errors.As(err, &r) {
		return r.problem
	}
	if errors.Is(err, tribune.ErrBusy) || errors.Is(err, context.DeadlineExceeded) {
		return ProblemBusy
	}
	return ProblemFailed
}

// note logs a failed login. Causes are sentences of ours or went through reason; never what a browser or provider sent.
func (l *Login) note(r *http.Request, provider string, err error) {
	level := slog.LevelInfo
	var ours *refusal
	if !errors.As(err, &ours) {
		level = slog.LevelError
	}
	l.cfg.Log.LogAttrs(r.Context(), level, "login refused", slog.String("request", web.RequestID(r.Context())),
		slog.String("problem", string(problemOf(err))), slog.String("provider", provider), slog.String("cause", err.Error()))
}

// fail leads the browser to the login page, which says what to do.
func (l *Login) fail(w http.ResponseWriter, r *http.Request, provider, back string, err error) {
	l.note(r, provider, err)
	q := url.Values{"problem": {string(problemOf(err))}}
	if back != "" && back != "/" {
		q.Set("return", back)
	}
	seeOther(w, "/login?"+q.Encode())
}

// failJSON answers a script of our pages.
func (l *Login) failJSON(w http.ResponseWriter, r *http.Request, err error) {
	var ours *refusal
	if !errors.As(err, &ours) {
		l.problems.Write(w, r, fmt.Errorf("logging in: %w", err))
		return
	}
	l.note(r, "", err)
	l.sendProblem(w, r, ours.problem)
}

func (l *Login) sendProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	status, title := p.status()
	web.Send(w, web.Problem{Type: "about:blank", Title: title, Status: status, Request: web.RequestID(r.Context()), Extra: map[string]any{"problem": string(p)}})
}

// refuse answers a request that Wrap does not let through.
func (l *Login) refuse(w http.ResponseWriter, r *http.Request, p Problem) {
	status, _ := p.status()
	w.Header().Set("Cache-Control", "no-store")
	if l.cfg.Refuse != nil {
		l.cfg.Refuse(w, r, status, p)
		return
	}
	l.sendProblem(w, r, p)
}

// seeOther redirects without a body: http.Redirect would clean the path, and repeat it in the page.
func seeOther(w http.ResponseWriter, to string) {
	h := w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // codes and states stand in the address
	w.WriteHeader(http.StatusSeeOther)
}

// reason says why a provider's answer was no use, in words that cannot hold anything secret or personal: the library's own
// texts quote bodies and claims.
func reason(doing string, err error) error {
	var answer *oauth2.RetrieveError
	var unreachable *url.Error
	var network *net.OpError
	switch {
	case err == nil:
		return errors.New(doing)
	case errors.As(err, &answer):
		status := 0
		if answer.Response != nil {
			status = answer.Response.StatusCode
		}
		return fmt.Errorf("%s: the token endpoint answered %d %s", doing, status, oauthCode(answer.ErrorCode))
	case known(err) != nil:
		return fmt.Errorf("%s: %w", doing, known(err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer in time", doing)
	case errors.As(err, &network):
		return fmt.Errorf("%s: %s %s failed", doing, network.Op, network.Net)
	case errors.As(err, &unreachable):
		return fmt.Errorf("%s: the endpoint cannot be reached", doing)
	default:
		return fmt.Errorf("%s (%T)", doing, err)
	}
}

// known is which of our own errors err is.
func known(err error) error {
	for _, e := range []error{errKeysBusy, errTooMuch, errRedirect} {
		if errors.Is(err, e) {
			return e
		}
	}
	return nil
}

// oauthCode keeps error codes that standards name; anything else a provider may have written for a person.
func oauthCode(code string) string {
	switch code {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable", "interaction_required",
		"login_required", "account_selection_required", "consent_required", "invalid_authorization_details":
		return code
	default:
		return "without a code of the standards"
	}
}

// unreachable reports whether err is about getting an answer at all.
func unreachable(err error) bool {
	var u *url.Error
	var answer *oauth2.RetrieveError
	return errors.As(err, &u) || errors.Is(err, errKeysBusy) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &answer) && answer.Response != nil && answer.Response.StatusCode >= 500
}
