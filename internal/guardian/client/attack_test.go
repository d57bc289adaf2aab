package client

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tribune/internal/guardian/wire"
	"tribune/internal/web/pinned"
	"tribune/protocol"
)

func newMember(t *testing.T, index int, name, at string) (protocol.Member, ed25519.PrivateKey) {
	t.Helper()
	skey, vkey, err := protocol.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.Member{Index: index, Key: vkey, Name: name, URL: at}, key
}

// A guardian that answers with a redirect would have the hub carry requests about the city's inner network.
func TestRedirectOfAGuardianIsNotFollowed(t *testing.T) {
	var asked atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		json.NewEncoder(w).Encode(wire.Status{Epoch: 7})
	}))
	defer inside.Close()
	liar := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusTemporaryRedirect))
	defer liar.Close()
	m, key := newMember(t, 1, "a.example", liar.URL)
	c := New(Config{Group: protocol.Group{N: 1, T: 1, Guardians: []protocol.Member{m}}, Key: key})
	if s, err := c.Status(t.Context(), m.Name); err == nil || s.Epoch == 7 {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := c.Evaluate(t.Context(), [][]byte{{1}}); err == nil {
		t.Error("a redirected POST has an answer")
	}
	if asked.Load() != 0 {
		t.Errorf("the hub has called where the guardian sent it, %d times", asked.Load())
	}
}

// One whose address in the change is another's must not cut the hub off from everyone.
func TestGuardianAtAnothersAddressCutsOffNobodyElse(t *testing.T) {
	a, keyA := newMember(t, 1, "a.example", "")
	hubPublic, hub, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(wire.Status{Name: "a.example"})
	}))
	server.TLS = pinned.Server(pinned.NewIdentity(keyA, nil), nil, hubPublic)
	server.StartTLS()
	defer server.Close()
	a.URL = server.URL
	for _, at := range []string{server.URL, server.URL + "/x"} {
		b, _ := newMember(t, 2, "b.example", at)
		c := New(Config{Group: protocol.Group{Guardians: []protocol.Member{a, b}}, Key: hub})
		if s, err := c.Status(t.Context(), a.Name); err != nil || s.Name != a.Name {
			t.Errorf("%s: got %+v, %v", at, s, err)
		}
	}
}

// Who leaves and reports a group all the same does not count for it, and who talks without end fills nobody's record.
func TestRetiringLiarHoldsUpNoChange(t *testing.T) {
	change := protocol.Change{City: "city.example", Epoch: 2, T: 1, W: 1}
	var all []protocol.Member
	var n atomic.Int64
	group := protocol.Group{City: "city.example", N: 1, T: 1, W: 1, Epoch: 2}
	for i, name := range []string{"stays.example", "leaves.example"} {
		m, key := newMember(t, i+1, name, "")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			box := wire.Outbox{Report: &wire.Report{Group: group}}
			digest, err := protocol.GroupDigest(group)
			if err != nil {
				t.Error(err)
			}
			box.Report.Signature = ed25519.Sign(key, digest[:])
			if name == "leaves.example" {
				for range 400 {
					box.Messages = append(box.Messages, wire.Outgoing{Message: wire.Message{Run: "seal", From: name, Packet: []byte(strconv.FormatInt(n.Add(1), 10))}})
				}
			}
			json.NewEncoder(w).Encode(box)
		}))
		defer server.Close()
		m.URL = server.URL
		if all = append(all, m); i == 0 {
			change.Members, group.Guardians = all[:1:1], all[:1:1]
		}
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{Group: protocol.Group{City: "city.example", Guardians: all}, Key: key})
	reports := newRelay(c, func(context.Context, json.RawMessage) error { return nil }).round(t.Context())
	if len(reports) != 2 {
		t.Fatalf("%d reports: this test shows nothing", len(reports))
	}
	ours := reportsFor(change, reports)
	if _, err := closingOf(ours); len(ours) != 1 || err != nil {
		t.Errorf("%d reports count for the group of one: %v", len(ours), err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var put atomic.Int64
	_, err = c.Reshare(ctx, protocol.Group{}, change, "", func(context.Context, json.RawMessage) error { put.Add(1); return nil })
	if err == nil || !strings.Contains(err.Error(), "1 of 1 guardians are done") {
		t.Errorf("got %v", err)
	}
	if got := put.Load(); got > maxCarried {
		t.Errorf("%d leaves are on record for one guardian", got)
	}
}
