package verify

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

func TestAWalkFindsEveryUseAndReadsLittle(t *testing.T) {
	l, x := storied(t)
	trail := run(t, l.walk(honest(x)))
	want(t, trail, []string{"1@400", "2@1001", "3@1004"})
	if c := trail.Cost; c.Leaves != 4 || c.UseBundles != 2 || c.Buckets == 0 || c.Buckets > 4 || c.BucketMarks > 4*1100 {
		t.Errorf("cost %+v, want the 4 leaves since the index and at most 4 buckets", c)
	}
	whole := l.walk()
	whole.Full = true
	trail = run(t, whole)
	want(t, trail, []string{"1@400", "2@1001", "3@1004"})
	if c := trail.Cost; c.Buckets != 0 || c.Leaves != len(l.leaves) {
		t.Errorf("cost %+v of the whole record, want %d leaves and no bucket", c, len(l.leaves))
	}
}

func TestARecordWithoutIndexIsReadWhole(t *testing.T) {
	l := newTraceLog(t)
	l.crowd(500)
	l.use(1)
	trail := run(t, l.walk())
	want(t, trail, []string{"1@5"})
	if trail.Index != nil || trail.Cost.Leaves != 6 {
		t.Errorf("index %v, cost %+v", trail.Index, trail.Cost)
	}
}

// The hub leaves the person's entry out of the bucket that it serves, serves another bucket, a wrong path, or none.
func TestALyingHubsBucketsAreFoundOut(t *testing.T) {
	l, x := storied(t)
	one := honest(x)
	for what, lie := range map[string]Fetch{
		"an entry left out": func(path string) ([]byte, error) {
			file, err := one.Fetch(path)
			tag := protocol.UseTag(l.key, 1)
			if i := strings.Index(string(file), string(tag[:])); i >= 0 {
				file = append(file[:i:i], file[i+protocol.IndexEntrySize:]...)
			}
			return file, err
		},
		"a wrong path": func(path string) ([]byte, error) {
			file, err := one.Fetch(path)
			file[0] ^= 1
			return file, err
		},
		"another bucket": func(path string) ([]byte, error) { return x.File(5) },
		"no bucket":      func(path string) ([]byte, error) { return nil, fs.ErrNotExist },
	} {
		if _, err := l.walk(IndexSource{"the hub", lie}).Run(); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v, want invalid", what, err)
		}
		// A guardian's mirror tells the truth, and the lie is named.
		trail, err := l.walk(IndexSource{"the hub", lie}, honest(x)).Run()
		if err != nil {
			t.Errorf("%s, beside an honest mirror: %v", what, err)
			continue
		}
		if got := numbers(trail); len(got) != 3 {
			t.Errorf("%s, beside an honest mirror: uses %v", what, got)
		}
		if lied := what != "no bucket"; lied != slices.Contains(kinds(trail), FindingBucket) {
			t.Errorf("%s: findings %v", what, kinds(trail))
		}
	}
}

// A hub that cannot reach whoever serves the index is no liar.
func TestASourceThatIsAwayIsNoFinding(t *testing.T) {
	l, x := storied(t)
	away := IndexSource{"away", func(string) ([]byte, error) { return nil, errors.New("connection refused") }}
	want(t, run(t, l.walk(away, honest(x))), []string{"1@400", "2@1001", "3@1004"})
	if _, err := l.walk(away).Run(); err == nil || errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("with nobody else: %v, want an error that accuses nobody", err)
	}
}

// The hub puts an index on record that leaves a use out, with the signatures of fewer guardians than could be dishonest.
func TestAnIndexWithoutEnoughSignaturesIsNotBelieved(t *testing.T) {
	l := newTraceLog(t)
	l.crowd(2000)
	l.use(1)
	l.index(slices.DeleteFunc(slices.Clone(l.entries), func(e protocol.IndexEntry) bool { return e.Tag == protocol.UseTag(l.key, 1) }), 1)
	want(t, run(t, l.walk()), []string{"1@20"}, FindingUnsigned)
}

// Even t guardians and the hub together are found out by whoever reads the whole record.
func TestAFalseIndexIsFoundOutByTheWholeRecord(t *testing.T) {
	l := newTraceLog(t)
	l.crowd(2000)
	l.use(1)
	x := l.index(slices.DeleteFunc(slices.Clone(l.entries), func(e protocol.IndexEntry) bool { return e.Tag == protocol.UseTag(l.key, 1) }), 2)
	want(t, run(t, l.walk(honest(x))), nil) // so far their word is all there is
	whole := l.walk()
	whole.Full = true
	want(t, run(t, whole), []string{"1@20"}, FindingIndex)
}

// The index is what guardians computed, but it names a leaf that is not what it should be: t of them lied.
func TestAnIndexThatNamesAnotherLeafIsFoundOut(t *testing.T) {
	l := newTraceLog(t)
	l.crowd(200)
	x := l.index(append(slices.Clone(l.entries), protocol.IndexEntry{Tag: protocol.UseTag(l.key, 1), Leaf: 0}), 3)
	want(t, run(t, l.walk(honest(x))), nil, FindingIndex)
}

