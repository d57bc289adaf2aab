package federation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// Bounds of what is forwarded. A source is somebody else's machine: it may be slow, gone or hostile.
const (
	DefaultTimeout = 5 * time.Second  // where the registration names none: people wait for the answer
	MaxTimeout     = 30 * time.Second // of what a registration may name
	MaxAnswer      = 4 << 20          // bytes of an answer: a page of entities of 40 KB
	MaxHops        = 16               // sources that a request may have passed

	maxUnderWay   = 256 // forwarded requests of this broker
	maxOfOneHost  = 32
	maxIdle       = 8 // connections kept to one host
	maxHeaders    = 64 << 10
	keptIdle      = time.Minute
	maxSourceText = 300 // bytes of a source's own words that an error repeats
)

// SourcesConfig says how sources are reached.
type SourcesConfig struct {
	// Dialer decides which addresses may be reached; a registration names any endpoint. Required.
	Dialer *net.Dialer

	Contexts *jsonld.Contexts // required

	Self string           // this broker's own name in Via, see Identity; required
	Now  func() time.Time // nil = time.Now

	// PassCredentials lets a registration have the caller's own Authorization passed on (clause 4.3.6.5). In a city that would hand the
	// hub's tokens to whoever runs the source; a laboratory has none.
	PassCredentials bool
}

// Sources asks context sources. It is safe for concurrent use.
type Sources struct {
	cfg    SourcesConfig
	client *http.Client
	slots  chan struct{}
	kept   *answers

	gathered atomic.Int64 // bytes that questions under way have taken, see allowance
}

// NewSources is ready to ask; it connects to nobody yet.
func NewSources(cfg SourcesConfig) *Sources {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	transport := &http.Transport{
		DialContext: cfg.Dialer.DialContext, ForceAttemptHTTP2: true, MaxConnsPerHost: maxOfOneHost, MaxIdleConnsPerHost: maxIdle, MaxIdleConns: maxUnderWay,
		IdleConnTimeout: keptIdle, TLSHandshakeTimeout: DefaultTimeout, MaxResponseHeaderBytes: maxHeaders,
	}
	return &Sources{
		cfg:   cfg,
		slots: make(chan struct{}, maxUnderWay),
		kept:  newAnswers(),
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // it would lead to where nobody has registered
		}},
	}
}

// Close ends idle connections.
func (s *Sources) Close() { s.client.CloseIdleConnections() }

// Call is one request to a source, in the words of the API's own paths.
type Call struct {
	Method string
	Path   string // below the root of the NGSI-LD interface, escaped
	Query  string // without "?"
	Body   []byte
	Type   string // media type of Body
	Link   string // URL of the @context, for a Link header; "" = none
	Cause  *http.Request
	Map    string // where the source's entity map stands, for its header; "" = none
	Maps   *Maps  // of the sequence of requests that this is one of; nil = it is none
	Most   int    // bytes of the answer; 0 = MaxAnswer
}

// Reply is what a source has answered with success, or with 404 to a question.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	Stale  bool // it is an earlier answer (clause 6.3.17: 110)
}

// Do asks one source and waits for its answer, at most as long as the registration allows. How it went is noted in the registration.
func (s *Sources) Do(ctx context.Context, r *Registration, c Call) (Reply, error) {
	if c.Maps != nil {
		return s.onMap(ctx, r, c)
	}
	if r.CoolingDown(s.cfg.Now()) {
		return Reply{}, &Failure{Source: r.ID, Err: ErrSlow, Detail: "it failed before and is given time to recover"}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout(r))
	defer cancel()
	req, err := s.request(ctx, r, c)
	if err != nil {
		return Reply{}, &Failure{Source: r.ID, Err: ErrSource, Detail: err.Error()}
	}
	key := ""
	if c.Method == http.MethodGet && r.Management.CacheDuration > 0 {
		key = keyOf(r, req)
		if reply, ok := s.kept.get(key, s.cfg.Now()); ok {
			return reply, nil
		}
	}
	reply, failure := s.send(ctx, r, req, cmp.Or(c.Most, MaxAnswer))
	switch {
	case failure == nil:
		r.Succeeded(s.cfg.Now())
		if key != "" && reply.Status < 300 {
			s.kept.put(key, reply, s.cfg.Now().Add(r.Management.CacheDuration))
		}
		return reply, nil
	case c.Cause.Context().Err() == nil: // else it is the caller who went away
		r.Failed(s.cfg.Now())
	}
	return Reply{}, failure
}

func timeout(r *Registration) time.Duration {
	if t := r.Management.Timeout; t > 0 {
		return min(t, MaxTimeout)
	}
	return DefaultTimeout
}

func (s *Sources) send(ctx context.Context, r *Registration, req *http.Request, most int) (Reply, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Reply{}, &Failure{Source: r.ID, Err: ErrSlow, Detail: "too many requests are being forwarded"}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return Reply{}, unreachable(r, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(most)+1))
	switch {
	case len(body) > most:
		return Reply{}, &Failure{Source: r.ID, Err: ErrAnswer, Status: res.StatusCode, Detail: fmt.Sprintf("it answers with more than %d bytes", most)}
	case err != nil && ctx.Err() != nil:
		return Reply{}, unreachable(r, ctx.Err())
	case err != nil && res.StatusCode < 300:
		return Reply{}, &Failure{Source: r.ID, Err: ErrAnswer, Status: res.StatusCode, Detail: "its answer ends in the middle"}
	}
	reply := Reply{Status: res.StatusCode, Header: res.Header, Body: body}
	if res.StatusCode >= 200 && res.StatusCode < 300 || res.StatusCode == http.StatusNotFound && req.Method == http.MethodGet {
		return reply, nil
	}
	return Reply{}, refusal(r, reply)
}

// root is where the source's NGSI-LD interface begins; some registrations name it with the path that the standard gives it.
func (r *Registration) root() string {
	const path = "/ngsi-ld/v1"
	base := strings.TrimRight(r.Endpoint, "/")
	if strings.HasSuffix(base, path) {
		return base
	}
	return base + path
}

func unreachable(r *Registration, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Failure{Source: r.ID, Err: ErrSlow, Detail: "it has not answered in time"}
	}
	f := &Failure{Source: r.ID, Err: ErrSource, Detail: "it cannot be reached"}
	if errors.Is(err, tribune.ErrInvalid) { // the dialer's word
		f.Detail = "its address may not be reached from here"
	}
	return f
}
