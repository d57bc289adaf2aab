package guardian

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/internal/guardian/client"
	"tribune/internal/guardian/logtest"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

const testCity = "city.example"

// world is a city of four guardians: a log that can lie, its law, officers, and the guardians behind real HTTP.
type world struct {
	t       testing.TB
	log     *logtest.Log
	hub     *httptest.Server
	mux     *http.ServeMux // the hub's
	guards  []*guard
	group   protocol.Group
	served  atomic.Pointer[protocol.Group] // at /group
	client  *client.Client
	steward string
	council string
	court   string
	auditor string   // of models
	salts   [][]byte // open whom its warrant names: suspect alone
	trust   policy.Trust
	set     *policy.Set
	sets    sync.Map // hash -> files, what the hub serves at /law
	proofs  sync.Map // index -> receipt, what it serves at /law/leaves
	keys    map[tribune.ActorID]ed25519.PrivateKey
	docs    string // folder of mandates and appointments
	appoint map[tribune.ActorID]appointed
	logKey  ed25519.PrivateKey
	publish sync.Mutex // one checkpoint at a time
}

type appointed struct {
	doc, salt []byte
	index     uint64
}

// guard is one guardian and its server.
type guard struct {
	*Guardian
	cfg    Config
	server *httptest.Server
	live   atomic.Pointer[Guardian] // the same, for the server
	ahead  atomic.Int64             // of its clock, in nanoseconds
	stop   func()
}

func (g *guard) now() time.Time { return time.Now().Add(time.Duration(g.ahead.Load())) }

// newWorld starts everything up to the empty record; found makes it a city.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, log: logtest.New(t, testCity+"/record"), keys: map[tribune.ActorID]ed25519.PrivateKey{}, appoint: map[tribune.ActorID]appointed{}}
	var err error
	if w.logKey, err = protocol.SeedOf(w.log.Skey); err != nil {
		t.Fatal(err)
	}
	w.writeLaw()
	mux := http.NewServeMux()
	mux.Handle("/log/", w.log)
	mux.HandleFunc("GET /law/{hash}", func(rw http.ResponseWriter, r *http.Request) {
		files, ok := w.sets.Load(r.PathValue("hash"))
		if !ok {
			http.NotFound(rw, r)
			return
		}
		json.NewEncoder(rw).Encode(map[string]any{"files": files})
	})
	mux.HandleFunc("GET /law/leaves/{index}", func(rw http.ResponseWriter, r *http.Request) {
		receipt, ok := w.proofs.Load(r.PathValue("index"))
		if !ok {
			http.NotFound(rw, r)
			return
		}
		rw.Write(receipt.([]byte))
	})
	mux.HandleFunc("GET /group", func(rw http.ResponseWriter, r *http.Request) { json.NewEncoder(rw).Encode(w.served.Load()) })
	w.mux = mux
	w.hub = httptest.NewServer(mux)
	t.Cleanup(w.hub.Close)

	w.group = protocol.Group{City: testCity, N: 4, T: 2, W: 3}
	for i, name := range []string{"ombudsman.example", "court.example", "university.example", "press-council.example"} {
		g := &guard{cfg: Config{Dir: t.TempDir(), City: testCity, Hub: w.hub.URL, LogKey: w.log.Key, Law: w.trust, N: 4, T: 2, W: 3, Demo: true, Plain: true}}
		g.cfg.Now = g.now
		vkey, err := Init(g.cfg.Dir, name)
		if err != nil {
			t.Fatal(err)
		}
		w.guards = append(w.guards, g)
		w.group.Guardians = append(w.group.Guardians, protocol.Member{Index: i + 1, Key: vkey, Name: name})
	}
	for i, g := range w.guards {
		g.cfg.Members = append([]protocol.Member(nil), w.group.Guardians...)
		g.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { g.live.Load().Handler().ServeHTTP(rw, r) }))
		t.Cleanup(g.server.Close)
		w.start(i)
	}
	for i := range w.group.Guardians {
		w.group.Guardians[i].URL = w.guards[i].server.URL
	}
	served := w.group
	w.served.Store(&served)
	w.client = client.New(client.Config{Group: w.group, Key: w.logKey})
	t.Cleanup(func() {
		for _, g := range w.guards {
			g.stop()
		}
	})
	return w
}

