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

const (
	tenantHeader   = "NGSILD-Tenant"
	snapshotHeader = "NGSILD-Snapshot"
)

// newTransport uses no proxy of the environment, behind which Reach could not see. It keeps as many connections as it opens to a host:
// what a commit of many changes sets off goes out at once, and connecting anew each time costs more than the message.
func newTransport(reach *Reach, trust *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:            reach.dialer(maxTimeout).DialContext,
		TLSClientConfig:        trust,
		TLSHandshakeTimeout:    DefaultTimeout,
		MaxConnsPerHost:        maxConnections,
		MaxIdleConnsPerHost:    maxConnections,
		MaxIdleConns:           1024,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 16 << 10,
		DisableCompression:     true, // a small answer that grows is not read either
	}
}

// post is the HTTP binding (clause 6.3.8). The answer's head says how it went; rest reads what follows, so that the connection can be used
// again, and is nil where nothing does. No redirect is followed, as a transport follows none: the endpoint that was checked is the one that
// is called.
func (s *Sender) post(ctx context.Context, to *Endpoint, n *Notification) (rest func(), err error) {
	resp, err := s.http.RoundTrip(request(ctx, to, n))
	if err != nil {
		return nil, bare(err)
	}
	rest = func() {
		io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // bounded by ctx as well
		resp.Body.Close()
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 { // clause 5.8.6 says 200; see docs/decisions/0020
		return rest, fmt.Errorf("it answered %d, which says that it did not take it", resp.StatusCode)
	}
	return rest, nil
}

func request(ctx context.Context, to *Endpoint, n *Notification) *http.Request {
	body := n.Body
	r := &http.Request{
		Method: http.MethodPost, URL: &to.target, Host: to.target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, 4+len(to.ReceiverInfo)),
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }, // a connection that turns out to be closed is made anew
	}
	h := r.Header
	h["Content-Type"], h["User-Agent"] = []string{n.ContentType}, []string{"tribune"}
	if n.Link != "" {
		h["Link"] = []string{linkTo(n.Link)}
	}
	if user := to.target.User; user != nil {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	for _, p := range to.ReceiverInfo {
		if k := http.CanonicalHeaderKey(p.Key); k != "Content-Type" && k != "Link" { // these say what the body is
			h.Set(k, p.Value)
		}
	}
	if n.Tenant != "" {
		h.Set(tenantHeader, string(n.Tenant))
	}
	if n.Snapshot != "" {
		h.Set(snapshotHeader, n.Snapshot)
	}
	return r.WithContext(ctx)
}

func linkTo(context string) string {
	if strings.ContainsAny(context, "<>\r\n") {
		context = strings.NewReplacer("<", "%3C", ">", "%3E", "\r", "", "\n", "").Replace(context)
	}
	return "<" + context + `>; rel="` + contextRel + `"; type="` + TypeLD + `"`
}

// bare takes the URL out of an error of net/http: it may hold a secret.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
