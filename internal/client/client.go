// Package client is the outside of the hub's HTTP surface: what a program does that reads personal data or exercises
// power. The command `tribune ask`, the drills and the benchmarks use it; it imports nothing of the house but the bytes.
//
// The actor's key never leaves this side: the hub prepares an act, this package checks that it says what was asked and
// signs it.
package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// Bounds.
const (
	MaxAnswer = 64 << 20          // bytes read of any answer; a longer one is an error, never cut short
	patience  = 100 * time.Second // for a whole answer: the hub gives up after 90
	maxSkew   = 2 * time.Minute   // of an act's time; guardians accept no more either
)

// Client calls one hub as one caller.
type Client struct {
	Base    string             // http://host:port
	Token   string             // "" = anonymous
	Key     ed25519.PrivateKey // signs acts; nil = cannot
	Actor   tribune.ActorID    // of Key, for acts of power
	Office  tribune.OfficeID
	Purpose tribune.PurposeID
	Mandate tribune.MandateID
	Salts   [][]byte     // open whom the mandate, a warrant, names; nil = it is none
	HTTP    *http.Client // nil = one that waits its time and follows no redirect: token and signature are for Base alone
}

// Answer is what the hub answered. Problem is set where Status is not 2xx.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	Receipt tribune.Receipt
	Act     *protocol.Act // that was signed for this answer; nil = none
	Problem *Problem
}

// Problem is the part of RFC 9457 problem details that a client shows.
type Problem struct {
	Title   string          `json:"title"`
	Detail  string          `json:"detail"`
	Hint    string          `json:"hint"`
	Missing []string        `json:"missing"`
	Act     json.RawMessage `json:"act"`
	ActText string          `json:"actText"`
}

// Error makes a problem an error with its hint.
func (a *Answer) Error() error {
	if a.Problem == nil {
		return nil
	}
	text := a.Problem.Title
	if a.Problem.Detail != "" {
		text += ": " + a.Problem.Detail
	}
	if len(a.Problem.Missing) > 0 {
		text += " (missing: " + strings.Join(a.Problem.Missing, "; ") + ")"
	}
	err := fmt.Errorf("the hub answered %d: %s", a.Status, text)
	if a.Problem.Hint != "" {
		return tribune.Hint(err, "%s", a.Problem.Hint)
	}
	return err
}

// Do sends one request with the caller's headers and extra ones.
func (c *Client) Do(ctx context.Context, method, path string, body []byte, extra http.Header) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: the request's address: %w", tribune.ErrInvalid, unwrapURL(err))
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range map[string]string{"Tribune-Purpose": string(c.Purpose), "Tribune-Mandate": string(c.Mandate)} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if len(c.Salts) > 0 {
		req.Header.Set("Tribune-Warrant", protocol.SaltsText(c.Salts))
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for name, values := range extra {
		req.Header[name] = values
	}
	h := c.HTTP
	if h == nil {
		h = &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	res, err := h.Do(req)
	if err != nil {
		return nil, fmt.Errorf("calling the hub: %w", unwrapURL(err))
	}
	defer res.Body.Close()
	a := &Answer{Status: res.StatusCode, Header: res.Header}
	if a.Body, err = io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1)); err != nil {
		return nil, fmt.Errorf("reading the hub's answer: %w", err)
	}
	if len(a.Body) > MaxAnswer {
		return nil, fmt.Errorf("%w: the hub's answer has more than %d bytes", tribune.ErrTooLarge, MaxAnswer)
	}
	if r := res.Header.Get("Tribune-Receipt"); r != "" {
		if a.Receipt, err = base64.RawURLEncoding.DecodeString(r); err != nil {
			return nil, fmt.Errorf("%w: the Tribune-Receipt header is not base64url", tribune.ErrInvalid)
		}
	}
	if res.StatusCode >= 300 {
		a.Problem = &Problem{Title: res.Status}
		json.Unmarshal(a.Body, a.Problem)
	}
	return a, nil
}

