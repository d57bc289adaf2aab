package federation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"tribune"
)

const contextRel = "http://www.w3.org/ns/json-ld#context"

// request writes a call as HTTP: the headers of the standard, and those that the registration asks for.
func (s *Sources) request(ctx context.Context, r *Registration, c Call) (*http.Request, error) {
	url := r.root() + c.Path
	query := c.Query
	if r.Management.LocalOnly {
		query = strings.TrimPrefix(query+"&local=true", "&")
	}
	if query != "" {
		url += "?" + query
	}
	var body io.Reader
	if c.Body != nil {
		body = bytes.NewReader(c.Body)
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, url, body)
	if err != nil {
		return nil, fmt.Errorf("its endpoint is no URL")
	}
	h := req.Header
	h.Set("Accept", "application/json")
	for _, kv := range r.ContextSourceInfo {
		s.inform(h, kv, c.Cause)
	}
	h.Set("User-Agent", "tribune")
	if c.Body != nil {
		h.Set("Content-Type", c.Type)
	}
	if c.Link != "" {
		h.Set("Link", "<"+c.Link+`>; rel="`+contextRel+`"; type="application/ld+json"`)
	}
	if c.Map != "" {
		h.Set(entityMapHeader, c.Map)
	}
	if r.RemoteTenant != "" {
		h.Set("NGSILD-Tenant", r.RemoteTenant)
	}
	h.Set("Via", strings.Join(append(hops(c.Cause), "1.1 "+Alias(s.cfg.Self, r.Tenant)), ", "))
	return req, nil
}

// inform sets what contextSourceInfo says (clauses 4.3.6.5 and 4.3.6.6). What belongs to the connection, to the message or to
// the tenant is not its to say, nor what proves who the caller is.
func (s *Sources) inform(h http.Header, kv KeyValue, cause *http.Request) {
	key := strings.ToLower(kv.Key)
	switch key {
	case "jsonldcontext", "ngsildconformance", "contenttype":
		return // said in the message itself
	case "accept":
		if kv.Value == "application/json" || kv.Value == "application/ld+json" {
			h.Set("Accept", kv.Value)
		}
		return
	case "host", "via", "ngsild-tenant", "link", "content-length", "content-type", "content-encoding", "accept-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
		"upgrade", "expect", "proxy-connection", "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range":
		return
	}
	if strings.HasPrefix(key, "tribune-") || strings.HasPrefix(key, "proxy-") || !isToken(key) {
		return
	}
	value := kv.Value
	if value == FromRequest {
		if (key == "authorization" || key == "cookie") && !s.cfg.PassCredentials {
			return
		}
		if value = cause.Header.Get(kv.Key); value == "" {
			return
		}
	}
	if isFieldValue(value) {
		h.Set(kv.Key, value)
	}
}

// hops are the values of the Via headers of a request, in order.
func hops(r *http.Request) []string {
	var out []string
	for _, line := range r.Header.Values("Via") {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// Via are the names of the sources that a request has passed (RFC 7230, 5.7.1: protocol, name, comment).
func Via(r *http.Request) []string {
	if len(r.Header["Via"]) == 0 {
		return nil
	}
	var names []string
	for _, hop := range hops(r) {
		if fields := strings.Fields(hop); len(fields) > 1 {
			names = append(names, fields[1])
		}
	}
	return names
}

// Looped reports whether a request for the tenant has been here before, or has come too far.
func (s *Sources) Looped(tenant tribune.Tenant, via []string) bool {
	return len(via) >= MaxHops || len(via) > 0 && slices.Contains(via, Alias(s.cfg.Self, tenant))
}
