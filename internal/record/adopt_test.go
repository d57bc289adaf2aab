package record

import (
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// The log goes on under other guardians without being closed, and not under those that have left.
func TestAdoptedGuardiansPublish(t *testing.T) {
	g := newRig(t)
	g.cfg.PublishTimeout = 2 * time.Second
	r := g.open(t)
	before, err := r.Seal(t.Context(), testLeaf(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	logKey, err := protocol.VerifierOf(g.cfg.Key)
	if err != nil {
		t.Fatal(err)
	}
	fresh := newTestWitness(t, "library.example", logKey)
	now := append(append([]Witness(nil), g.cfg.Witnesses[2:]...), fresh.key)
	if err := r.Adopt(t.Context(), now, 2, nil); err != nil {
		t.Fatal(err)
	}
	g.setDown(2) // the two that have left
	receipt, err := r.Seal(t.Context(), testLeaf(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	cfg := g.cfg
	cfg.Witnesses, cfg.Quorum = now, 2
	policy, err := cfg.policy()
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrust(policy)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trust.ReceiptOf(receipt, testLeaf(t, 1)); err != nil {
		t.Errorf("a receipt under the new guardians: %v", err)
	}
	if _, err := g.trust.ReceiptOf(receipt, testLeaf(t, 1)); err == nil {
		t.Error("a receipt under the new guardians verifies under the old ones")
	}
	if _, err := g.trust.ReceiptOf(before, testLeaf(t, 0)); err != nil {
		t.Errorf("a receipt of before: %v", err)
	}
	g.setDown(4)
	fresh.down.Store(true)
	eventually(t, "the quorum to be lost", func() bool { _, err := r.Append(t.Context(), testLeaf(t, 2)); return err != nil })
	if index, err := r.AppendUnwitnessed(t.Context(), testLeaf(t, 3)); err != nil || index >= r.Size() {
		t.Errorf("the leaves by which guardians change cannot be put on record without a quorum: %d, %v", index, err)
	}
	eventually(t, "an unpublished checkpoint to be shown", func() bool { return get(r, "/head").Code == 200 })
}

// Many leaves are on their way while the guardians change: none is lost, none is out of order.
func TestAdoptWhileLeavesAreOnTheirWay(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	if _, err := r.Seal(t.Context(), testLeaf(t, 0)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	stop := time.Now().Add(2 * time.Second)
	go func() {
		for i := 1; time.Now().Before(stop); i++ {
			index, err := r.Append(t.Context(), testLeaf(t, i))
			if err == nil && index != uint64(i) {
				err = tribune.ErrUncertain
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 4 {
		time.Sleep(300 * time.Millisecond)
		if err := r.Adopt(t.Context(), g.cfg.Witnesses, 3, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything to be published", func() bool { return r.Published() == r.Size() })
}
