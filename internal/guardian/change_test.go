package guardian

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/guardian/ceremony"
	"tribune/internal/guardian/client"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// newcomer is a guardian with an empty folder and the founders' configuration. The hub does not ask it to co-sign.
func (w *world) newcomer(name string) (*guard, protocol.Member) {
	w.t.Helper()
	g := &guard{cfg: w.guards[0].cfg}
	g.cfg.Dir, g.cfg.Now = w.t.TempDir(), g.now
	vkey, err := Init(g.cfg.Dir, name)
	if err != nil {
		w.t.Fatal(err)
	}
	g.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { g.live.Load().Handler().ServeHTTP(rw, r) }))
	w.t.Cleanup(g.server.Close)
	w.guards = append(w.guards, g)
	w.start(len(w.guards) - 1)
	return g, protocol.Member{Key: vkey, Name: name, URL: g.server.URL}
}

// serveChange has the hub serve what guardians look for by themselves.
func (w *world) serveChange() *atomic.Pointer[wire.Chain] {
	chain := &atomic.Pointer[wire.Chain]{}
	chain.Store(&wire.Chain{})
	w.mux.HandleFunc("GET /log/head", func(rw http.ResponseWriter, r *http.Request) { rw.Write(w.log.Checkpoint(w.log.Size())) })
	w.mux.HandleFunc("GET /group/chain", func(rw http.ResponseWriter, r *http.Request) { json.NewEncoder(rw).Encode(chain.Load()) })
	return chain
}

func (w *world) signChange(c protocol.Change) []byte {
	w.t.Helper()
	signer, err := note.NewSigner(w.council)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := c.Text()
	if err != nil {
		w.t.Fatal(err)
	}
	doc, err := protocol.SignDocument(text, signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// append puts a ceremony leaf on record without having it co-signed.
func (w *world) append(v any) uint64 {
	w.t.Helper()
	public, err := protocol.JCS(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.publish.Lock()
	defer w.publish.Unlock()
	return w.log.Append(w.housekeeping(tribune.ActCeremony, tribune.Hash{}, public))
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.t.Fatalf("not within 20 s: %s", what)
}

// One of four is dead and is replaced by a newcomer who knows the founders only. Keys of before open by the shares of after;
// the new group is in force once the old quorum has published it, and not before.
func TestGuardiansFollowAChange(t *testing.T) {
	w := newWorld(t)
	chain := w.serveChange()
	w.found()
	anna := tribune.Pseudonym{1}
	before := w.enrol(anna)[anna]
	founders := w.group
	from, err := protocol.GroupDigest(founders)
	if err != nil {
		t.Fatal(err)
	}

	w.guards[3].stop()
	w.guards = w.guards[:3]
	fresh, member := w.newcomer("library.example")
	w.guards = w.guards[:3] // the hub does not ask it
	members := append(append([]protocol.Member(nil), founders.Guardians[:3]...), member)
	for i := range members {
		members[i].Index = i + 1
	}
	change := protocol.Change{City: testCity, From: from, Epoch: 2, T: 2, W: 3, Members: members, Lost: []string{}}
	doc := w.signChange(change)
	w.append(wire.Proposal{Change: doc})
	w.cosign()
	for _, g := range append(w.guards[:3:3], fresh) {
		if _, err := ceremony.Accept(g.cfg.Dir, g.self.name, w.trust.Council, doc, "now"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	all := protocol.Group{City: testCity, Guardians: client.Union(founders.Guardians, members)}
	closing, err := client.New(client.Config{Group: all, Key: w.logKey}).Reshare(ctx, founders, change, w.trust.Council, func(_ context.Context, public json.RawMessage) error {
		w.publishLeaf(w.housekeeping(tribune.ActCeremony, tribune.Hash{}, public))
		return nil
	})
	if err != nil {
		t.Fatalf("resharing: %v; the newcomer: %s", err, fresh.ceremony.State())
	}
	index := w.append(closing)
	checkpoint := w.cosign()
	everyone := append(w.guards[:3:3], fresh)
	w.eventually("all to hold the closing", func() bool {
		for _, g := range everyone {
			if g.ceremony.Pending() == nil {
				return false
			}
		}
		return true
	})
	for _, g := range everyone {
		if g.Guardian.now().roster.Epoch == 2 {
			t.Errorf("%s is in the new epoch before the old quorum's publication was shown", g.self.name)
		}
	}
	two := w.onlySigned(checkpoint, []int{0, 1})
	chain.Store(&wire.Chain{Links: []wire.Link{{Receipt: w.log.Receipt(index, index+1, two)}}})
	time.Sleep(3 * lookEvery)
	if fresh.Guardian.now().roster.Epoch == 2 || everyone[0].Guardian.now().roster.Epoch == 2 {
		t.Error("a closing under fewer than w co-signatures is in force")
	}
	chain.Store(&wire.Chain{Links: []wire.Link{{Receipt: w.log.Receipt(index, index+1, checkpoint)}}})
	w.eventually("all to be in the new epoch", func() bool {
		for _, g := range everyone {
			if keys, ok := g.ceremony.Shares(); !ok || keys.Group.Epoch != 2 || g.Guardian.now().roster.Epoch != 2 {
				return false
			}
		}
		return true
	})

	old := w.client
	w.guards = everyone[:3] // three co-sign, which is enough
	w.group = closing.Group
	for i := range w.group.Guardians {
		w.group.Guardians[i].URL = members[i].URL
	}
	served := w.group
	w.served.Store(&served)
	w.client = client.New(client.Config{Group: w.group, Key: w.logKey})
	if after := w.enrol(anna)[anna]; !bytes.Equal(before, after) {
		t.Error("the new shares make another key")
	}
	c := w.enrolment([]protocol.Subject{{P: anna, IDs: []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: anna}}}})
	if _, err := old.Release(t.Context(), w.build(c), 2); err == nil || !strings.Contains(err.Error(), "epoch") {
		t.Errorf("a hub that goes by the old epoch combines shares: %v", err)
	}
}
