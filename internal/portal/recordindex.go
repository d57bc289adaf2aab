package portal

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/protocol"
)

// Bounds of the index. A row is 24 bytes, so a full index is 25 MB, and the texts it refers to at most 8 x 4 MB, though a
// real city has a few hundred of them. Entries before the newest maxIndexed are reached by their number, in windows that
// are read from the log itself.
const (
	maxIndexed   = 1 << 20
	chunkRows    = 1 << 12
	maxTexts     = 1<<16 - 2
	maxTextBytes = 4 << 20
	maxLawLeaves = 10_000
	maxMissing   = 8   // reasons of one denial that are kept
	maxReason    = 300 // bytes of one
)

// row is one entry in the index: numbers of texts in its tables.
type row struct {
	at      int64 // milliseconds since 1970, as the act says
	office  uint16
	purpose uint16
	mandate uint16
	rules   uint16 // the list of policies that decided
	missing uint16 // of a refusal; of a standing act and its deliveries (flagStanding) that act, in x.stand
	set     uint16
	count   uint16
	kind    uint8
	flags   uint8
}

const (
	flagPermit uint8 = 1 << iota
	flagBroken       // not a leaf of a version that this program knows
	flagStanding
)

// texts is a table of different texts. Number 0 is the empty text; notKept stands for what the bounds leave out.
type texts struct {
	number map[string]uint16
	list   []string
	count  []uint64 // entries that hold it, also those whose rows have been cut off
	bytes  int
}

const notKept = math.MaxUint16

func newTexts() texts {
	return texts{number: map[string]uint16{"": 0}, list: []string{""}, count: []uint64{0}}
}

func (t *texts) of(s string) uint16 {
	if n, ok := t.number[s]; ok {
		return n
	}
	if len(t.list) > maxTexts || t.bytes+len(s) > maxTextBytes {
		return notKept
	}
	s = strings.Clone(s) // it may be a part of a whole leaf
	n := uint16(len(t.list))
	t.number[s], t.list, t.count, t.bytes = n, append(t.list, s), append(t.count, 0), t.bytes+len(s)
	return n
}

// held is of, and counts.
func (t *texts) held(s string) uint16 {
	n := t.of(s)
	if int(n) < len(t.count) {
		t.count[n]++
	}
	return n
}

// sum is how many entries hold a text that fits.
func (t *texts) sum(fit func(string) bool) (n uint64) {
	for i, s := range t.list {
		if fit(s) {
			n += t.count[i]
		}
	}
	return n
}

func (t *texts) text(n uint16) string {
	if int(n) < len(t.list) {
		return t.list[n]
	}
	return "…"
}

// lawLeaf is an entry that names a policy set.
type lawLeaf struct {
	Index     uint64
	At        time.Time
	Set       tribune.Hash
	Permit    bool
	Approvals int // signatures that came with it
}

// usage is which entries a policy set has decided.
type usage struct {
	First, Last, Count uint64
}

// index is the record as it can be searched: fed in order, once. It never holds what a leaf does not publish.
type index struct {
	mu     sync.RWMutex // guards what follows
	first  uint64       // number of the oldest row
	next   uint64       // and of the entry to be fed next
	chunks [][]row      // all full but the last; the oldest may have been cut off
	kinds  []tribune.ActKind
	office texts
	purp   texts
	mand   texts
	rules  texts // lists, joined by separator
	miss   texts
	stand  texts // ids of standing acts
	sets   texts // hex
	laws   []lawLeaf
	used   map[string]*usage // by set, hex
	total  map[tribune.ActKind]uint64
}

const separator = "\x00"

func newIndex(from uint64) *index {
	return &index{
		first: from, next: from, kinds: []tribune.ActKind{""}, office: newTexts(), purp: newTexts(), mand: newTexts(), rules: newTexts(), miss: newTexts(), stand: newTexts(),
		sets: newTexts(), used: map[string]*usage{}, total: map[tribune.ActKind]uint64{},
	}
}

// feed takes in what is published from the next entry on, at most limit entries, and reports whether that was all.
func (x *index) feed(ctx context.Context, r Record, limit uint64) (bool, error) {
	x.mu.RLock()
	next := x.next
	x.mu.RUnlock()
	published := r.Published()
	if next >= published {
		return true, nil
	}
	end := min(published, next+limit)
	batch := make([]decoded, 0, min(end-next, 256))
	for entry, err := range r.Range(ctx, next) {
		if err != nil {
			x.add(batch)
			return false, err
		}
		if entry.Index >= end {
			break
		}
		leaf, err := protocol.DecodeLeaf(entry.Leaf)
		batch = append(batch, decoded{entry.Index, leaf, err == nil})
		if len(batch) == cap(batch) { // visitors read while a long record is fed
			x.add(batch)
			batch = batch[:0]
		}
	}
	x.add(batch)
	return end == published, nil
}