// start opens guardian i in its folder and runs it.
func (w *world) start(i int) {
	w.t.Helper()
	g := w.guards[i]
	var err error
	if g.Guardian, err = New(g.cfg); err != nil {
		w.t.Fatalf("guardian %d: %v", i, err)
	}
	g.live.Store(g.Guardian)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	g.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("guardian %d: %v", i, err)
		}
		if err := g.Close(); err != nil {
			w.t.Errorf("guardian %d: %v", i, err)
		}
	}
}

func (w *world) restart(i int) {
	w.guards[i].stop()
	w.start(i)
}

func (w *world) writeLaw() {
	w.t.Helper()
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub, law.Investigator, law.Protection, law.Dispatcher, law.OtherDispatcher} {
		pub, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		keys[a], w.keys[a] = pub, priv
	}
	var err error
	if w.steward, _, err = protocol.NewKey(testCity + "/steward"); err != nil {
		w.t.Fatal(err)
	}
	if w.council, _, err = protocol.NewKey(testCity + "/council"); err != nil {
		w.t.Fatal(err)
	}
	w.docs = filepath.Join(w.t.TempDir(), "law")
	if w.court, _, err = protocol.NewKey(testCity + "/court"); err != nil {
		w.t.Fatal(err)
	}
	registry, _, err := protocol.NewKey(testCity + "/registry")
	if err != nil {
		w.t.Fatal(err)
	}
	if w.auditor, _, err = protocol.NewKey(testCity + "/model-auditor"); err != nil {
		w.t.Fatal(err)
	}
	written, err := law.Write(w.docs, law.Config{City: testCity, Steward: w.steward, Council: w.council, Court: w.court, Auditor: w.auditor, Model: tribune.Hash{1}, Plan: tribune.Hash{2}, Registry: registry, Keys: keys, Now: time.Now(), Named: []tribune.Pseudonym{suspect}, Vital: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.trust, w.salts = written.Trust, written.Salts
	files, err := policy.ReadFiles(w.docs)
	if err != nil {
		w.t.Fatal(err)
	}
	w.set = w.loadSet(files)
}

// loadSet is a set that the hub serves from now on.
func (w *world) loadSet(files map[string][]byte) *policy.Set {
	w.t.Helper()
	set, err := policy.Load(files, w.trust)
	if err != nil {
		w.t.Fatal(err)
	}
	w.sets.Store(set.Hash().String(), set.Files())
	return set
}

func (w *world) doc(path string) []byte {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.docs, path))
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// publishLeaf appends a leaf and has it co-signed by all; it returns its index and checkpoint.
func (w *world) publishLeaf(leaf []byte) (uint64, []byte) {
	w.t.Helper()
	w.publish.Lock()
	defer w.publish.Unlock()
	i := w.log.Append(leaf)
	return i, w.cosign()
}

func (w *world) cosign() []byte {
	w.t.Helper()
	return w.log.Cosign(w.log.Size(), w.urls()...)
}

func (w *world) urls() (urls []string) {
	for _, g := range w.guards {
		urls = append(urls, g.server.URL)
	}
	return urls
}

// housekeeping is a leaf of the hub's own.
func (w *world) housekeeping(kind tribune.ActKind, com tribune.Hash, public json.RawMessage) []byte {
	w.t.Helper()
	act := protocol.Act{Com: com, ID: protocol.NewID(), Kind: kind, Office: "data-hub", Time: protocol.Time(time.Now())}
	sig, err := act.Sign(w.keys[law.Hub])
	if err != nil {
		w.t.Fatal(err)
	}
	leaf, err := protocol.Leaf{Version: 1, Act: act, Public: public, Signature: sig, Tags: []tribune.Tag{},
		Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}, Set: w.set.Hash()}}.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	return leaf
}

// ceremony founds the group.
func (w *world) ceremony() {
	w.t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	group, err := w.client.Found(ctx, func(_ context.Context, public json.RawMessage) error {
		w.publishLeaf(w.housekeeping(tribune.ActCeremony, tribune.Hash{}, public))
		return nil
	})
	if err != nil {
		w.t.Fatalf("ceremony: %v", err)
	}
	w.group = group
	w.client = client.New(client.Config{Group: group, Key: w.logKey})
	w.t.Logf("ceremony took %v", time.Since(start).Round(time.Millisecond))
}

