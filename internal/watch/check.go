package watch

import (
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

// Verdict is what evidence shows.
type Verdict struct {
	Proven bool     // it follows from signatures alone
	Lines  []string // what was checked, and what remains the watcher's word
}

func (v *Verdict) say(format string, args ...any) {
	v.Lines = append(v.Lines, clean(fmt.Sprintf(format, args...)))
}

// Check holds evidence against a trust file. An error: it does not show what it says.
func (e *Evidence) Check(trust *verify.Trust) (Verdict, error) {
	v := Verdict{}
	if !slices.ContainsFunc(kinds[:], func(a about) bool { return a.kind == e.Kind }) {
		return v, fmt.Errorf("%w: the evidence is of no kind that there is: %q", tribune.ErrInvalid, clean(string(e.Kind)))
	}
	var err error
	switch e.Kind {
	case SplitView:
		err = e.checkSplit(trust, &v)
	case RolledBack:
		err = e.checkRolledBack(trust, &v)
	case DuplicateTag:
		err = e.checkDuplicate(trust, &v)
	case BadRelease:
		err = e.checkRelease(trust, &v)
	case Unreadable, BadDecision, BadTags, BadMandate:
		err = e.checkLeaf(trust, &v)
	case OtherTiles:
		err = e.checkTiles(trust, &v)
	case Unverifiable:
		err = e.checkUnverifiable(trust, &v)
	default:
		err = e.checkWord(trust, &v)
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("the evidence of %s does not hold: %w", e.Kind, err)
	}
	return v, nil
}

// open verifies the log's signature on a checkpoint of the evidence.
func (e *Evidence) open(trust *verify.Trust, v *Verdict) ([]*verify.Checkpoint, error) {
	var all []*verify.Checkpoint
	for _, s := range e.Checkpoints {
		cp, err := trust.OpenCheckpoint([]byte(s.Note))
		if err != nil {
			return nil, err
		}
		v.say("A checkpoint of %d leaves, root %s, is signed by the log %s and co-signed by %d guardians.", cp.Size, cp.Root, cp.Origin, len(cp.Cosignatures))
		all = append(all, cp)
	}
	return all, nil
}

func (e *Evidence) checkSplit(trust *verify.Trust, v *Verdict) error {
	cps, err := e.open(trust, v)
	if err != nil {
		return err
	}
	if len(cps) != 2 {
		return fmt.Errorf("%w: %d checkpoints, want two", tribune.ErrInvalid, len(cps))
	}
	slices.SortFunc(cps, func(a, b *verify.Checkpoint) int { return int(int64(a.Size) - int64(b.Size)) })
	small, large := cps[0], cps[1]
	if small.Size == large.Size {
		if small.Root == large.Root {
			return fmt.Errorf("%w: both are of the same tree", tribune.ErrInvalid)
		}
		v.Proven = true
		v.say("They are of the same size and have different roots: the log's key has signed two histories.")
		return nil
	}
	p := e.Consistency
	if p == nil || small.Size == 0 || p.From != small.Size || p.Root == small.Root { // the empty tree is part of every tree, and any root "follows" from it
		return fmt.Errorf("%w: nothing shows that the smaller is no part of the larger", tribune.ErrInvalid)
	}
	if err := p.check(large); err != nil {
		return err
	}
	v.Proven = true
	v.say("The first %d leaves of the larger tree hash to %s, the smaller checkpoint says %s: the log's key has signed two histories.", small.Size, p.Root, small.Root)
	return nil
}

func (e *Evidence) checkRolledBack(trust *verify.Trust, v *Verdict) error {
	cps, err := e.open(trust, v)
	if err != nil {
		return err
	}
	if len(cps) != 2 || cps[0].Size <= cps[1].Size {
		return fmt.Errorf("%w: want two checkpoints, the larger first", tribune.ErrInvalid)
	}
	if err := trust.Quorum(cps[0]); err != nil {
		return err
	}
	v.say("The larger one carries the quorum: its %d leaves were published.", cps[0].Size)
	v.say("That %s showed the smaller one at %s, later than the larger, is the watcher's word.", e.Checkpoints[1].From, e.Checkpoints[1].At.Format(time.RFC3339))
	return nil
}

func (e *Evidence) receipts(trust *verify.Trust, v *Verdict) ([]*verify.Verified, error) {
	var all []*verify.Verified
	for _, r := range e.Receipts {
		one, err := trust.Receipt([]byte(r))
		if err != nil {
			return nil, err
		}
		v.say("Leaf %d is on record, in a log of %d leaves that %d guardians have co-signed.", one.Index, one.Checkpoint.Size, len(one.Checkpoint.Cosignatures))
		all = append(all, one)
	}
	return all, nil
}

func (e *Evidence) checkDuplicate(trust *verify.Trust, v *Verdict) error {
	all, err := e.receipts(trust, v)
	if err != nil {
		return err
	}
	if len(all) != 2 || all[0].Index == all[1].Index {
		return fmt.Errorf("%w: want receipts of two leaves", tribune.ErrInvalid)
	}
	for _, t := range all[0].Leaf.Tags {
		if slices.Contains(all[1].Leaf.Tags, t) {
			v.Proven = true
			v.say("Both carry the tag %s.", t)
			return nil
		}
	}
	return fmt.Errorf("%w: the two leaves have no tag in common", tribune.ErrInvalid)
}

// checkLeaf replays what can be replayed of one leaf, and expects the same finding.
func (e *Evidence) checkLeaf(trust *verify.Trust, v *Verdict) error {
	if len(e.Receipts) != 1 {
		return fmt.Errorf("%w: %d receipts, want one", tribune.ErrInvalid, len(e.Receipts))
	}
	if e.Kind == Unreadable {
		return e.checkUnreadable(trust, v)
	}
	all, err := e.receipts(trust, v)
	if err != nil {
		return err
	}
	leaf := all[0].Leaf
	var set *policy.Set
	if e.Law != nil {
		if policy.HashFiles(e.Law) != leaf.Decision.Set || e.Pins == nil {
			return fmt.Errorf("%w: the law enclosed is not the one the leaf names", tribune.ErrInvalid)
		}
		if set, err = policy.Load(e.Law, *e.Pins); err != nil {
			return err
		}
		v.say("The law enclosed is the one the leaf names, signed by %s.", e.Pins.Steward)
	}
	found := judge(leaf, set, e.Mandate)
	shown := false
	for _, f := range found {
		if f.kind == e.Kind {
			shown = true
			v.say("%s", f.text)
		}
	}
	if !shown {
		return fmt.Errorf("%w: the leaf replays", tribune.ErrInvalid)
	}
	if v.Proven = e.Kind != BadMandate; !v.Proven {
		v.say("The document enclosed is signed by the issuer. That there is no other version of it, which carries the act, is the watcher's word.")
	}
	return nil
}

func (e *Evidence) checkUnreadable(trust *verify.Trust, v *Verdict) error {
	p, err := verify.ParseProof([]byte(e.Receipts[0]))
	if err != nil {
		return err
	}
	if _, err := trust.Checkpoint(p.Checkpoint); err != nil {
		return err
	}
	if _, err := protocol.DecodeLeaf(p.Extra); err == nil {
		return fmt.Errorf("%w: the leaf can be read", tribune.ErrInvalid)
	}
	// A leaf that cannot be read fails there only, after everything else about the receipt has been checked.
	_, err = trust.Receipt([]byte(e.Receipts[0]))
	if err == nil || inclusionFails(p, trust) {
		return fmt.Errorf("%w: the receipt does not lead to its checkpoint", tribune.ErrInvalid)
	}
	v.Proven = true
	v.say("Leaf %d is on record and is not in the form of the protocol.", p.Index)
	return nil
}

func (e *Evidence) checkRelease(trust *verify.Trust, v *Verdict) error {
	all, err := e.receipts(trust, v)
	if err != nil {
		return err
	}
	if len(all) != 1 || e.Statement == nil {
		return fmt.Errorf("%w: want one receipt and a statement", tribune.ErrInvalid)
	}
	one, s := all[0], *e.Statement
	if err := trust.Statement(one, s); err != nil {
		v.say("The statement: %v. That the hub showed it for this leaf is the watcher's word.", err)
		return nil
	}
	if e.Other != nil && trust.Statement(one, *e.Other) == nil && (e.Other.IDs != s.IDs || e.Other.Epoch == s.Epoch && e.Other.Guardian == s.Guardian && e.Other.Time == s.Time) {
		v.Proven = true
		v.say("%s and %s have both signed that they released keys for this leaf, and for different identities.", s.Guardian, e.Other.Guardian)
		return nil
	}
	if why := opensNothing(one.Leaf); why != "" {
		v.Proven = true
		v.say("%s has signed that it released keys for it, although %s.", s.Guardian, why)
		return nil
	}
	return fmt.Errorf("%w: the statement fits the leaf", tribune.ErrInvalid)
}

func (e *Evidence) checkTiles(trust *verify.Trust, v *Verdict) error {
	if _, err := e.open(trust, v); err != nil {
		return err
	}
	v.say("That the guardian served another entry than the record's is the watcher's word; ask it for entry %d and compare.", first(e.Leaves))
	return nil
}

func (e *Evidence) checkUnverifiable(trust *verify.Trust, v *Verdict) error {
	if len(e.Checkpoints) != 1 {
		return fmt.Errorf("%w: want one checkpoint", tribune.ErrInvalid)
	}
	_, err := trust.OpenCheckpoint([]byte(e.Checkpoints[0].Note))
	if err == nil {
		return fmt.Errorf("%w: the checkpoint verifies under this trust file", tribune.ErrInvalid)
	}
	v.say("The checkpoint does not verify: %v. That %s showed it is the watcher's word.", err, e.Checkpoints[0].From)
	return nil
}

// checkWord: what rests on the record's places or on what was seen at a time.
func (e *Evidence) checkWord(trust *verify.Trust, v *Verdict) error {
	if _, err := e.open(trust, v); err != nil {
		return err
	}
	if _, err := e.receipts(trust, v); err != nil {
		return err
	}
	if len(e.Leaves) == 2 {
		v.say("It rests on leaves %d to %d: count them in any copy of the record.", e.Leaves[0], e.Leaves[1])
	}
	v.say("What was shown when, or was not, is the watcher's word.")
	return nil
}

func first(l []uint64) uint64 {
	if len(l) == 0 {
		return 0
	}
	return l[0]
}
