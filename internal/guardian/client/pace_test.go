package client

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// A guardian that is always overtaken must not stay first in line: each request would wait for it before another is asked.
func TestOvertakenGuardianIsAskedLast(t *testing.T) {
	const slow, n, need, rounds = 0, 4, 2, 6
	var asked [n]atomic.Int64
	group := protocol.Group{City: "birmingham.example", N: n, T: need, W: 3, Epoch: 1}
	for i := range n {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked[i].Add(1)
			io.Copy(io.Discard, r.Body) // only then does the server see that the caller has gone
			if i == slow {
				<-r.Context().Done()
				return
			}
			json.NewEncoder(w).Encode(wire.NameAnswer{Points: [][]byte{{1}}, Epoch: 1})
		}))
		t.Cleanup(server.Close)
		_, vkey, err := protocol.NewKey([]string{"a.example", "b.example", "c.example", "d.example"}[i])
		if err != nil {
			t.Fatal(err)
		}
		name, _, err := protocol.PublicOf(vkey)
		if err != nil {
			t.Fatal(err)
		}
		group.Guardians = append(group.Guardians, protocol.Member{Index: i + 1, Name: name, Key: vkey, URL: server.URL})
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{Group: group, Key: key, HTTP: http.DefaultClient})
	for range rounds {
		parts, err := c.Evaluate(t.Context(), [][]byte{{1}})
		if err != nil || len(parts) != need {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
	}
	if got := asked[slow].Load(); got > 2 { // the second round may begin before the first is noted
		t.Errorf("the guardian that does not answer was asked %d times in %d rounds, want once or twice", got, rounds)
	}
	if got := asked[1].Load() + asked[2].Load() + asked[3].Load(); got < rounds*need {
		t.Errorf("the others were asked %d times", got)
	}
}
