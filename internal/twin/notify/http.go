package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer is how much of an answer is read, so that the connection can be used again; what is longer costs the connection.
const maxAnswer = 64 << 10

// contextRel is the link relation that names a JSON-LD context (JSON-LD 1.1, 6.1).
const contextRel = "http://www.w3.org/ns/json-ld#context"

const tenantHeader = "NGSILD-Tenant"

// newClient follows no redirect: the endpoint that was checked is the one that is called. It uses no proxy of the environment,
// behind which Reach could not see.
func newClient(reach *Reach, trust *tls.Config) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            reach.dialer(maxTimeout).DialContext,
			TLSClientConfig:        trust,
			TLSHandshakeTimeout:    DefaultTimeout,
			MaxConnsPerHost:        maxConnections,
			MaxIdleConnsPerHost:    4,
			MaxIdleConns:           1024,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true, // a small answer that grows is not read either
		},
	}
}

// post is the HTTP binding (clause 6.3.8).
func (s *Sender) post(ctx context.Context, to Endpoint, n Notification) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.target.String(), bytes.NewReader(n.Body))
	if err != nil {
		return bare(err)
	}
	r.Header.Set("Content-Type", n.ContentType)
	r.Header.Set("User-Agent", "tribune")
	if n.Link != "" {
		r.Header.Set("Link", linkTo(n.Link))
	}
	for _, p := range to.ReceiverInfo {
		if k := http.CanonicalHeaderKey(p.Key); k != "Content-Type" && k != "Link" { // these say what the body is
			r.Header.Set(k, p.Value)
		}
	}
	if n.Tenant != "" {
		r.Header.Set(tenantHeader, string(n.Tenant))
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return bare(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // bounded by ctx as well
	if resp.StatusCode < 200 || resp.StatusCode > 299 {       // clause 5.8.6 says 200; see docs/decisions/0020
		return fmt.Errorf("it answered %d, which says that it did not take it", resp.StatusCode)
	}
	return nil
}

func linkTo(context string) string {
	return "<" + strings.NewReplacer("<", "%3C", ">", "%3E", "\r", "", "\n", "").Replace(context) + `>; rel="` + contextRel + `"; type="` + TypeLD + `"`
}

// bare takes the URL out of an error of net/http: it may hold a secret.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
