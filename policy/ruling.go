package policy

import (
	"crypto/ed25519"
	"time"

	"tribune"
	"tribune/protocol"
)

// Announced is a leaf of kind law and when its judge first saw it, by its own clock.
type Announced struct {
	Index     uint64
	Set       tribune.Hash
	Approvals []protocol.Approval
	Withdraws tribune.Hash
	Told      time.Time // when it was written, by the word of the record: its own, and no earlier than any leaf's before it; zero = not known
	Seen      time.Time
	Passed    bool // it was passed over before
}

// lateAfter is how much later than it was written a leaf was seen by one who was not there.
const lateAfter = time.Hour

// written is when a leaf came on record. Whoever saw it then goes by that. Whoever was not there may be shown since when some leaves have
// been public and not others, and would see them in an order in which they never came: a change of after its withdrawal. So what a
// leaf came after is told from the record's own times, which a hub of today cannot alter. No wait begins by them.
func (a Announced) written() time.Time {
	if a.Told.IsZero() || a.Seen.Sub(a.Told) <= lateAfter {
		return a.Seen
	}
	return a.Told
}

// Ruling is what came of one leaf of kind law.
type Ruling struct {
	Announced
	Never bool      // it never counts
	Wait  bool      // it waited, or waits
	From  time.Time // from then on it counts; of what counts at once, when it was seen
	Then  time.Time // and by the record's own times, where we saw it late
}

type ruling struct {
	Ruling
	settled bool
	at      time.Time // what acts' times are held against: zero = at once
	then    time.Time // what the times are held against at which later leaves were written
}

func (r *ruling) nowAt() time.Time  { return r.at }
func (r *ruling) thenAt() time.Time { return r.then }

func (r *ruling) wait(until, then time.Time) {
	r.Wait, r.From, r.at = true, until, until
	r.Then, r.then = then, then
}

func (r Ruling) spends(set tribune.Hash) bool { return r.Wait && !r.Never && r.Set == set }

// Approved counts the guardians whose approval of a set in the place of another counts at a time.
func Approved(set, before tribune.Hash, approvals []protocol.Approval, keys map[string]ed25519.PublicKey, at time.Time) int {
	yes := map[string]bool{}
	for _, a := range approvals {
		if key, ok := keys[a.Guardian]; ok && a.Counts(set, before, key, at) {
			yes[a.Guardian] = true
		}
	}
	return len(yes)
}