type decoded struct {
	index uint64
	leaf  protocol.Leaf
	ok    bool
}

// add takes rows in order. Two visitors may feed at once: what is there already is passed over.
func (x *index) add(batch []decoded) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range batch {
		if d.index == x.next {
			x.push(x.row(d))
			x.next++
		}
	}
}

func (x *index) push(r row) {
	if n := len(x.chunks); n == 0 || len(x.chunks[n-1]) == chunkRows {
		x.chunks = append(x.chunks, make([]row, 0, chunkRows))
		if len(x.chunks) > maxIndexed/chunkRows+1 {
			x.first += chunkRows
			x.chunks = slices.Clone(x.chunks[1:])
		}
	}
	last := &x.chunks[len(x.chunks)-1]
	*last = append(*last, r)
}

func (x *index) row(d decoded) row {
	if !d.ok {
		x.total[""]++
		return row{flags: flagBroken}
	}
	a, dec := d.leaf.Act, d.leaf.Decision
	set := dec.Set.String()
	r := row{
		kind: x.kind(a.Kind), office: x.office.held(string(a.Office)), purpose: x.purp.held(string(a.Purpose)), mandate: x.mand.held(string(a.Mandate)),
		rules: x.rules.held(strings.Join(dec.Policies, separator)), missing: x.miss.of(clipReasons(dec.Missing)), set: x.sets.of(set), count: uint16(a.Count),
	}
	if at, err := a.When(); err == nil {
		r.at = at.UnixMilli()
	}
	if dec.Permit {
		r.flags |= flagPermit
	}
	if act := standingOf(d.leaf); act != "" {
		r.missing, r.flags = x.stand.of(act), r.flags|flagStanding
	}
	x.total[a.Kind]++
	if dec.Set != (tribune.Hash{}) && (x.used[set] != nil || len(x.used) < maxLawLeaves) {
		if x.used[set] == nil {
			x.used[set] = &usage{First: d.index}
		}
		x.used[set].Last = d.index
		x.used[set].Count++
	}
	if a.Kind == tribune.ActLaw {
		x.law(d.index, d.leaf)
	}
	return r
}

// kind is the number of a kind; the last one stands for all that find no place.
func (x *index) kind(k tribune.ActKind) uint8 {
	if i := slices.Index(x.kinds, k); i >= 0 {
		return uint8(i)
	}
	if len(x.kinds) == math.MaxUint8 {
		return math.MaxUint8
	}
	x.kinds = append(x.kinds, tribune.ActKind(strings.Clone(string(k))))
	return uint8(len(x.kinds) - 1)
}

func (x *index) kindText(n uint8) tribune.ActKind {
	if int(n) < len(x.kinds) {
		return x.kinds[n]
	}
	return "…"
}

func (x *index) law(i uint64, leaf protocol.Leaf) {
	var public struct {
		Set       tribune.Hash      `json:"set"`
		Approvals []json.RawMessage `json:"approvals"`
	}
	if len(x.laws) == maxLawLeaves || json.Unmarshal(leaf.Public, &public) != nil {
		return
	}
	at, _ := leaf.Act.When()
	x.laws = append(x.laws, lawLeaf{Index: i, At: at, Set: public.Set, Permit: leaf.Decision.Permit, Approvals: len(public.Approvals)})
}

func clipReasons(reasons []string) string {
	var kept []string
	for _, s := range reasons[:min(len(reasons), maxMissing)] {
		kept = append(kept, clipText(s, maxReason))
	}
	return strings.Join(kept, separator)
}

// clipText cuts a text to at most n bytes between two runes.
func clipText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// at is the row of an entry. The caller holds mu and has checked that it is there.
func (x *index) at(i uint64) row {
	n := i - x.first
	return x.chunks[n/chunkRows][n%chunkRows]
}

// Laws are the entries that name a policy set, in order, and what each set has decided.
func (x *index) Laws() ([]lawLeaf, map[string]usage) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	used := make(map[string]usage, len(x.used))
	for set, u := range x.used {
		used[set] = *u
	}
	return slices.Clone(x.laws), used
}
