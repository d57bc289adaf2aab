package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"golang.org/x/time/rate"

	"tribune"
	"tribune/internal/durable"
)

// connect checks the configuration and reads its files; nothing is sent yet.
func connect(cfg Config) (*Remote, error) {
	u, err := address(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Model == "" || cfg.Budget < 1 {
		return nil, fmt.Errorf("%w: a model's name and a query budget must be given", tribune.ErrInvalid)
	}
	cfg.Batch, cfg.Attempts, cfg.Timeout = or(cfg.Batch, 64), or(cfg.Attempts, 5), or(cfg.Timeout, 30*time.Second)
	if cfg.Rate == 0 {
		cfg.Rate = 10
	}
	if cfg.Batch < 1 || cfg.Batch > maxBatch || cfg.Attempts < 1 || cfg.Timeout < 0 || !(cfg.Rate > 0) || cfg.Inputs < 0 || cfg.Classes < 0 || cfg.Classes == 1 {
		return nil, fmt.Errorf("%w: batch %d, %d attempts, time-out %v, %v requests a second, %d features, %d classes", tribune.ErrInvalid,
			cfg.Batch, cfg.Attempts, cfg.Timeout, cfg.Rate, cfg.Inputs, cfg.Classes)
	}
	r := &Remote{cfg: cfg, limiter: rate.NewLimiter(rate.Limit(cfg.Rate), 1)}
	r.base = u + "/v2/models/" + url.PathEscape(cfg.Model)
	if cfg.Version != "" {
		r.base += "/versions/" + url.PathEscape(cfg.Version)
	}
	if cfg.TokenFile != "" {
		if r.token, err = readToken(cfg.TokenFile); err != nil {
			return nil, fmt.Errorf("reading the bearer token: %w", err)
		}
	}
	transport := cfg.Transport
	if transport == nil {
		if transport, err = ownTransport(cfg.CAFile); err != nil {
			return nil, err
		}
	}
	r.http = &http.Client{Transport: transport, Timeout: cfg.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // records and token go where they were meant to go
	}}
	return r, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// address is the server's URL without a slash at its end.
func address(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%w: the endpoint's URL is no https://host[:port][/path] (a token goes into a file)", tribune.ErrInvalid)
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && here) {
		return "", tribune.Hint(fmt.Errorf("%w: records of people would travel to %s in the clear", tribune.ErrInvalid, u.Host), "https, or a tunnel that ends on this machine")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func readToken(path string) (string, error) {
	data, err := durable.Read(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if token == "" || len(token) > 8<<10 || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("%w: the file holds no token of one line", tribune.ErrInvalid)
	}
	return token, nil
}

func ownTransport(caFile string) (http.RoundTripper, error) {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		ForceAttemptHTTP2:      true,
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates to trust: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s holds no PEM certificate", tribune.ErrInvalid, caFile)
		}
	}
	return t, nil
}

// shortToken is how long one is at least that does not stand in an answer by chance.
const shortToken = 12 // bytes

// busy is an error after which the same request may be tried again; pause is what the server asked for.
type busy struct {
	err   error
	pause time.Duration
}

func (b *busy) Error() string { return b.err.Error() }
func (b *busy) Unwrap() error { return b.err }

// persist sends a request until it is answered, refused, or tried often enough. Each attempt costs as many records.
func (r *Remote) persist(ctx context.Context, method, url string, body []byte, limit, records int64) ([]byte, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if err := r.limiter.Wait(ctx); err != nil {
			return nil, err
		}
		if err := r.spend(records); err != nil {
			return nil, err
		}
		answer, err := r.once(ctx, method, url, body, limit)
		var again *busy
		if err == nil || !errors.As(err, &again) {
			return answer, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if attempt == r.cfg.Attempts {
			return nil, fmt.Errorf("after %d attempts: %w", attempt, err)
		}
		wait := max(pause/2+rand.N(pause/2), again.pause) // spread, so that many auditors do not come back at once
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		pause = min(2*pause, maxPause)
	}
}

func (r *Remote) once(ctx context.Context, method, url string, body []byte, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		var unknown x509.UnknownAuthorityError
		var name x509.HostnameError
		if errors.As(err, &unknown) || errors.As(err, &name) {
			return nil, err // asking again does not make it whom it should be
		}
		return nil, &busy{err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, &busy{err: fmt.Errorf("reading the answer: %w", err)}
	}
	if int64(len(answer)) > limit {
		return nil, fmt.Errorf("%w: an answer of more than %d bytes", tribune.ErrTooLarge, limit)
	}
	if resp.StatusCode == http.StatusOK && len(r.token) >= shortToken && bytes.Contains(answer, []byte(r.token)) {
		return nil, fmt.Errorf("%w: the answer repeats the bearer token", tribune.ErrInvalid) // errors quote answers
	}
	return answer, r.status(resp, answer)
}

// status is nil for 200; what the server says of an error is quoted, made printable.
func (r *Remote) status(resp *http.Response, answer []byte) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	err := fmt.Errorf("%w: the endpoint answers %d%s", tribune.ErrInvalid, resp.StatusCode, complaint(answer, r.token))
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return tribune.Hint(err, "a bearer token in a file (mode 0600) that the endpoint accepts")
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, perr := strconv.Atoi(resp.Header.Get("Retry-After"))
		if perr != nil || seconds < 0 {
			seconds = 0
		}
		return &busy{err: err, pause: min(time.Duration(min(seconds, 3600))*time.Second, maxPause)}
	}
	return err
}

// complaint is what the server says went wrong, without what it may have echoed of the token.
func complaint(answer []byte, token string) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(answer, &e) != nil || e.Error == "" {
		return ""
	}
	if token != "" {
		e.Error = strings.ReplaceAll(e.Error, token, "...")
	}
	return ": " + printable(e.Error)
}

func printable(s string) string {
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "..."
	}
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, s)
}
