package client

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// hub is a hub that answers what the test tells it to, and notes what it was sent.
type hub struct {
	*httptest.Server
	act       func() protocol.Act // to sign
	text      func(string) string // changes the act's text on its way; nil = as it is
	conflicts int                 // answers 409 that often
	signed    []protocol.Act      // acts that came back with a signature that verifies
	asked     int
}

func newHub(t *testing.T) (*hub, *Client) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{}
	pending := map[string]protocol.Act{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Tribune-Act")
		if id == "" {
			h.asked++
			act := h.act()
			pending[act.ID] = act
			text, err := protocol.JCS(act)
			if err != nil {
				t.Error(err)
			}
			if h.text != nil {
				text = []byte(h.text(string(text)))
			}
			w.WriteHeader(http.StatusPreconditionRequired)
			json.NewEncoder(w).Encode(map[string]any{"title": "sign", "actText": string(text)})
			return
		}
		signature, _ := base64.StdEncoding.DecodeString(r.Header.Get("Tribune-Signature"))
		if err := pending[id].Verify(public, signature); err != nil {
			t.Errorf("signature: %v", err)
		}
		h.signed = append(h.signed, pending[id])
		if len(h.signed) <= h.conflicts {
			w.WriteHeader(http.StatusConflict)
			return
		}
		w.Header().Set("Tribune-Receipt", base64.RawURLEncoding.EncodeToString([]byte("a receipt")))
		w.Write([]byte(`{"refParking":"at the mall"}`))
	}))
	t.Cleanup(h.Close)
	c := &Client{Base: h.URL, Token: "a-token", Key: key, Actor: "inspector-ward", Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026"}
	h.act = func() protocol.Act {
		return protocol.Act{
			ID: protocol.NewID(), Kind: tribune.ActRead, Count: 1, Office: c.Office, Purpose: c.Purpose, Mandate: c.Mandate,
			Time: protocol.Time(time.Now()), Recipient: bytes.Repeat([]byte{1}, 32),
		}
	}
	return h, c
}

func (c *Client) ask(t *testing.T) (*Answer, error) {
	t.Helper()
	return c.Read(t.Context(), http.MethodGet, "/ngsi-ld/v1/entities?q=licensePlate==%22AB12CDE%22", nil)
}

func TestReadSignsWhatWasAsked(t *testing.T) {
	h, c := newHub(t)
	a, err := c.ask(t)
	if err != nil || a.Status != http.StatusOK || string(a.Receipt) != "a receipt" || !strings.Contains(string(a.Body), "mall") || a.Error() != nil {
		t.Fatalf("got %+v, %v", a, err)
	}
	if len(h.signed) != 1 {
		t.Errorf("signed %d acts", len(h.signed))
	}
}

// A hub taken over asks an officer to sign something else: under their name, for another end.
func TestClientRefusesToSignAnotherAct(t *testing.T) {
	for name, spoil := range map[string]func(*protocol.Act){
		"purpose": func(a *protocol.Act) { a.Purpose = "plan-city" },
		"mandate": func(a *protocol.Act) { a.Mandate = "mobility-study-2026" },
		"office":  func(a *protocol.Act) { a.Office = "data-hub" },
		"decide":  func(a *protocol.Act) { a.Kind = tribune.ActDecide },
		"enrol":   func(a *protocol.Act) { a.Kind = tribune.ActEnrol },
		"law":     func(a *protocol.Act) { a.Kind = tribune.ActLaw },
		"past":    func(a *protocol.Act) { a.Time = protocol.Time(time.Now().Add(-maxSkew - time.Second)) },
		"future":  func(a *protocol.Act) { a.Time = protocol.Time(time.Now().Add(maxSkew + 2*time.Second)) },
		"id":      func(a *protocol.Act) { a.ID = "ffff" },
		"crowd":   func(a *protocol.Act) { a.Count = protocol.MaxTags + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			h, c := newHub(t)
			good := h.act
			h.act = func() protocol.Act { a := good(); spoil(&a); return a }
			if a, err := c.ask(t); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("got %+v, %v", a, err)
			}
			if len(h.signed) != 0 {
				t.Errorf("signed %+v", h.signed)
			}
		})
	}
}

func TestClientSignsForItsOwnOfficeOnlyEvenWhenItHasNone(t *testing.T) {
	h, c := newHub(t)
	good := h.act()
	h.act = func() protocol.Act { return good }
	c.Office = ""
	if _, err := c.ask(t); !errors.Is(err, tribune.ErrInvalid) || len(h.signed) != 0 {
		t.Errorf("signed %d acts, %v", len(h.signed), err)
	}
}

// What is signed is one spelling: in another the signature would cover what nobody looked at.
func TestClientRefusesAnActInAnotherSpelling(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"space":    func(s string) string { return " " + s },
		"member":   func(s string) string { return strings.Replace(s, `{`, `{"also":1,`, 1) },
		"repeated": func(s string) string { return strings.Replace(s, `{`, `{"purpose":"x",`, 1) },
		"nothing":  func(string) string { return "" },
		"no act":   func(string) string { return `{}` },
	} {
		h, c := newHub(t)
		h.text = change
		if a, err := c.ask(t); !errors.Is(err, tribune.ErrInvalid) || len(h.signed) != 0 {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
	}
}

