package record

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"tribune"
)

func TestStartsWithoutQuorum(t *testing.T) {
	g := newRig(t)
	g.setDown(2)
	start := time.Now()
	r := g.open(t)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("opening without quorum took %v", took)
	}
	if r.Quorum() {
		t.Error("Quorum() with 2 of 4 guardians, want 3")
	}
	_, err := r.Append(t.Context(), testLeaf(t, 1))
	if !errors.Is(err, tribune.ErrNoQuorum) || errors.Is(err, tribune.ErrUncertain) || tribune.HintOf(err) == "" {
		t.Errorf("Append without quorum: got %v, want a sure ErrNoQuorum with a hint", err)
	}
	if got := get(r, "/checkpoint").Code; got != 404 {
		t.Errorf("checkpoint that nobody co-signed: got status %d, want 404", got)
	}
	g.setDown(1)
	eventually(t, "quorum after the guardians have returned", r.Quorum)
	if _, err := r.Seal(t.Context(), testLeaf(t, 2)); err != nil {
		t.Errorf("Seal with quorum: %v", err)
	}
	if r.Size() != 1 {
		t.Errorf("log has %d leaves, want 1: the refused one must not be there", r.Size())
	}
}

func TestLostQuorumRefusesAndLaterPublishes(t *testing.T) {
	g := newRig(t)
	g.cfg.PublishTimeout = 500 * time.Millisecond
	r := g.open(t)
	if _, err := r.Seal(t.Context(), testLeaf(t, 0)); err != nil {
		t.Fatal(err)
	}
	g.setDown(4)
	if _, err := r.Seal(t.Context(), testLeaf(t, 1)); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Fatalf("Seal: got %v, want ErrNoQuorum", err)
	}
	for i := range 3 {
		if _, err := r.Append(t.Context(), testLeaf(t, 2+i)); !errors.Is(err, tribune.ErrNoQuorum) {
			t.Fatalf("Append: got %v, want ErrNoQuorum", err)
		}
	}
	if r.Size() != 2 || r.Published() != 1 || r.Quorum() {
		t.Errorf("size %d, published %d, quorum %v; want 2, 1, false", r.Size(), r.Published(), r.Quorum())
	}
	if _, err := r.Receipt(t.Context(), 1, true); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("receipt of an unpublished leaf: got %v, want ErrNotFound", err)
	}
	if got, err := r.Leaf(t.Context(), 1); err != nil || !bytes.Equal(got, testLeaf(t, 1)) {
		t.Errorf("unpublished leaf cannot be read: %v", err)
	}
	g.setDown(0)
	eventually(t, "publication after the guardians have returned", func() bool { return r.Published() == 2 && r.Quorum() })
	receipt, err := r.Await(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.trust.ReceiptOf(receipt, testLeaf(t, 1)); err != nil {
		t.Error(err)
	}
}

func TestIdleLogNoticesLostQuorum(t *testing.T) {
	g := newRig(t)
	g.cfg.PublishTimeout, g.cfg.Republish = 200*time.Millisecond, 500*time.Millisecond
	r := g.open(t)
	time.Sleep(2 * time.Second)
	if !r.Quorum() {
		t.Fatal("idle log with all guardians has no quorum")
	}
	g.setDown(2)
	eventually(t, "loss of quorum without any act", func() bool { return !r.Quorum() })
	g.setDown(0)
	eventually(t, "return of quorum without any act", r.Quorum)
}

func TestCloseWithoutQuorumLosesNothing(t *testing.T) {
	g := newRig(t)
	g.cfg.PublishTimeout = 300 * time.Millisecond
	r, err := Open(t.Context(), g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.setDown(4)
	if _, err := r.Seal(t.Context(), testLeaf(t, 0)); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Fatalf("got %v, want ErrNoQuorum", err)
	}
	start := time.Now()
	if err := r.Close(); err != nil || time.Since(start) > 2*time.Second {
		t.Errorf("Close took %v: %v", time.Since(start), err)
	}
	g.setDown(0)
	r = g.open(t)
	eventually(t, "publication of the leaf of the last run", func() bool { return r.Published() == 1 })
}
