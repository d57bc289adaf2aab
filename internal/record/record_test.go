package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
)

func TestSealedLeafHasReceiptThatVerifies(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	var wg sync.WaitGroup
	for i := range 300 { // more than one tile
		wg.Go(func() {
			leaf := testLeaf(t, i)
			receipt, err := r.Seal(t.Context(), leaf)
			if err != nil {
				t.Errorf("Seal: %v", err)
				return
			}
			v, err := g.trust.ReceiptOf(receipt, leaf)
			if err != nil {
				t.Errorf("receipt of leaf %d: %v", i, err)
				return
			}
			if len(v.Checkpoint.Cosignatures) < 3 {
				t.Errorf("got %d co-signatures, want at least 3", len(v.Checkpoint.Cosignatures))
			}
			if got, err := r.Leaf(t.Context(), v.Index); err != nil || !bytes.Equal(got, leaf) {
				t.Errorf("Leaf(%d) = %.40q, %v; want the sealed leaf", v.Index, got, err)
			}
		})
	}
	wg.Wait()
	for _, i := range []uint64{0, 255, 256, 299} {
		receipt, err := r.Receipt(t.Context(), i, true)
		if err != nil {
			t.Fatalf("Receipt(%d): %v", i, err)
		}
		v, err := g.trust.Receipt(receipt)
		if err != nil {
			t.Fatalf("receipt of leaf %d: %v", i, err)
		}
		if err := g.trust.Log(v, os.DirFS(g.cfg.Dir)); err != nil {
			t.Errorf("log under leaf %d: %v", i, err)
		}
	}
	if _, err := r.Receipt(t.Context(), 300, false); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("receipt of a leaf that is not there: got %v, want ErrNotFound", err)
	}
	if _, err := r.Await(t.Context(), 300); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("awaiting a leaf that is not there: got %v, want ErrNotFound", err)
	}
}

func TestOrderOfCallsIsOrderOfLog(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	const n = 1500 // three batches
	var pending []*Pending
	for i := range n {
		p, err := r.Enqueue(testLeaf(t, i))
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	for i, p := range pending {
		at, err := p.Wait(t.Context())
		if err != nil || at != uint64(i) {
			t.Fatalf("leaf %d: got index %d, %v", i, at, err)
		}
	}
	i := 700
	for e, err := range r.Range(t.Context(), 700) {
		if err != nil || e.Index != uint64(i) || !bytes.Equal(e.Leaf, testLeaf(t, i)) {
			t.Fatalf("Range: entry %d is %d, %.60q, %v", i, e.Index, e.Leaf, err)
		}
		i++
	}
	if i != n {
		t.Errorf("Range ended at %d, want %d", i, n)
	}
}

// A guardian that stores every leaf before it signs must be able to read it before it is published.
func TestGuardiansReadBeforePublication(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	srv := httptest.NewServer(r.Handler())
	t.Cleanup(srv.Close)
	for _, w := range g.witnesses {
		w.mirror.Store(&srv.URL)
	}
	for i := range 5 {
		var wg sync.WaitGroup
		for j := range 70 {
			wg.Go(func() {
				if _, err := r.Seal(t.Context(), testLeaf(t, 1000*i+j)); err != nil {
					t.Errorf("Seal: %v", err)
				}
			})
		}
		wg.Wait()
	}
}

// The fourth guardian is never waited for, but must not be called off each time either.
func TestSlowGuardianIsNotStarved(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	slow := g.witnesses[3]
	slow.delay.Store(int64(300 * time.Millisecond))
	for i := range 8 {
		if _, err := r.Seal(t.Context(), testLeaf(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the slow guardian signs a recent checkpoint", func() bool {
		slow.mu.Lock()
		defer slow.mu.Unlock()
		return slow.size >= 6
	})
}

func TestReopenContinues(t *testing.T) {
	g := newRig(t)
	for i := range 3 {
		r, err := Open(t.Context(), g.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if r.Size() != uint64(i) {
			t.Fatalf("reopened with %d leaves, want %d", r.Size(), i)
		}
		if receipt, err := r.Seal(t.Context(), testLeaf(t, i)); err != nil {
			t.Fatal(err)
		} else if v, err := g.trust.ReceiptOf(receipt, testLeaf(t, i)); err != nil || v.Index != uint64(i) {
			t.Fatalf("receipt: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Append(t.Context(), testLeaf(t, 9)); err == nil || errors.Is(err, tribune.ErrUncertain) {
			t.Errorf("Append after Close: got %v, want a sure error", err)
		}
	}
}

func TestSecondOpenOfDirectoryIsRefused(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	_, err := Open(t.Context(), g.cfg)
	if !errors.Is(err, tribune.ErrConflict) || tribune.HintOf(err) == "" {
		t.Errorf("second Open: got %v, want ErrConflict with a hint", err)
	}
	if _, err := r.Seal(t.Context(), testLeaf(t, 0)); err != nil {
		t.Errorf("the first is disturbed: %v", err)
	}
}

func TestBadConfigIsRefusedWithoutShowingTheKey(t *testing.T) {
	g := newRig(t)
	secret := strings.SplitN(g.cfg.Key, "+", 5)[4]
	for name, change := range map[string]func(*Config){
		"no quorum":         func(c *Config) { c.Quorum = 0 },
		"quorum too large":  func(c *Config) { c.Quorum = 5 },
		"other origin":      func(c *Config) { c.Origin = "other.example/record" },
		"broken key":        func(c *Config) { c.Key = c.Key[:len(c.Key)-4] },
		"guardian twice":    func(c *Config) { c.Witnesses = append(c.Witnesses, c.Witnesses[0]) },
		"one key twice":     func(c *Config) { c.Witnesses[1].Key = c.Witnesses[0].Key },
		"password in a URL": func(c *Config) { c.Witnesses[0].URL = "http://me:hunter2@localhost/" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := g.cfg
			cfg.Dir = t.TempDir()
			cfg.Witnesses = append([]Witness{}, cfg.Witnesses...)
			change(&cfg)
			r, err := Open(t.Context(), cfg)
			if err == nil {
				r.Close()
				t.Fatal("opened")
			}
			if s := fmt.Sprint(err); strings.Contains(s, secret[:20]) || strings.Contains(s, "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestContextOfCallerDecidesNothingOnceQueued(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Append(ctx, testLeaf(t, 0)); !errors.Is(err, context.Canceled) || errors.Is(err, tribune.ErrUncertain) {
		t.Errorf("Append with a dead context: got %v, want a sure context.Canceled", err)
	}
	p, err := r.Enqueue(testLeaf(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(ctx); !errors.Is(err, tribune.ErrUncertain) {
		t.Errorf("Wait with a dead context: got %v, want ErrUncertain", err)
	}
	if at, err := p.Wait(t.Context()); err != nil || at != 0 {
		t.Errorf("the queued leaf: got index %d, %v; want 0", at, err)
	}
}
