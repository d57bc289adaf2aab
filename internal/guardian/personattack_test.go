package guardian

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tribune/protocol"
)

// A dishonest guardian that names one quarter twice, so that its share counts for two, is found out and stops nobody's recovery.
func TestAQuarterNamedTwiceDoesNotStopARecovery(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	token := i.token(t, s.Nonce(), nil)
	w.named(s, token)
	now := protocol.QuarterOf(time.Now())
	req := s.KeysRequest(token, []uint32{now - 2, now - 1})
	twice := req
	twice.Quarters = []uint32{now - 1, now - 1} // what it releases is signed, sealed and true
	var answers []protocol.PersonAnswer
	for n, r := range []protocol.PersonRequest{twice, req, req} {
		a, status, text := w.tell(n, protocol.PersonKeysPath, r)
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
		answers = append(answers, a)
	}
	keys, withheld, culprits, err := s.Keys(req, answers)
	if err != nil || len(keys.Keys) != 3 || len(withheld) != 0 || !slices.Equal(culprits, []string{answers[0].Guardian}) {
		t.Errorf("%d keys, withheld %v, culprits %v, %v; want all three, and %s named", len(keys.Keys), withheld, culprits, err, answers[0].Guardian)
	}
}

// Whoever opens connections and sends nothing keeps nobody from their keys.
func TestWhoSendsSlowlyKeepsNobodyOut(t *testing.T) {
	w, i := peopled(t)
	s := w.session()
	at := strings.TrimPrefix(w.guards[0].server.URL, "http://")
	for range personSeats + 4 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n{", protocol.PersonNamePath, at)
	}
	time.Sleep(200 * time.Millisecond) // until they are all being read
	if _, status, text := w.tell(0, protocol.PersonNamePath, s.NameRequest(i.token(t, s.Nonce(), nil), plate)); status != http.StatusOK {
		t.Errorf("%d %s, want an answer", status, text)
	}
}

// A key that the provider has withdrawn is not taken for ever by a guardian that is kept from asking.
func TestAnIssuersOldKeysAreNotTakenForEver(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for age, want := range map[time.Duration]bool{keysLife + time.Hour: true, keysStale + time.Hour: false} {
		from := newIssuer(Issuer{URL: "http://127.0.0.1:1", ClientID: program})
		from.keys, from.fetched = []jose.JSONWebKey{{KeyID: "1"}}, now.Add(-age)
		for range 2 { // asked just now, and not asked again so soon
			if keys, err := from.keysFor(t.Context(), "1", now); (err == nil && len(keys) == 1) != want {
				t.Errorf("after %s: %d keys, %v; want some: %v", age, len(keys), err, want)
			}
		}
	}
}
