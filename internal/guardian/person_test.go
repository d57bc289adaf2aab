package guardian

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tribune"
	"tribune/ibe"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
	"tribune/verify/recovery"
)

// Somebody who logs in gets exactly the key that the hub was given when they were enrolled, from two guardians and nobody else.
func TestALostTraceKeyComesBackFromTwoGuardians(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	token := i.token(t, s.Nonce(), nil)
	w.named(s, token)
	w.hub.CloseClientConnections()
	now := protocol.QuarterOf(time.Now())
	req := s.KeysRequest(token, []uint32{now - 1, now}) // what is hidden in this quarter is not told in it
	var answers []protocol.PersonAnswer
	for n := range 2 {
		a, status, text := w.tell(n+1, protocol.PersonKeysPath, req)
		if status != http.StatusOK {
			t.Fatalf("second round: %d %s", status, text)
		}
		answers = append(answers, a)
	}
	keys, withheld, culprits, err := s.Keys(req, answers)
	if err != nil || len(culprits) > 0 || len(keys.Keys) != 2 || len(withheld) != 1 || withheld[0] != now {
		t.Fatal(keys, withheld, culprits, err)
	}
	p := s.Pseudonym()
	if want := w.enrol(p)[p]; !bytes.Equal(keys.Keys[0].D, want) {
		t.Error("another key than the one the hub was given for this person")
	}
	hidden := keys.Keys[1]
	if hidden.Identity.Kind != tribune.IdentityHidden || ibe.VerifyKey(w.group.Seal.Key, hidden.Identity.Bytes(testCity), hidden.D) != nil {
		t.Error("the key of the hidden chain is none")
	}
	if i.asked > 4 {
		t.Errorf("the issuer was asked for its keys %d times", i.asked)
	}
}

func TestAGuardianTellsNobodyButTheTokensOwner(t *testing.T) {
	w, i := peopled(t)
	other := newIssuing(t)
	s := w.session()
	for what, c := range map[string]struct {
		token  string
		name   protocol.PersonName
		status int
	}{
		"as it should be":         {i.token(t, s.Nonce(), nil), plate, http.StatusOK},
		"for another recipient":   {i.token(t, "stolen", nil), plate, http.StatusUnauthorized},
		"a name not vouched for":  {i.token(t, s.Nonce(), nil), protocol.PersonName{Type: "plate", Name: "AB12 CDF"}, http.StatusUnauthorized},
		"for the hub":             {i.token(t, s.Nonce(), func(c map[string]any) { c["aud"] = "hub" }), plate, http.StatusUnauthorized},
		"for two, by the hub":     {i.token(t, s.Nonce(), func(c map[string]any) { c["aud"], c["azp"] = []string{program, "hub"}, "hub" }), plate, http.StatusUnauthorized},
		"old":                     {i.token(t, s.Nonce(), func(c map[string]any) { c["iat"] = time.Now().Add(-11 * time.Minute).Unix() }), plate, http.StatusUnauthorized},
		"over":                    {i.token(t, s.Nonce(), func(c map[string]any) { c["exp"] = time.Now().Add(-2 * time.Minute).Unix() }), plate, http.StatusUnauthorized},
		"of tomorrow":             {i.token(t, s.Nonce(), func(c map[string]any) { c["iat"] = time.Now().Add(time.Hour).Unix() }), plate, http.StatusUnauthorized},
		"without a time":          {i.token(t, s.Nonce(), func(c map[string]any) { delete(c, "iat") }), plate, http.StatusUnauthorized},
		"of an issuer not pinned": {other.token(t, s.Nonce(), nil), plate, http.StatusUnauthorized},
		"signed by another":       {other.token(t, s.Nonce(), func(c map[string]any) { c["iss"] = i.URL }), plate, http.StatusUnauthorized},
		"no token":                {"x.y.z", plate, http.StatusUnauthorized},
		"an unsigned token":       {unsigned(i.token(t, s.Nonce(), nil)), plate, http.StatusUnauthorized},
	} {
		if _, status, text := w.tell(0, protocol.PersonNamePath, s.NameRequest(c.token, c.name)); status != c.status {
			t.Errorf("%s: %d %s, want %d", what, status, strings.TrimSpace(text), c.status)
		}
	}
}

// unsigned says that it needs no signature.
func unsigned(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	return "eyJhbGciOiJub25lIn0." + body + "."
}

// A token does for one recovery: in each round once a name.
func TestATokenIsUsedOnceARound(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	token := i.token(t, s.Nonce(), nil)
	first := s.NameRequest(token, plate)
	if _, status, text := w.tell(0, protocol.PersonNamePath, first); status != http.StatusOK {
		t.Fatal(status, text)
	}
	if _, status, _ := w.tell(0, protocol.PersonNamePath, first); status != http.StatusConflict {
		t.Errorf("again: %d, want conflict", status)
	}
	if _, status, _ := w.tell(0, protocol.PersonNamePath, s.NameRequest(token, protocol.PersonName{Type: "plate", Name: "XY99 ZZZ"})); status != http.StatusOK {
		t.Errorf("their other name: %d, want ok", status)
	}
}

