package verify

import (
	"time"

	"tribune"
	"tribune/protocol"
)

// Walk finds every use of one person's data on record (protocol 30, 31), believing nobody but the trust file. It reads the daily
// index for the marks of uses 1, 2, ... up to the first that is absent, and every leaf that is newer than the index; each leaf is proven
// under the co-signed checkpoint, and so is each bucket under the signatures of guardians who built the index themselves.
type Walk struct {
	Trust *Trust
	Key   []byte // trace key k, protocol.TraceKey
	Log   Fetch  // checkpoint and tiles
	// Indexes are those who serve the index: paths are "SIZE/BITS/BUCKET". What one does not serve as it was signed, the next is asked for.
	Indexes []IndexSource
	Full    bool      // read every leaf there is, and hold the newest index against them: who serves the log learns nothing of whom it concerns
	Now     time.Time // what the checkpoint's age is held against; zero = nothing
	// Progress is told what has been read so far; nil = nobody.
	Progress func(TraceCost)
}

// IndexSource is somebody who serves the index.
type IndexSource struct {
	Name  string
	Fetch Fetch
}

// Bounds of a walk.
const (
	// ahead is how far behind the last use more are looked for where that costs nothing: guardians release nothing beyond a gap, so
	// what is there is somebody's doing.
	ahead = 1024
	// maxHeadAge: a log renews its checkpoint every half minute. An older one hides what came since.
	maxHeadAge = time.Hour
	// maxIndexAge: one is made each day; this allows for a bad night.
	maxIndexAge = 49 * time.Hour
)

// Trail is what a walk has found.
type Trail struct {
	Head     *Checkpoint `json:"-"`
	Index    *FoundIndex `json:"index"` // nil = there is none on record
	Uses     []TraceUse  `json:"uses"`
	Findings []Finding   `json:"findings"` // what should not be; none = the uses are all there are
	Cost     TraceCost   `json:"cost"`
	Whole    bool        `json:"full"` // every leaf was read
}

// FoundIndex is the newest index on record that enough guardians have signed.
type FoundIndex struct {
	protocol.IndexLeaf
	Leaf    uint64   `json:"leaf"`
	Time    string   `json:"time"` // of its act
	Signers []string `json:"signers"`
}

// TraceUse is one use on record.
type TraceUse struct {
	N     uint64        `json:"n"`
	Index uint64        `json:"leaf"`
	Tag   tribune.Tag   `json:"tag"`
	Leaf  protocol.Leaf `json:"act"`
}

// The kinds of finding.
const (
	FindingGap       = "gap"       // a use stands on record beyond a number that does not
	FindingDuplicate = "duplicate" // a later leaf carries a mark again
	FindingOrder     = "order"     // uses do not stand in the order of their numbers
	FindingBucket    = "bucket"    // somebody serves another bucket than guardians signed
	FindingIndex     = "index"     // the index says what the record does not, or the other way round
	FindingUnsigned  = "unsigned"  // a leaf puts on record an index that too few guardians have signed
	FindingStale     = "stale"     // checkpoint or index are older than they should be
)

// Finding is one thing that should not be, in words.
type Finding struct {
	Kind string `json:"kind"`
	N    uint64 `json:"n,omitempty"`    // of the use, where it is about one
	Leaf uint64 `json:"leaf,omitempty"` // where it is about one
	What string `json:"what"`
}

// TraceCost is what a walk has read, so that who walks sees what it costs and what it tells others.
type TraceCost struct {
	Buckets     int `json:"buckets"`
	BucketMarks int `json:"bucketMarks"` // in these buckets, of all people
	BucketBytes int `json:"bucketBytes"`
	Leaves      int `json:"leaves"`     // read one after the other: those newer than the index, or all
	UseBundles  int `json:"useBundles"` // blocks of 256 leaves read for uses that the index names
}
