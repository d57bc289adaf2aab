package city

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/guardian"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// lawCity is a hub with four real guardians in this process, every clock of which can be set.
type lawCity struct {
	*Hub
	t        *testing.T
	steward  string
	council  string
	hours    atomic.Int64 // the hub's clock is ahead, in seconds
	theirs   [4]atomic.Int64
	guardian [4]protocol.Member
	keys     [4]ed25519.PrivateKey
}

func newLawCity(t *testing.T) *lawCity {
	c := &lawCity{t: t}
	dir := Dir(t.TempDir())
	if err := dir.prepare(); err != nil {
		t.Fatal(err)
	}
	skey := func(name string) string {
		s, _, err := protocol.NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	c.steward, c.council = skey("city.example/steward"), skey("city.example/council")
	hubKey, err := actorKey(dir.HubKey())
	if err != nil {
		t.Fatal(err)
	}
	pub, _, _ := ed25519.GenerateKey(nil)
	if err := os.RemoveAll(dir.Law()); err != nil {
		t.Fatal(err)
	}
	written, err := law.Write(dir.Law(), law.Config{City: "city.example", Steward: c.steward, Council: c.council, Now: time.Now(),
		Keys: map[tribune.ActorID]ed25519.PublicKey{law.Inspector: pub, law.Planner: pub, law.Hub: hubKey.Public().(ed25519.PublicKey)}})
	if err != nil {
		t.Fatal(err)
	}
	var servers [4]*httptest.Server
	var live [4]atomic.Pointer[guardian.Guardian]
	cfg := Config{Dir: dir, City: "city.example", Origin: "city.example/record", Address: "127.0.0.1:0", T: 2, W: 3, Trust: written.Trust, TraceMandate: "trace-keeping-2026", Log: slog.New(slog.DiscardHandler)}
	var members []protocol.Member
	for i := range 4 {
		gdir := t.TempDir()
		name := []string{"ombudsman.example", "court.example", "university.example", "press.example"}[i]
		vkey, err := guardian.Init(gdir, name)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(gdir, "guardian.key"))
		if err != nil {
			t.Fatal(err)
		}
		if c.keys[i], err = protocol.SeedOf(string(raw)); err != nil {
			t.Fatal(err)
		}
		servers[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { live[i].Load().Handler().ServeHTTP(w, r) }))
		t.Cleanup(servers[i].Close)
		c.guardian[i] = protocol.Member{Index: i + 1, Name: name, Key: vkey, URL: gdir}
		members = append(members, protocol.Member{Index: i + 1, Name: name, Key: vkey})
		cfg.Guardians = append(cfg.Guardians, Guardian{Name: name, Key: vkey, URL: servers[i].URL})
	}
	if c.Hub, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	c.now = func() time.Time { return time.Now().Add(time.Duration(c.hours.Load()) * time.Second) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 5)
	for i := range 4 {
		g, err := guardian.New(guardian.Config{Dir: c.guardian[i].URL, City: "city.example", Hub: c.URL(), LogKey: c.logKey, Law: written.Trust, N: 4, T: 2, W: 3, Members: members,
			Now: func() time.Time { return time.Now().Add(time.Duration(c.theirs[i].Load()) * time.Second) }})
		if err != nil {
			t.Fatal(err)
		}
		live[i].Store(g)
		go func() { ended <- errors.Join(g.Run(ctx), g.Close()) }()
	}
	go func() { ended <- c.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 5 {
			if err := <-ended; err != nil {
				t.Errorf("ending: %v", err)
			}
		}
		if err := c.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	<-c.Listening()
	bound, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	if err := c.Guard(bound); err != nil {
		t.Fatal(err)
	}
	return c
}

// edit changes a file of the law's folder, signs it and has the hub read it.
func (c *lawCity) edit(file, old, new string) *policy.Set {
	c.t.Helper()
	path := filepath.Join(c.cfg.Dir.Law(), file)
	data, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	text, _ := protocol.SplitDocument(data)
	if !strings.Contains(text, old) {
		c.t.Fatalf("no %q in %s", old, file)
	}
	signer, err := note.NewSigner(c.steward)
	if err != nil {
		c.t.Fatal(err)
	}
	doc, err := protocol.SignDocument(strings.Replace(text, old, new, 1), signer)
	if err == nil {
		err = os.WriteFile(path, doc, 0o600)
	}
	if err == nil {
		err = c.reload(c.t.Context())
	}
	if err != nil {
		c.t.Fatal(err)
	}
	files, err := policy.ReadFiles(c.cfg.Dir.Law())
	if err != nil {
		c.t.Fatal(err)
	}
	set, err := policy.Load(files, c.cfg.Trust)
	if err != nil {
		c.t.Fatal(err)
	}
	return set
}

// approve has guardian i serve its approval, as the command leaves it in its folder.
func (c *lawCity) approve(i int, set, before tribune.Hash) {
	c.t.Helper()
	a := protocol.ApprovedSet{Set: set, Approval: protocol.Approval{Guardian: c.guardian[i].Name, Before: before, Until: c.now().Add(time.Hour).Unix()}}
	a.Sign(set, c.keys[i])
	text, err := protocol.JCS(a)
	if err == nil {
		err = os.MkdirAll(filepath.Join(c.guardian[i].URL, "approvals"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(c.guardian[i].URL, "approvals", set.String()+".json"), text, 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// step lets the hub take its next step, and says what stands then.
func (c *lawCity) step() (inForce tribune.Hash, announced []change) {
	c.t.Helper()
	c.reading.Lock()
	err := c.publishLaw(c.t.Context())
	c.reading.Unlock()
	if err != nil {
		c.t.Fatal(err)
	}
	pending, err := c.lawbook.chain.Pending(c.t.Context(), c.now())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range pending {
		announced = append(announced, change{r.Set, r.Index})
	}
	return c.gate.Set().Hash(), announced
}

type change struct {
	set  tribune.Hash
	leaf uint64
}

func (c *lawCity) expect(what string, inForce tribune.Hash, announced ...tribune.Hash) {
	c.t.Helper()
	got, changes := c.step()
	if got != inForce {
		c.t.Errorf("%s: another law is in force", what)
	}
	if len(changes) != len(announced) {
		c.t.Errorf("%s: %d changes are announced, want %d", what, len(changes), len(announced))
		return
	}
	for i := range announced {
		if changes[i].set != announced[i] {
			c.t.Errorf("%s: another change is announced", what)
		}
	}
}
