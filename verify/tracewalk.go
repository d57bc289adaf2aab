package verify

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Run walks. Its error says why it could not; what is wrong with the record is among the trail's findings. ErrInvalid: what was served
// is not what guardians have signed.
func (w Walk) Run() (*Trail, error) {
	if len(w.Key) != protocol.TraceKeySize {
		return nil, fmt.Errorf("%w: a trace key of %d bytes, want %d", tribune.ErrInvalid, len(w.Key), protocol.TraceKeySize)
	}
	msg, err := w.Log("checkpoint")
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	head, err := w.Trust.Checkpoint(msg)
	if err != nil {
		return nil, err
	}
	tree, err := OpenTree(head.Size, head.Root, OrFull(w.Log))
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	t := &tracing{Walk: w, tree: tree, newer: map[tribune.Tag][]uint64{}, buckets: map[uint64][]protocol.IndexEntry{}, blocks: map[uint64]bool{}, Trail: &Trail{Head: head, Whole: w.Full, Uses: []TraceUse{}, Findings: []Finding{}}}
	t.age()
	if err := t.readBack(); err != nil {
		return nil, err
	}
	if err := t.follow(); err != nil {
		return nil, err
	}
	if w.Full {
		if err := t.holdIndex(); err != nil {
			return nil, err
		}
	}
	return t.Trail, nil
}

// tracing is one walk under way.
type tracing struct {
	Walk
	*Trail
	tree    *Tree
	from    uint64                   // leaves from here on are read one by one
	newer   map[tribune.Tag][]uint64 // the tags of these, ascending
	buckets map[uint64][]protocol.IndexEntry
	blocks  map[uint64]bool // entry bundles read for uses below from
}

func (t *tracing) find(kind string, n, leaf uint64, format string, args ...any) {
	t.Findings = append(t.Findings, Finding{Kind: kind, N: n, Leaf: leaf, What: fmt.Sprintf(format, args...)})
}

func (t *tracing) progress() {
	if t.Progress != nil {
		t.Progress(t.Cost)
	}
}

// age: the co-signatures say how old the checkpoint is.
func (t *tracing) age() {
	if t.Now.IsZero() {
		return
	}
	if at := t.Trust.signedAt(t.Head); t.Now.Sub(at) > maxHeadAge {
		t.find(FindingStale, 0, 0, "The checkpoint that was served is of %s: what was put on record since is kept from you.", at.Format(time.RFC3339))
	}
}

// readBack reads the record backwards, bundle by bundle, until it has met the newest index and every leaf that this does not cover. Nobody
// need be asked which index is the newest: these leaves have to be read anyway.
func (t *tracing) readBack() error {
	var after string // time of the oldest leaf that is newer than the index leaf
	for n := (t.Head.Size + tileWidth - 1) / tileWidth; n > 0 && t.from < n*tileWidth; n-- {
		leaves, err := t.tree.Bundle(n - 1)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		for i, raw := range slices.Backward(leaves) {
			at := (n-1)*tileWidth + uint64(i)
			if at < t.from {
				break
			}
			t.Cost.Leaves++
			leaf, err := protocol.DecodeLeaf(raw)
			if err != nil {
				continue // it is on record, and means nothing: guardians pass it over, too
			}
			for _, tag := range leaf.Tags {
				if all := t.newer[tag]; len(all) == 0 || all[len(all)-1] != at {
					t.newer[tag] = append(all, at)
				}
			}
			if t.Index == nil && !t.isIndex(at, leaf) {
				after = leaf.Act.Time
			}
		}
		t.progress()
	}
	for _, all := range t.newer {
		slices.Reverse(all)
	}
	if since, err := protocol.ParseTime(after); err == nil && t.Trust.signedAt(t.Head).Sub(since) > maxIndexAge {
		t.find(FindingStale, 0, 0, "No index of the record has been made since %s, although it has grown: you had to read more of it than you should.", since.Format(time.RFC3339))
	}
	return nil
}

// isIndex takes up the newest index, from the leaf that puts it on record.
func (t *tracing) isIndex(at uint64, leaf protocol.Leaf) bool {
	if leaf.Act.Kind != tribune.ActIndex {
		return false
	}
	l, err := protocol.DecodeIndexLeaf(leaf.Public)
	if err == nil && l.Size > at {
		err = fmt.Errorf("%w: it says that it covers %d leaves", tribune.ErrInvalid, l.Size)
	}
	var signers []string
	if err == nil {
		signers, err = t.Trust.IndexSigners(l)
	}
	if err != nil {
		t.find(FindingUnsigned, 0, at, "Entry %d puts an index on record that cannot be believed: %v.", at, err)
		return false
	}
	t.Index = &FoundIndex{IndexLeaf: l, Leaf: at, Time: leaf.Act.Time, Signers: signers}
	if !t.Full {
		t.from = l.Size
	}
	return true
}

// leavesOf are the leaves that carry the mark of use n, first to last.
func (t *tracing) leavesOf(n uint64) ([]uint64, error) {
	tag := protocol.UseTag(t.Key, n)
	var all []uint64
	if i := t.Index; i != nil && !t.Full {
		bucket, err := t.bucket(protocol.BucketOf(tag, i.Bits))
		if err != nil {
			return nil, err
		}
		all = within(bucket, tag)
	}
	return append(all, t.newer[tag]...), nil
}

