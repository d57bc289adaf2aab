package city

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tribune"
	"tribune/internal/guardian/logtest"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// keeper stands in for a guardian: it holds size leaves and says so as its fault has it.
type keeper struct {
	name  string
	key   ed25519.PrivateKey
	log   *logtest.Log
	size  uint64
	fault string
	asked int
	was   []byte // an answer of before, played again
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.asked++
	if k.fault == "another host" {
		http.NotFound(w, r)
		return
	}
	if r.URL.Path != "/status" {
		shown := k.size
		if k.fault == "shows an older checkpoint" {
			shown--
		}
		if shown == 0 {
			http.NotFound(w, r)
			return
		}
		w.Write(k.log.Checkpoint(shown))
		return
	}
	if k.was != nil {
		w.Write(k.was)
		return
	}
	s := wire.Status{Name: k.name, Size: k.size}
	if k.fault != "signs nothing" {
		s.Held = ed25519.Sign(k.key, wire.HeldMessage(k.name, s.Size, s.Root, r.URL.Query().Get("nonce")))
	}
	if k.fault == "altered on the way" {
		s.Size = 0
	}
	answer, _ := json.Marshal(s)
	if k.fault == "an answer played again" {
		k.was = answer
	}
	w.Write(answer)
}

// circle is a restored hub with four guardians, t = 2 and w = 3.
func circle(t *testing.T) (*Hub, []*keeper) {
	t.Helper()
	log := logtest.New(t, "city.example/record")
	for i := range 10 {
		log.Append(fmt.Appendf(nil, "leaf %d", i))
	}
	h := &Hub{cfg: Config{T: 2, W: 3}, log: slog.New(slog.DiscardHandler)}
	var all []*keeper
	for i := range 4 {
		name := fmt.Sprintf("guardian-%d.example", i+1)
		skey, vkey, err := protocol.NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		key, err := protocol.SeedOf(skey)
		if err != nil {
			t.Fatal(err)
		}
		k := &keeper{name: name, key: key, log: log, size: uint64(7 + i)}
		server := httptest.NewServer(k)
		t.Cleanup(server.Close)
		h.cfg.Guardians = append(h.cfg.Guardians, Guardian{Name: name, Key: vkey, URL: server.URL})
		all = append(all, k)
	}
	return h, all
}

func TestRestoredHubHearsEveryGuardianBeforeItGoesOn(t *testing.T) {
	h, all := circle(t)
	all[3].size = 0 // it has seen nothing yet, and says so
	copies, err := h.mirrors(t.Context(), nil)
	if err != nil || len(copies) != 4 || copies[3].Checkpoint != nil || copies[0].Checkpoint == nil {
		t.Fatalf("heard %d guardians: %v", len(copies), err)
	}
}

// Each would have a restored hub believe that a guardian has seen less than it has co-signed, and fork the record.
func TestSilenceOfAGuardianDoesNotPassForAnEmptyMirror(t *testing.T) {
	for _, fault := range []string{"another host", "signs nothing", "altered on the way", "shows an older checkpoint", "an answer played again"} {
		h, all := circle(t)
		all[2].fault = fault
		if fault == "an answer played again" {
			if _, err := h.mirrors(t.Context(), nil); err != nil {
				t.Fatalf("control: %v", err)
			}
			all[2].size++
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		copies, err := h.mirrors(ctx, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || copies != nil {
			t.Errorf("%s: the hub goes on with %d mirrors (%v)", fault, len(copies), err)
		}
	}
}

// What was published has three co-signatures of four. Of two guardians that are heard only one need be among them, and that one may lie.
func TestTooManyLostGuardiansStopARestoration(t *testing.T) {
	h, all := circle(t)
	name := func(i int) string { return all[i].name }
	if _, err := h.mirrors(t.Context(), []string{name(1), name(2)}); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("two of four are left out: %v", err)
	}
	if _, err := h.mirrors(t.Context(), []string{"nobody.example"}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a name nobody has: %v", err)
	}
	all[1].fault = "shows an older checkpoint"
	before := all[1].asked
	if copies, err := h.mirrors(t.Context(), []string{name(1)}); err != nil || len(copies) != 3 || all[1].asked != before {
		t.Errorf("one is left out: %d mirrors, asked %d times: %v", len(copies), all[1].asked-before, err)
	}
}
