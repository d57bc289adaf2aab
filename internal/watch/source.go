package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/verify"
)

// Times and sizes of what is asked, with their reasons.
const (
	askTimeout     = 20 * time.Second // a bundle of 16 MB on a slow line is asked for again rather than waited for
	maxLawBody     = 2*policy.MaxBytes + 1<<20
	maxStatements  = 1 << 20 // a statement has some 400 bytes; there are at most 64 guardians
	maxMandateBody = policy.MaxEvidence
)

// source is one place that shows the record: a hub, a guardian, another mirror.
type source struct {
	name string // what incidents call it
	base string // what is in front of "checkpoint" and "tile/..."
	hub  string // base of /law and /record; "" = it has none
	get  getter
}

// getter fetches one bounded body; fs.ErrNotExist where there is none.
type getter func(ctx context.Context, url string, limit int) ([]byte, error)

// newHub is a hub or a mirror that speaks like one.
func newHub(base string, get getter) *source {
	base = strings.TrimSuffix(base, "/")
	return &source{name: "the hub", base: base + "/log/", hub: base, get: get}
}

// newGuardian is a guardian, or whoever shows a log at its root.
func newGuardian(base string, get getter) *source {
	base = strings.TrimSuffix(base, "/")
	return &source{name: "the guardian at " + base, base: base + "/", get: get}
}

// fetch reads tiles for a verify.Tree.
func (s *source) fetch(ctx context.Context) verify.Fetch {
	return verify.OrFull(func(path string) ([]byte, error) { return s.get(ctx, s.base+path, verify.MaxResource) })
}

func (s *source) checkpoint(ctx context.Context) ([]byte, error) {
	return s.get(ctx, s.base+"checkpoint", verify.MaxCheckpoint)
}

// overHTTP gets over HTTP. It follows no redirect: whoever is asked answers itself.
func overHTTP(client *http.Client) getter {
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return func(ctx context.Context, url string, limit int) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, fmt.Errorf("asking for %s: %w", url, err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, &awayError{err}
		}
		defer resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
		case http.StatusNotFound, http.StatusGone:
			return nil, fmt.Errorf("%s: %s: %w", url, resp.Status, fs.ErrNotExist)
		default:
			return nil, fmt.Errorf("%w: %s: %s", errAnswer, url, resp.Status)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", url, err)
		}
		if len(body) > limit {
			return nil, fmt.Errorf("%s: more than %d bytes: %w", url, limit, tribune.ErrTooLarge)
		}
		return body, nil
	}
}

// awayError: nobody answers. Its text is for the public and stays the same while it lasts; the log has the reason.
type awayError struct{ err error }

func (e *awayError) Error() string {
	var late interface{ Timeout() bool }
	if errors.As(e.err, &late) && late.Timeout() {
		return "it does not answer in time"
	}
	return "it cannot be reached"
}

func (e *awayError) Unwrap() error { return e.err }

// errAnswer: somebody answers, but not with what was asked for.
var errAnswer = errors.New("it answers with an error")

// answers reports whether whoever was asked is there at all.
func answers(err error) bool {
	return err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errAnswer) || errors.Is(err, tribune.ErrTooLarge)
}
