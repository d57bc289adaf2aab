package login

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"tribune/internal/web"
)

// What a form and a script of ours carry.
const (
	csrfField  = "csrf"
	csrfHeader = "Tribune-CSRF"
)

func sessionSeal(id []byte) cipher.AEAD { return aead(derive(id, "session", 32)) }

// Wrap finds the session of a request. A request without our cookie passes untouched. With one, an unsafe method needs the
// session's CSRF token, and none passes under a session that has ended; a safe one goes on as anybody's.
func (l *Login) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, there := l.sessionID(r)
		if !there {
			next.ServeHTTP(w, r)
			return
		}
		s, err := l.present(r, id)
		switch {
		case errors.Is(err, errNoSession):
			l.clearCookie(w, sessionCookie)
			if !errors.Is(err, errEnded) && !l.limits.guesses.allow(l.address(r)) {
				l.refuse(w, r, ProblemBusy)
				return
			}
			if !safe(r.Method) {
				l.refuse(w, r, ProblemSession)
				return
			}
			next.ServeHTTP(w, r)
			return
		case err != nil:
			l.problems.Write(w, r, fmt.Errorf("finding the session: %w", err))
			return
		}
		if !safe(r.Method) {
			ok, err := l.ours(r, s.CSRF)
			if err != nil {
				l.problems.Write(w, r, err)
				return
			}
			if !ok {
				l.refuse(w, r, ProblemCSRF)
				return
			}
		}
		ctx := web.WithSession(context.WithValue(r.Context(), liveKey{}, s), &s.Session)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (l *Login) present(r *http.Request, id []byte) (*live, error) {
	if id == nil {
		return nil, errNoSession
	}
	return l.find(r.Context(), id)
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// ours reports whether an unsafe request comes from a page of ours: by what the browser says of its origin, and by the
// token that only our pages know. Either alone would do in a browser without faults.
func (l *Login) ours(r *http.Request, want string) (bool, error) {
	if l.cross.Check(r) != nil {
		return false, nil
	}
	got := r.Header.Get(csrfHeader)
	if got == "" {
		var err error
		if got, err = formToken(r); err != nil {
			return false, err
		}
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1, nil
}

// formToken reads the field from a form and leaves the form to be read again.
func formToken(r *http.Request) (string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		r.Body = http.MaxBytesReader(nil, r.Body, web.MaxBody)
		body, err := web.Body(r)
		if err != nil {
			return "", err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		q, err := url.ParseQuery(string(body))
		if err != nil {
			return "", nil
		}
		return q.Get(csrfField), nil
	case "multipart/form-data":
		// In memory whole: what does not fit would be written to disk in clear.
		r.Body = http.MaxBytesReader(nil, r.Body, web.MaxBody)
		if err := r.ParseMultipartForm(web.MaxBody); err != nil {
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				return "", err
			}
			return "", nil
		}
		return r.PostFormValue(csrfField), nil
	default:
		return "", nil
	}
}
