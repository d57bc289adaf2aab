package wire

// Progress is how far one of the two key generations of a ceremony is, as far as this guardian has read the record.
type Progress struct {
	Run       string   `json:"run"`       // "seal" or "name"; of a change followed by "/" and its digest
	Attempt   int      `json:"attempt"`   // which try it is
	Members   []string `json:"members"`   // who sits at the table to take a share
	Hello     []string `json:"hello"`     // who has said hello in this try
	Dealt     []string `json:"dealt"`     // whose deal stands on record
	Needed    int      `json:"needed"`    // deals that are enough
	Responded []string `json:"responded"` // who has checked the deals and called them good
	Over      bool     `json:"over"`      // the keys exist
	Waits     string   `json:"waits,omitempty"`
	Trouble   string   `json:"trouble,omitempty"` // what went wrong last
}

// Witnessing is what a guardian tells of itself besides.
type Witnessing struct {
	Since    int64            `json:"since"`            // Unix seconds: start of this process
	Cosigned int64            `json:"cosigned"`         // Unix seconds: its newest co-signature since then; 0 = none
	Clocks   map[string]int64 `json:"clocks,omitempty"` // by peer: how many milliseconds ahead of ours its clock is
}