func TestOnePersonCannotKeepAGuardianBusy(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	for n := range personBurst + 1 {
		token := i.token(t, s.Nonce(), func(c map[string]any) { c["jti"] = n })
		_, status, _ := w.tell(0, protocol.PersonNamePath, s.NameRequest(token, plate))
		if want := map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[n < personBurst]; status != want {
			t.Fatalf("request %d: %d, want %d", n+1, status, want)
		}
	}
	stranger := i.token(t, s.Nonce(), func(c map[string]any) { c["sub"] = "somebody else" })
	if _, status, _ := w.tell(0, protocol.PersonNamePath, s.NameRequest(stranger, plate)); status != http.StatusOK {
		t.Errorf("somebody else: %d, want ok", status)
	}
}

// y must be that of the token's name: else one could have anybody's key by showing anybody's y.
func TestSomebodyElsesYGetsNoKey(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	token := i.token(t, s.Nonce(), nil)
	w.named(s, token)
	theirs := s.KeysRequest(token, nil)
	theirs.Name.Name = "XY99 ZZZ" // vouched for, too, but y is of the other
	if _, status, _ := w.tell(0, protocol.PersonKeysPath, theirs); status != http.StatusBadRequest {
		t.Errorf("y of another name: %d, want refused", status)
	}
	if _, status, text := w.tell(0, protocol.PersonKeysPath, s.KeysRequest(token, nil)); status != http.StatusOK {
		t.Errorf("y of the name: %d %s", status, text)
	}
}

// A guardian that answers with a wrong share is named, and its answer does not spoil the others'.
func TestAWrongShareIsNamed(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	token := i.token(t, s.Nonce(), nil)
	var answers []protocol.PersonAnswer
	for n := range 3 {
		a, status, text := w.tell(n, protocol.PersonNamePath, s.NameRequest(token, plate))
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
		answers = append(answers, a)
	}
	wrong, err := ibe.NamePoint([]byte("something else"))
	if err != nil {
		t.Fatal(err)
	}
	req := s.NameRequest(token, plate)
	if answers[0].Box, err = protocol.SealPerson(req.Recipient, protocol.PersonNamePath, answers[0].Guardian, answers[0].Epoch, wrong); err != nil {
		t.Fatal(err)
	}
	culprits, err := s.Named(answers)
	if err != nil || len(culprits) != 1 || culprits[0] != answers[0].Guardian {
		t.Errorf("culprits %v, %v; want %s", culprits, err, answers[0].Guardian)
	}
}

// A provider that is down is no reason to believe anything.
func TestAnIssuerThatIsDownRefusesEverybody(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	i.nothing = true
	if _, status, _ := w.tell(0, protocol.PersonNamePath, s.NameRequest(i.token(t, s.Nonce(), nil), plate)); status != http.StatusTooManyRequests {
		t.Errorf("%d, want to be asked again later", status)
	}
}

// One guardian's word for the group is not enough: it could name keys of its own.
func TestOneGuardiansWordForTheGroupIsNotBelieved(t *testing.T) {
	w, _ := peopled(t)
	digest, err := wire.Digest(w.group)
	if err != nil {
		t.Fatal(err)
	}
	word := recovery.Vouched{Guardian: w.guards[0].Name(), Digest: digest, Signature: ed25519.Sign(w.guards[0].self.key, digest[:])}
	if _, err := recovery.New(w.guards[0].trust, w.group, digest, []recovery.Vouched{word, word}); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("one guardian, twice: %v, want no quorum", err)
	}
}

func TestIssuersMustBeReachedSafely(t *testing.T) {
	for _, bad := range []Issuer{{"http://login.example", "x"}, {"https://login.example", ""}, {"https://u:p@login.example", "x"}, {"login.example", "x"}, {"https://login.example?x=y", "x"}} {
		if bad.check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
	for _, good := range []Issuer{{"https://login.example/realm", "x"}, {"http://localhost:1", "x"}} {
		if err := good.check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

// FuzzVerifyToken: whatever comes, only a token that the pinned key has signed for this recipient and name is taken.
func FuzzVerifyToken(f *testing.F) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	from := newIssuer(Issuer{URL: "https://login.example", ClientID: program})
	from.keys, from.fetched, from.tried = []jose.JSONWebKey{{Key: public, KeyID: "1"}}, now, now
	d := &personDesk{issuers: []*issuer{from}, now: func() time.Time { return now }}
	recipient := make([]byte, 32)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	good, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": from.URL, "sub": "alex", "aud": program, "iat": now.Unix(), "exp": now.Unix() + 60, "nonce": protocol.PersonNonce(recipient), "tribune_names": []protocol.PersonName{plate},
	}).Serialize()
	if err != nil {
		f.Fatal(err)
	}
	if _, err := d.verifyToken(f.Context(), protocol.PersonRequest{Token: good, Recipient: recipient, Name: plate}); err != nil {
		f.Fatal("the good token is not taken:", err)
	}
	head, body, _ := strings.Cut(good, ".")
	f.Add(good)
	f.Add(unsigned(good))
	f.Add(head + "." + strings.Replace(body, ".", "..", 1))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := d.verifyToken(t.Context(), protocol.PersonRequest{Token: token, Recipient: recipient, Name: plate})
		if err == nil && c.Subject != "alex" {
			t.Errorf("%q is taken for %+v", token, c)
		}
	})
}