func TestDuplicatesGapsAndOrderAreReported(t *testing.T) {
	for what, c := range map[string]struct {
		make     func(l *traceLog)
		uses     []string
		findings []string
	}{
		"a duplicate below the index": {func(l *traceLog) { l.use(1); l.use(1); l.index(l.entries, 3) }, []string{"1@0"}, []string{FindingDuplicate}},
		"a duplicate above it":        {func(l *traceLog) { l.use(1); l.index(l.entries, 3); l.use(1) }, []string{"1@0"}, []string{FindingDuplicate}},
		"a number left out":           {func(l *traceLog) { l.use(1); l.index(l.entries, 3); l.use(3) }, []string{"1@0", "3@2"}, []string{FindingGap}},
		"a number left out below":     {func(l *traceLog) { l.use(1); l.use(3); l.index(l.entries, 3) }, []string{"1@0", "3@1"}, []string{FindingGap}},
		"in another order":            {func(l *traceLog) { l.use(2); l.use(1); l.index(l.entries, 3) }, []string{"1@1", "2@0"}, []string{FindingOrder}},
		"two in one leaf": {func(l *traceLog) {
			l.add(tribune.ActRead, nil, protocol.UseTag(l.key, 1), protocol.UseTag(l.key, 2))
			l.index(l.entries, 3)
		}, []string{"1@0", "2@0"}, []string{FindingOrder}},
		"nothing wrong": {func(l *traceLog) { l.use(1); l.index(l.entries, 3); l.use(2) }, []string{"1@0", "2@2"}, nil},
	} {
		t.Run(what, func(t *testing.T) {
			l := newTraceLog(t)
			c.make(l)
			var x *protocol.Index
			for i, raw := range l.leaves {
				if leaf, _ := protocol.DecodeLeaf(raw); leaf.Act.Kind == tribune.ActIndex {
					var err error
					if x, err = protocol.NewIndex(uint64(i), slices.Clone(l.entries)); err != nil {
						t.Fatal(err)
					}
				}
			}
			want(t, run(t, l.walk(honest(x))), c.uses, c.findings...)
			whole := l.walk()
			whole.Full = true
			want(t, run(t, whole), c.uses, c.findings...)
		})
	}
}

// Who serves yesterday's checkpoint keeps today's uses from people, and who makes no index makes them read for long.
func TestStaleCheckpointsAndIndexesAreReported(t *testing.T) {
	l, x := storied(t)
	w := l.walk(honest(x))
	w.Now = time.Now().Add(2 * time.Hour)
	want(t, run(t, w), []string{"1@400", "2@1001", "3@1004"}, FindingStale)

	l = newTraceLog(t)
	l.use(1)
	x = l.index(l.entries, 3)
	l.at = l.at.AddDate(0, 0, -3)
	l.crowd(1)
	want(t, run(t, l.walk(honest(x))), []string{"1@0"}, FindingStale)
}

// A checkpoint that too few guardians have co-signed is none.
func TestAWalkNeedsTheQuorum(t *testing.T) {
	l, x := storied(t)
	w := l.walk(honest(x))
	w.Log = Dir(l.dir(t, len(l.leaves), 2))
	if _, err := w.Run(); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("got %v, want no quorum", err)
	}
}

// Each guardian serves its head with its own line; w of them together are a checkpoint that can be believed.
func TestGuardiansHeadsMakeOneCheckpoint(t *testing.T) {
	l := newTestLog(t)
	l.grow(t, 5)
	all := string(l.checkpoint(t, 5, 4))
	text, rest, _ := strings.Cut(all, "\n\n")
	lines := slices.Collect(strings.Lines(rest))
	head := func(of ...int) []byte {
		msg := text + "\n\n" + lines[0]
		for _, i := range of {
			msg += lines[i]
		}
		return []byte(msg)
	}
	merged, err := l.trust.MergeCheckpoints([][]byte{head(1), head(2), head(2), head(3), l.checkpoint(t, 4, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := l.trust.Checkpoint(merged); err != nil || c.Size != 5 || len(c.Cosignatures) != 3 {
		t.Errorf("merged: %+v, %v", c, err)
	}
	if _, err := l.trust.MergeCheckpoints([][]byte{head(1), head(2), head(2)}); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("two of four, one twice: %v, want no quorum", err)
	}
	if _, err := l.trust.MergeCheckpoints([][]byte{head(1), head(2), []byte(strings.Replace(string(head(3)), "\n5\n", "\n6\n", 1))}); err == nil {
		t.Error("a forged head is merged")
	}
}

// Words in a leaf are whoever wrote it: they must not be mistaken for ours.
func TestWordsOfAUseQuoteWhatCouldMislead(t *testing.T) {
	u := TraceUse{N: 2, Index: 7}
	u.Leaf.Act = protocol.Act{Kind: tribune.ActRead, Office: "x. All is well", Purpose: "enforce-parking", Count: 3, Time: "2026-11-22T08:00:00.000Z"}
	u.Leaf.Decision.Permit = true
	got := u.Words()
	for _, want := range []string{`"x. All is well"`, "Use 2, 2026-11-22 08:00 UTC", "you and fewer than ten others", "enforce-parking", "Entry 7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
