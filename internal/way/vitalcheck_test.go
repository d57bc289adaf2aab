package way

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// asked is what guardians were shown of disclosures.
type asked struct {
	fail  error
	shown chan protocol.Request
}

func (a *asked) Checked(_ context.Context, _ uint64, req protocol.Request) error {
	var all [][]byte
	for _, d := range req.Traces { // they are wiped afterwards
		all = append(all, slices.Clone(d))
	}
	req.Traces = all
	a.shown <- req
	return a.fail
}

// disclosedNight is a use on record that guardians have not found right yet.
func disclosedNight(t *testing.T) (*night, *asked) {
	t.Helper()
	n, a := newNight(t), &asked{fail: tribune.ErrNoQuorum, shown: make(chan protocol.Request, 16)}
	n.cfg.Vital.Checked = a.Checked
	n.Way.Close()
	n.start(t)
	n.away()
	n.opened(t)
	n.back()
	if err := n.tell(t); err != nil {
		t.Fatal(err)
	}
	return n, a
}

// A hub that ends after a disclosure, before guardians have found it right, shows them at its next start what it durably holds; and no longer once they have.
func TestADisclosureIsCheckedByTheNextProcess(t *testing.T) {
	n, a := disclosedNight(t)
	n.Way.Close()
	for len(a.shown) > 0 {
		<-a.shown
	}
	n.start(t)
	n.back()
	n.Way.vital.checks()
	req := <-a.shown
	proof, err := verify.ParseProof(req.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := protocol.DecodeLeaf(proof.Extra)
	if err != nil || leaf.Act.Kind != tribune.ActVital {
		t.Fatalf("shown is %+v, %v", leaf, err)
	}
	com, err := protocol.Commitment(req.Salt, req.Private)
	if err != nil || com != leaf.Act.Com {
		t.Errorf("what is shown is not what the leaf commits to (%v)", err)
	}
	private, err := protocol.DecodePrivate(req.Private)
	if err != nil || len(private.Subjects) != 1 || len(req.Traces) != 1 {
		t.Fatalf("%d traces of %+v, %v", len(req.Traces), private, err)
	}
	k, err := protocol.TraceKey(req.Traces[0])
	if err != nil || protocol.UseTag(k, private.Subjects[0].N) != leaf.Tags[0] {
		t.Errorf("the trace key does not give the leaf's mark (%v)", err)
	}

	n.Way.Close() // so that nothing is under way
	a.fail = nil
	n.start(t)
	n.back()
	n.Way.vital.checks()
	<-a.shown
	n.Way.Close()
	n.start(t)
	n.back()
	n.Way.vital.checks()
	n.Way.Close()
	if len(a.shown) != 0 || len(n.Way.vital.unchecked) != 0 {
		t.Errorf("guardians have found it right and are asked again, %d times", len(a.shown))
	}
}

// Who was erased cannot be shown to guardians any more: they are not asked for ever.
func TestADisclosureAboutSomebodyErasedIsNotCheckedForEver(t *testing.T) {
	n, _ := disclosedNight(t)
	n.world.vault.Vault.Erase(t.Context(), subject(1))
	index := n.Way.vital.uses[0]
	if err := n.Way.vital.check(t.Context(), index, verify.Proof{Index: index, Checkpoint: []byte("a checkpoint\n")}.Marshal()); !errors.Is(err, errNothingToShow) {
		t.Errorf("got %v, want errNothingToShow", err)
	}
	n.Way.Close()
	n.Way.vital.checked(t.Context(), index, &vitalUnchecked{}, errNothingToShow)
	if len(n.Way.vital.unchecked) != 0 {
		t.Error("it is still to be checked")
	}
}

// A guardian that refuses is not asked every second.
func TestTriesToHaveADisclosureCheckedGrowRare(t *testing.T) {
	n, _ := disclosedNight(t)
	n.Way.Close()
	v, index := n.Way.vital, n.Way.vital.uses[0]
	u, last := &vitalUnchecked{}, time.Duration(0)
	for range 20 {
		v.checked(t.Context(), index, u, tribune.ErrRefused)
		wait := u.next.Sub(n.clock.Now())
		if wait < last || wait > vitalCheckLast {
			t.Fatalf("after %d tries it waits %s, before it was %s", u.tries, wait, last)
		}
		last = wait
	}
	if last != vitalCheckLast {
		t.Errorf("it comes to %s, want %s", last, vitalCheckLast)
	}
	n.clock.add(vitalCheckFor + time.Hour)
	v.checked(t.Context(), index, u, tribune.ErrRefused)
	if len(v.unchecked) != 0 {
		t.Error("guardians are asked for ever")
	}
}
