package guardian

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
	"tribune/verify/recovery"
)

// issuing is an OpenID Connect provider as far as a guardian needs one.
type issuing struct {
	*httptest.Server
	key     ed25519.PrivateKey
	asked   int // for its keys
	nothing bool
}

const program = "trace"

func newIssuing(t *testing.T) *issuing {
	t.Helper()
	i := &issuing{}
	var public ed25519.PublicKey
	var err error
	if public, i.key, err = ed25519.GenerateKey(nil); err != nil {
		t.Fatal(err)
	}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case i.nothing:
			http.Error(w, "down", http.StatusServiceUnavailable)
		case r.URL.Path == "/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
		default:
			i.asked++
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "1", Algorithm: "EdDSA", Use: "sig"}}})
		}
	}))
	t.Cleanup(i.Close)
	return i
}

// token is an ID token; change makes it a bad one.
func (i *issuing) token(t *testing.T, nonce string, change func(map[string]any)) string {
	t.Helper()
	c := map[string]any{
		"iss": i.URL, "sub": "alex", "aud": program, "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(), "nonce": nonce,
		"tribune_names": []map[string]string{{"type": "plate", "name": "AB12 CDE"}, {"type": "plate", "name": "XY99 ZZZ"}},
	}
	if change != nil {
		change(c)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: i.key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var plate = protocol.PersonName{Type: "plate", Name: "AB12 CDE"}

// peopled is a founded world whose guardians take tokens of an issuer.
func peopled(t *testing.T) (*world, *issuing) {
	t.Helper()
	w, i := newWorld(t), newIssuing(t)
	w.found()
	for n, g := range w.guards {
		g.cfg.Issuers = []Issuer{{URL: i.URL, ClientID: program}}
		w.restart(n)
	}
	return w, i
}

// session begins a recovery with the words of two guardians for the group.
func (w *world) session() *recovery.Session {
	w.t.Helper()
	var words []recovery.Vouched
	var digest tribune.Hash
	var group protocol.Group
	for _, g := range w.guards[:2] {
		resp, err := http.Get(g.server.URL + "/person")
		if err != nil {
			w.t.Fatal(err)
		}
		var info wire.Person
		err = json.NewDecoder(resp.Body).Decode(&info)
		resp.Body.Close()
		if err == nil {
			digest, err = wire.Digest(info.Group)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		group = info.Group
		words = append(words, recovery.Vouched{Guardian: info.Guardian, Digest: digest, Signature: info.Signature})
	}
	s, err := recovery.New(w.guards[0].trust, group, digest, words)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// tell sends a person's request to guardian i.
func (w *world) tell(i int, path string, req protocol.PersonRequest) (a protocol.PersonAnswer, status int, text string) {
	w.t.Helper()
	body, err := json.Marshal(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.Post(w.guards[i].server.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(answer, &a); err != nil {
			w.t.Fatal(err)
		}
	}
	return a, resp.StatusCode, string(answer)
}

// named does the first round with guardians 1 and 2.
func (w *world) named(s *recovery.Session, token string) {
	w.t.Helper()
	var answers []protocol.PersonAnswer
	for i := range 2 {
		a, status, text := w.tell(i+1, protocol.PersonNamePath, s.NameRequest(token, plate))
		if status != http.StatusOK {
			w.t.Fatalf("first round: %d %s", status, text)
		}
		answers = append(answers, a)
	}
	if culprits, err := s.Named(answers); err != nil || len(culprits) > 0 {
		w.t.Fatal(culprits, err)
	}
}
