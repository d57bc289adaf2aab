package web

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/protocol"
)

// Headers of the platform.
const (
	PurposeHeader   = "Tribune-Purpose"
	MandateHeader   = "Tribune-Mandate"
	WarrantHeader   = "Tribune-Warrant" // salts that open a warrant's names: protocol.SaltsText
	ActHeader       = "Tribune-Act"
	SignatureHeader = "Tribune-Signature"
	ReceiptHeader   = "Tribune-Receipt"
	ModeHeader      = "Tribune-Mode"
)

const (
	maxToken = 4 << 10 // bytes of a bearer token: a JWT takes one or two KB
	maxWord  = 256     // bytes of a purpose or mandate id
)

// Callers knows who a bearer token belongs to: ErrUnknown, ErrExpired.
type Callers interface {
	Caller(token string) (tribune.Caller, error)
}

// state is what the middleware knows of one request.
type state struct {
	id     string
	caller tribune.Caller
}

type stateKey struct{}

// CallerOf is who calls, as Wrap has found out. An anonymous caller may still have named a purpose.
func CallerOf(ctx context.Context) tribune.Caller {
	if s, ok := ctx.Value(stateKey{}).(*state); ok {
		return s.caller
	}
	return tribune.Caller{}
}

// WithCaller is ctx with a caller that something else than a bearer token has verified: a page asks on behalf of whoever has
// logged in.
func WithCaller(ctx context.Context, c tribune.Caller) context.Context {
	return context.WithValue(ctx, stateKey{}, &state{id: RequestID(ctx), caller: c})
}

// RequestID is the id of the request, "" outside Wrap.
func RequestID(ctx context.Context) string {
	if s, ok := ctx.Value(stateKey{}).(*state); ok {
		return s.id
	}
	return ""
}

// resolve reads who calls and why from the headers.
func resolve(h http.Header, callers Callers) (tribune.Caller, error) {
	var c tribune.Caller
	if auth := h.Values("Authorization"); len(auth) > 0 {
		scheme, token, _ := strings.Cut(auth[0], " ")
		token = strings.TrimSpace(token)
		if len(auth) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken || callers == nil {
			return c, tribune.Hint(fmt.Errorf("%w: the Authorization header is not one bearer token", tribune.ErrUnknown), "Send Authorization: Bearer TOKEN once.")
		}
		var err error
		if c, err = callers.Caller(token); err != nil {
			return tribune.Caller{}, fmt.Errorf("finding the caller: %w", err)
		}
	}
	purpose, err := word(h, PurposeHeader)
	if err != nil {
		return tribune.Caller{}, err
	}
	mandate, err := word(h, MandateHeader)
	if err != nil {
		return tribune.Caller{}, err
	}
	if c, err = narrow(c, tribune.PurposeID(purpose), tribune.MandateID(mandate)); err != nil {
		return tribune.Caller{}, err
	}
	if all := h.Values(WarrantHeader); len(all) > 0 {
		if c.Salts, err = protocol.ParseSalts(all[0]); err != nil || len(all) > 1 {
			return tribune.Caller{}, tribune.Hint(fmt.Errorf("%w: the %s header does not open a warrant's names", tribune.ErrInvalid, WarrantHeader), "Send the salts that the court gave you with its warrant, in one header.")
		}
	}
	return c, nil
}

// narrow adds the purpose and mandate of the headers to a caller. A token may have been given for one purpose and mandate
// (RFC 9396); the headers may repeat those, never name others.
func narrow(c tribune.Caller, purpose tribune.PurposeID, mandate tribune.MandateID) (tribune.Caller, error) {
	if c.Purpose != "" && purpose != "" && c.Purpose != purpose || c.Mandate != "" && mandate != "" && c.Mandate != mandate {
		return tribune.Caller{}, tribune.Hint(fmt.Errorf("%w: the access token was given for another purpose or mandate than the headers name", tribune.ErrDenied), "Leave out %s and %s, or get a token for them.", PurposeHeader, MandateHeader)
	}
	if c.Purpose == "" {
		c.Purpose = purpose
	}
	if c.Mandate == "" {
		c.Mandate = mandate
	}
	return c, nil
}

// word reads a header that holds one id.
func word(h http.Header, name string) (string, error) {
	all := h.Values(name)
	if len(all) == 0 {
		return "", nil
	}
	s := all[0]
	if len(all) > 1 || s == "" || len(s) > maxWord {
		return "", fmt.Errorf("%w: %s must hold one id of at most %d bytes", tribune.ErrInvalid, name, maxWord)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "", fmt.Errorf("%w: %s must be printable ASCII without spaces", tribune.ErrInvalid, name)
		}
	}
	return s, nil
}

// SetReceipt puts a receipt into an answer's headers.
func SetReceipt(h http.Header, receipt tribune.Receipt) {
	h.Set(ReceiptHeader, base64.RawURLEncoding.EncodeToString(receipt))
	if index, ok := receiptIndex(receipt); ok {
		h.Add("Link", `</record/receipts/`+index+`>; rel="receipt"`)
	}
}

// receiptIndex reads the index line of a C2SP tlog-proof: "c2sp.org/tlog-proof@v1\n[extra ...\n]index N\n...".
func receiptIndex(receipt tribune.Receipt) (string, bool) {
	for line := range strings.Lines(string(receipt)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return "", false // the checkpoint begins
		}
		n, ok := strings.CutPrefix(line, "index ")
		if !ok {
			continue
		}
		if n == "" || len(n) > 20 || strings.Trim(n, "0123456789") != "" {
			return "", false
		}
		return n, true
	}
	return "", false
}