// found makes the world a city: keys, law and appointments are on record.
func (w *world) found() {
	w.t.Helper()
	w.ceremony()
	w.publishLaw(w.set)
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub, law.Investigator, law.Protection, law.Dispatcher, law.OtherDispatcher} {
		ap := appointed{doc: w.doc("appointments/" + string(a) + ".toml"), salt: protocol.NewSalt()}
		com, err := protocol.Commitment(ap.salt, ap.doc)
		if err != nil {
			w.t.Fatal(err)
		}
		ap.index, _ = w.publishLeaf(w.housekeeping(tribune.ActAppoint, com, nil))
		w.appoint[a] = ap
	}
}

func (w *world) publishLaw(set *policy.Set, approvals ...protocol.Approval) uint64 {
	w.t.Helper()
	public, err := protocol.JCS(protocol.LawPublic{Set: set.Hash(), Approvals: approvals})
	if err != nil {
		w.t.Fatal(err)
	}
	i, _ := w.publishLeaf(w.housekeeping(tribune.ActLaw, tribune.Hash{}, public))
	return i
}

// enrol gets D(trace) of subjects by a recorded act, as a hub does.
func (w *world) enrol(subjects ...tribune.Pseudonym) map[tribune.Pseudonym][]byte {
	w.t.Helper()
	var ps []protocol.Subject
	for _, p := range subjects {
		ps = append(ps, protocol.Subject{P: p, IDs: []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: p}}})
	}
	c := w.enrolment(ps)
	keys := w.open(c, w.build(c))
	out := map[tribune.Pseudonym][]byte{}
	for i, p := range subjects {
		out[p] = keys[i]
	}
	return out
}

// open has the act released by t guardians and combines the shares.
func (w *world) open(c *act, req protocol.Request) [][]byte {
	w.t.Helper()
	answers, err := w.client.Release(context.Background(), req, 2)
	if err != nil {
		w.t.Fatalf("release: %v", err)
	}
	keys, err := w.combine(c, answers)
	if err != nil {
		w.t.Fatalf("combining: %v", err)
	}
	return keys
}

func (w *world) combine(c *act, answers []protocol.Answer) ([][]byte, error) {
	var ids [][]byte
	for _, s := range c.priv.Subjects {
		for _, id := range s.IDs {
			ids = append(ids, id.Bytes(testCity))
		}
	}
	var parts []ibe.Partial
	for _, a := range answers {
		raw, err := c.recipient.OpenShares(a.Box, a.Statement.Leaf, a.Statement.Epoch)
		if err != nil {
			return nil, err
		}
		part := ibe.Partial{}
		for _, m := range w.group.Guardians {
			if m.Name == a.Statement.Guardian {
				part.Index = m.Index
			}
		}
		for ; len(raw) > 0; raw = raw[48:] {
			part.Points = append(part.Points, raw[:48])
		}
		parts = append(parts, part)
	}
	keys, culprits, err := ibe.Combine(w.group.Seal.Key, w.group.Seal.Shares, w.group.T, ids, parts)
	if err != nil || len(culprits) > 0 {
		return nil, fmt.Errorf("culprits %v: %w", culprits, err)
	}
	return keys, nil
}

// refusedBy asks one guardian and returns its refusal's reason, "" where it released.
func (w *world) ask(i int, req protocol.Request) (string, *protocol.Answer) {
	w.t.Helper()
	one := w.group
	one.Guardians = one.Guardians[i : i+1]
	answers, err := client.New(client.Config{Group: one, Key: w.logKey}).Release(context.Background(), req, 1)
	if err != nil {
		return strings.TrimPrefix(err.Error(), "guardians refuse: "+w.group.Guardians[i].Name+": "), nil
	}
	return "", &answers[0]
}

// askAt asks one guardian with a hub whose clock is at now.
func (w *world) askAt(i int, req protocol.Request, now time.Time) string {
	w.t.Helper()
	one := w.group
	one.Guardians = one.Guardians[i : i+1]
	_, err := client.New(client.Config{Group: one, Key: w.logKey, Now: func() time.Time { return now }}).Release(context.Background(), req, 1)
	if err != nil {
		return err.Error()
	}
	return ""
}

func isVeto(err error) bool { return errors.Is(err, tribune.ErrVetoed) }

// later moves all guardians' clocks and lets them see each other's.
func (w *world) later(d time.Duration) {
	for _, g := range w.guards {
		g.ahead.Store(int64(d))
	}
	for _, g := range w.guards {
		g.clock.poll(context.Background())
	}
}