// unwrapURL keeps a URL, and what its query may hold, out of errors.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Read sends a request for personal data; where the hub asks for a signature it checks and signs the act and sends the
// request again. An act that lost a race against another about the same person is prepared anew, a few times.
func (c *Client) Read(ctx context.Context, method, path string, body []byte) (*Answer, error) {
	const tries = 5 // another act about the same person came first
	for try := 1; ; try++ {
		first, err := c.Do(ctx, method, path, body, nil)
		if err != nil || first.Status != http.StatusPreconditionRequired {
			return first, err
		}
		act, err := c.check(first, kindOf(method, path))
		if err != nil {
			return nil, err
		}
		if c.Key == nil {
			return first, errNoKey()
		}
		signature, err := act.Sign(c.Key)
		if err != nil {
			return nil, err
		}
		second, err := c.Do(ctx, method, path, body, http.Header{
			"Tribune-Act": {act.ID}, "Tribune-Signature": {base64.StdEncoding.EncodeToString(signature)},
		})
		if err == nil {
			second.Act = &act
		}
		if err != nil || second.Status != http.StatusConflict || try == tries {
			return second, err
		}
	}
}

func errNoKey() error {
	return tribune.Hint(fmt.Errorf("%w: the act needs the actor's signature", tribune.ErrDenied), "Give the key file of the office holder.")
}

// kindOf is what a request can be an act of: a subscription stands until its end, all else is read once.
func kindOf(method, path string) tribune.ActKind {
	switch {
	case method == http.MethodPost && strings.HasSuffix(path, "/subscriptions"):
		return tribune.ActStanding
	case method == http.MethodPost && path == "/erasures":
		return tribune.ActErase
	case method == http.MethodPost && path == "/extensions":
		return tribune.ActExtension
	}
	return tribune.ActRead
}

// check refuses to sign an act that says anything but what was asked.
func (c *Client) check(a *Answer, kind tribune.ActKind) (protocol.Act, error) {
	var act protocol.Act
	if a.Problem == nil || protocol.DecodeJCS([]byte(a.Problem.ActText), &act) != nil {
		return act, fmt.Errorf("%w: the hub asks for a signature under something that is not an act", tribune.ErrInvalid)
	}
	if act.Purpose != c.Purpose || act.Mandate != c.Mandate || act.Kind != kind || act.Office != c.Office {
		return act, fmt.Errorf("%w: the hub asks for a signature under another act: %s by %s for %s under %s", tribune.ErrInvalid, act.Kind, act.Office, act.Purpose, act.Mandate)
	}
	at, err := act.When()
	if err != nil {
		return act, err
	}
	if skew := time.Since(at).Abs(); skew > maxSkew {
		return act, fmt.Errorf("%w: the hub dates the act %s away from this clock", tribune.ErrInvalid, skew.Round(time.Second))
	}
	return act, act.Validate()
}

// Exercise puts an act of power on record: note says in words what is done.
func (c *Client) Exercise(ctx context.Context, note string) (*Answer, error) {
	return c.exercise(ctx, "/acts", note, nil)
}

// NameForWarrant has the guardians evaluate a name, for a court that writes a warrant about its holder: y, from which the court computes
// and checks the pseudonym, is in the answer's body. That it was done stands on record, without the name; who has salt (protocol.SaltSize random bytes)
// can show whose it was.
func (c *Client) NameForWarrant(ctx context.Context, n protocol.PersonName, salt []byte) (*Answer, error) {
	return c.exercise(ctx, "/warrants/names", protocol.NamingNote(n, salt), map[string]any{"name": n, "nameSalt": salt})
}

func (c *Client) exercise(ctx context.Context, path, note string, more map[string]any) (*Answer, error) {
	if c.Key == nil {
		return nil, errNoKey()
	}
	private, err := protocol.JCS(protocol.Private{Actor: c.Actor, Inputs: protocol.Inputs{Attrs: []tribune.Name{}, Note: note}, Subjects: []protocol.Subject{}})
	if err != nil {
		return nil, err
	}
	salt := protocol.NewSalt()
	com, err := protocol.Commitment(salt, private)
	if err != nil {
		return nil, err
	}
	act := protocol.Act{
		Com: com, ID: protocol.NewID(), Kind: tribune.ActDecide, Mandate: c.Mandate, Office: c.Office, Purpose: c.Purpose, Time: protocol.Time(time.Now()),
	}
	signature, err := act.Sign(c.Key)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{"act": act, "private": private, "salt": salt, "signature": signature}
	maps.Copy(fields, more)
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return c.Do(ctx, http.MethodPost, path, body, nil)
}

// ReceiptPath is the path of the self-contained receipt that an answer's Link header names, "" where there is none.
func ReceiptPath(h http.Header) string {
	for _, link := range h.Values("Link") {
		if target, rel, ok := strings.Cut(link, ">; "); ok && rel == `rel="receipt"` && strings.HasPrefix(target, "</record/receipts/") {
			return target[1:]
		}
	}
	return ""
}