// within are the leaves that a bucket has for a tag.
func within(bucket []protocol.IndexEntry, tag tribune.Tag) (leaves []uint64) {
	at, _ := slices.BinarySearchFunc(bucket, tag, func(e protocol.IndexEntry, tag tribune.Tag) int { return slices.Compare(e.Tag[:], tag[:]) })
	for ; at < len(bucket) && bucket[at].Tag == tag; at++ {
		leaves = append(leaves, bucket[at].Leaf)
	}
	return leaves
}

// bucket fetches a bucket and proves it. Who serves another one than guardians signed is found out, and the next is asked.
func (t *tracing) bucket(i uint64) ([]protocol.IndexEntry, error) {
	if entries, ok := t.buckets[i]; ok {
		return entries, nil
	}
	head := t.Index.IndexHead
	var last error
	for _, s := range t.Indexes {
		file, err := s.Fetch(fmt.Sprintf("%d/%d/%d", head.Size, head.Bits, i))
		if err != nil {
			last = cmp.Or(last, fmt.Errorf("%s: %w", s.Name, err)) // a lie that was found out is worth more than a silence
			continue
		}
		entries, err := head.OpenBucket(i, file)
		if err != nil {
			last = fmt.Errorf("%s: %w", s.Name, err)
			t.find(FindingBucket, 0, t.Index.Leaf, "%s does not serve bucket %d of the index in entry %d as guardians signed it: %v.", s.Name, i, t.Index.Leaf, err)
			continue
		}
		t.buckets[i] = entries
		t.Cost.Buckets, t.Cost.BucketMarks, t.Cost.BucketBytes = t.Cost.Buckets+1, t.Cost.BucketMarks+len(entries), t.Cost.BucketBytes+len(file)
		t.progress()
		return entries, nil
	}
	if last == nil || errors.Is(last, fs.ErrNotExist) { // it is on record, so whoever says that there is none hides it
		last = fmt.Errorf("%w: bucket %d of the index in entry %d is kept from you: %w", tribune.ErrInvalid, i, t.Index.Leaf, cmp.Or(last, fs.ErrNotExist))
	}
	return nil, tribune.Hint(fmt.Errorf("reading the index: %w", last), "Ask a guardian's mirror, or read the whole record: neither needs the index of whoever serves this one.")
}

// follow finds the uses, and what is wrong with them.
func (t *tracing) follow() error {
	n := uint64(1)
	for ; ; n++ {
		all, err := t.leavesOf(n)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			break
		}
		if err := t.use(n, all); err != nil {
			return err
		}
	}
	// What follows costs nothing: the newer leaves are read, and so are these buckets.
	for missing, end := n, n+ahead; n < end; n++ {
		tag := protocol.UseTag(t.Key, n)
		var all []uint64
		if i := t.Index; i != nil && !t.Full {
			all = within(t.buckets[protocol.BucketOf(tag, i.Bits)], tag)
		}
		if all = append(all, t.newer[tag]...); len(all) > 0 {
			t.find(FindingGap, n, all[0], "Use %d stands on record in entry %d, and use %d nowhere: guardians release nothing for such a use.", n, all[0], missing)
			if err := t.use(n, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// use reads the leaf of a use. The first leaf that carries a mark is the one that counts.
func (t *tracing) use(n uint64, all []uint64) error {
	tag := protocol.UseTag(t.Key, n)
	slices.SortFunc(all, cmp.Compare)
	raw, err := t.tree.Leaf(all[0])
	if err != nil {
		return fmt.Errorf("reading the leaf of use %d: %w", n, err)
	}
	if block := all[0] / tileWidth; all[0] < t.from && !t.blocks[block] {
		t.blocks[block] = true
		t.Cost.UseBundles++
	}
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil || !slices.Contains(leaf.Tags, tag) {
		t.find(FindingIndex, n, all[0], "The index says that entry %d is use %d of your data, and the entry does not.", all[0], n)
		return nil
	}
	if before := len(t.Uses); before > 0 && t.Uses[before-1].Index >= all[0] {
		t.find(FindingOrder, n, all[0], "Use %d stands in entry %d, which is not after that of use %d.", n, all[0], t.Uses[before-1].N)
	}
	for _, again := range all[1:] {
		t.find(FindingDuplicate, n, again, "Entry %d carries the mark of use %d again, which stands in entry %d: whatever it was, guardians released nothing for it.", again, n, all[0])
	}
	t.Uses = append(t.Uses, TraceUse{N: n, Index: all[0], Tag: tag, Leaf: leaf})
	return nil
}

// holdIndex builds the newest index again from all leaves, and holds it against what guardians signed.
func (t *tracing) holdIndex() error {
	i := t.Index
	if i == nil {
		return nil
	}
	var entries []protocol.IndexEntry
	for tag, all := range t.newer {
		for _, at := range all {
			entries = append(entries, protocol.IndexEntry{Tag: tag, Leaf: at})
		}
	}
	built, err := protocol.NewIndex(i.Size, entries)
	if err != nil {
		return fmt.Errorf("building the index of size %d again: %w", i.Size, err)
	}
	if built.IndexHead != i.IndexHead {
		t.find(FindingIndex, 0, i.Leaf, "The index in entry %d is not that of the record's marks. It is signed by %s.", i.Leaf, orNone(i.Signers))
	}
	return nil
}