func TestConflictIsPreparedAnewAFewTimes(t *testing.T) {
	h, c := newHub(t)
	h.conflicts = 2
	if a, err := c.ask(t); err != nil || a.Status != http.StatusOK {
		t.Fatalf("got %+v, %v", a, err)
	}
	if h.asked != 3 || len(h.signed) != 3 || h.signed[0].ID == h.signed[2].ID {
		t.Errorf("prepared %d times, signed %d", h.asked, len(h.signed))
	}
	h, c = newHub(t)
	h.conflicts = 1000
	if a, err := c.ask(t); err != nil || a.Status != http.StatusConflict {
		t.Errorf("got %+v, %v", a, err)
	}
	if h.asked != 5 {
		t.Errorf("prepared %d times, want 5 and then give up", h.asked)
	}
}

func TestWithoutAKeyNothingIsSigned(t *testing.T) {
	h, c := newHub(t)
	c.Key = nil
	if _, err := c.ask(t); !errors.Is(err, tribune.ErrDenied) || tribune.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, err := c.Exercise(t.Context(), "a notice"); !errors.Is(err, tribune.ErrDenied) {
		t.Errorf("an act of power: %v", err)
	}
	if len(h.signed) != 0 {
		t.Error("something was signed")
	}
}

// A query names a person. Errors are printed, logged and pasted into tickets.
func TestErrorsDoNotHoldTheAddressAsked(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("half"))
	}))
	defer cut.Close()
	for name, c := range map[string]struct{ base, path string }{
		"nobody answers": {gone.URL, "/entities?plate=AB12CDE"},
		"cut off":        {cut.URL, "/entities?plate=AB12CDE"},
		"control byte":   {gone.URL, "/entities?plate=AB12CDE\x7f"},
		"bad port":       {"http://127.0.0.1:port", "/entities?plate=AB12CDE"},
		"no scheme":      {"127.0.0.1:1", "/entities?plate=AB12CDE"},
		"odd scheme":     {"gopher://127.0.0.1:1", "/entities?plate=AB12CDE"},
	} {
		_, err := (&Client{Base: c.base, Token: "a-token"}).Do(t.Context(), http.MethodGet, c.path, nil, nil)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, secret := range []string{"AB12CDE", "entities", "a-token"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells %q: %v", name, secret, err)
			}
		}
	}
}

// Token, act and signature are for one hub: a redirect would hand them to another.
func TestNoRedirectIsFollowed(t *testing.T) {
	visited := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer first.Close()
	a, err := (&Client{Base: first.URL, Token: "a-token"}).Do(t.Context(), http.MethodPost, "/acts", []byte("{}"), nil)
	if err != nil || a.Status != http.StatusTemporaryRedirect || a.Error() == nil {
		t.Errorf("got %+v, %v", a, err)
	}
	if visited {
		t.Error("the redirect was followed")
	}
}

// Half an answer that looks whole would hide what the other half says.
func TestAnswerThatIsTooLongIsAnError(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for range MaxAnswer>>20 + 1 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	if _, err := (&Client{Base: s.URL}).Do(t.Context(), http.MethodGet, "/", nil, nil); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestExerciseCommitsToItsNote(t *testing.T) {
	var body struct {
		Act                      protocol.Act
		Private, Salt, Signature []byte
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/acts" || r.Header.Get("Authorization") != "Bearer a-token" {
			t.Errorf("%s %v", r.URL.Path, err)
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer s.Close()
	public, key, _ := ed25519.GenerateKey(nil)
	c := &Client{Base: s.URL, Token: "a-token", Key: key, Actor: "inspector-ward", Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "m"}
	if a, err := c.Exercise(t.Context(), "penalty notice 17"); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("got %+v, %v", a, err)
	}
	com, err := protocol.Commitment(body.Salt, body.Private)
	if err != nil || com != body.Act.Com || body.Act.Verify(public, body.Signature) != nil {
		t.Errorf("the act does not commit to its private part, or is not signed: %v", err)
	}
	private, err := protocol.DecodePrivate(body.Private)
	if err != nil || private.Inputs.Note != "penalty notice 17" || private.Actor != c.Actor {
		t.Errorf("private part: %+v, %v", private, err)
	}
}

func TestReceiptPathLeadsIntoTheRecordOnly(t *testing.T) {
	for link, want := range map[string]string{
		`</record/receipts/17>; rel="receipt"`:            "/record/receipts/17",
		`</record/receipts/17>; rel="next"`:               "",
		`<http://evil/record/receipts/17>; rel="receipt"`: "",
		`</law/current>; rel="receipt"`:                   "",
		``:                                                "",
	} {
		if got := ReceiptPath(http.Header{"Link": {link}}); got != want {
			t.Errorf("%s: got %q, want %q", link, got, want)
		}
	}
}

func TestProfilesStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("address", "http://127.0.0.1:8080\n")
	write("people/ward.json", `{"actor":"ward","office":"o","purpose":"p","mandate":"m","token":"t"}`)
	write("secret.json", `{"actor":"other","token":"stolen"}`)
	c, err := Open(dir, "ward")
	if err != nil || c.Token != "t" || c.Key != nil || c.Base != "http://127.0.0.1:8080" {
		t.Fatalf("got %+v, %v", c, err)
	}
	for _, name := range []string{"../secret", "people/../../secret", "/etc/passwd"} {
		if c, err := Open(dir, name); err == nil {
			t.Errorf("%s: opened %+v", name, c)
		}
	}
	write("people/ward.key", "bm90IGEga2V5\n")
	if _, err := Open(dir, "ward"); !errors.Is(err, tribune.ErrInvalid) || strings.Contains(err.Error(), "bm90") {
		t.Errorf("a broken key: %v", err)
	}
	write("people/ward.key", base64.StdEncoding.EncodeToString(make([]byte, ed25519.SeedSize))+"\n")
	if c, err := Open(dir, "ward"); err != nil || c.Key == nil {
		t.Errorf("got %+v, %v", c, err)
	}
}
