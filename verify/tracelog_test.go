package verify

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// traceLog is a record in which one person's uses stand among others'.
type traceLog struct {
	*testLog
	t       testing.TB
	key     []byte
	others  uint64
	entries []protocol.IndexEntry
	at      time.Time
}

func newTraceLog(t testing.TB) *traceLog {
	t.Helper()
	return &traceLog{testLog: newTestLog(t), t: t, key: []byte(strings.Repeat("k", protocol.TraceKeySize)), at: time.Now().Add(-time.Minute)}
}

// add puts a leaf with these tags on record.
func (l *traceLog) add(kind tribune.ActKind, public json.RawMessage, tags ...tribune.Tag) uint64 {
	l.t.Helper()
	if tags == nil {
		tags = []tribune.Tag{}
	}
	leaf := protocol.Leaf{
		Version: protocol.Version, Public: public, Signature: make([]byte, 64), Tags: tags,
		Act:      protocol.Act{ID: strings.Repeat("0a", 16), Kind: kind, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "m", Count: len(tags), Time: protocol.Time(l.at)},
		Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}},
	}
	data, err := leaf.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	i := uint64(len(l.leaves))
	l.append(l.t, data)
	for _, tag := range tags {
		l.entries = append(l.entries, protocol.IndexEntry{Tag: tag, Leaf: i})
	}
	return i
}

// use puts use n of the person on record.
func (l *traceLog) use(n uint64) uint64 {
	return l.add(tribune.ActRead, nil, protocol.UseTag(l.key, n))
}

// crowd puts n uses of other people on record, many in one leaf.
func (l *traceLog) crowd(n int) {
	for n > 0 {
		var tags []tribune.Tag
		for ; n > 0 && len(tags) < 100; n-- {
			l.others++
			tags = append(tags, protocol.UseTag(binary.BigEndian.AppendUint64(nil, l.others), 1))
		}
		l.add(tribune.ActRead, nil, tags...)
	}
}

// index puts an index of the entries on record, signed by the first n guardians.
func (l *traceLog) index(entries []protocol.IndexEntry, n int) *protocol.Index {
	l.t.Helper()
	x, err := protocol.NewIndex(uint64(len(l.leaves)), slices.Clone(entries))
	if err != nil {
		l.t.Fatal(err)
	}
	public := protocol.IndexLeaf{IndexHead: x.IndexHead, Signatures: map[string][]byte{}}
	for i, seed := range l.seeds[:n] {
		key, err := protocol.SeedOf(seed)
		if err != nil {
			l.t.Fatal(err)
		}
		public.Signatures[guardianNames[i]] = x.Sign(testOrigin, key)
	}
	raw, err := protocol.JCS(public)
	if err != nil {
		l.t.Fatal(err)
	}
	l.add(tribune.ActIndex, raw)
	return x
}

// honest serves an index as it is.
func honest(x *protocol.Index) IndexSource {
	return IndexSource{"the hub", func(path string) ([]byte, error) {
		var size, bits, bucket uint64
		if _, err := fmt.Sscanf(path, "%d/%d/%d", &size, &bits, &bucket); err != nil || size != x.Size || bits != uint64(x.Bits) {
			return nil, fs.ErrNotExist
		}
		return x.File(bucket)
	}}
}

// walk is of the whole log as it is now.
func (l *traceLog) walk(sources ...IndexSource) Walk {
	return Walk{Trust: l.trust, Key: l.key, Log: Dir(l.dir(l.t, len(l.leaves), 3)), Indexes: sources, Now: time.Now()}
}

func numbers(t *Trail) (all []string) {
	for _, u := range t.Uses {
		all = append(all, fmt.Sprintf("%d@%d", u.N, u.Index))
	}
	return all
}

func kinds(t *Trail) (all []string) {
	for _, f := range t.Findings {
		all = append(all, f.Kind)
	}
	return all
}

func run(t *testing.T, w Walk) *Trail {
	t.Helper()
	trail, err := w.Run()
	if err != nil {
		t.Fatal(err)
	}
	return trail
}

func want(t *testing.T, trail *Trail, uses []string, findings ...string) {
	t.Helper()
	if got := numbers(trail); !slices.Equal(got, uses) {
		t.Errorf("uses %v, want %v", got, uses)
	}
	if got := kinds(trail); !slices.Equal(got, findings) {
		t.Errorf("findings %v, want %v: %+v", got, findings, trail.Findings)
	}
}

// storied is a record with two uses below the index and one above.
func storied(t testing.TB) (*traceLog, *protocol.Index) {
	l := newTraceLog(t)
	l.crowd(40_000)
	l.use(1)
	l.crowd(60_000)
	l.use(2)
	x := l.index(l.entries, 3)
	l.crowd(100)
	l.use(3)
	l.crowd(100)
	return l, x
}
