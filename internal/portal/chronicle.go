package portal

import (
	"context"
	"fmt"
	"slices"

	"tribune"
	"tribune/protocol"
)

// Bounds of what the page remembers of the record.
const (
	latestActs = 20
	lookBack   = 4096 // leaves read at the first rendering; later ones read what is new
)

// chronicle is the record as the page tells it: the latest uses of data or power, and the hub's own bookkeeping counted
// by kind, so that it does not bury what people did.
type chronicle struct {
	begun bool
	from  uint64  // index of the first leaf that was read
	next  uint64  // and of the next one to read
	acts  []act   // newest first
	house []house // by first appearance
}

// act is one line of the list.
type act struct {
	Index            uint64
	Words, When      string
	Office, Purpose  string
	Mandate, Outcome string
	Permit           bool
	Missing          []string
}

// house counts the hub's own entries of one kind.
type house struct {
	kind  tribune.ActKind
	Words string
	Count int
	Last  uint64 // index of the newest
}

var housekeeping = map[tribune.ActKind]string{
	tribune.ActEnrol:    "made trace keys, so that people can follow the use of their data",
	tribune.ActLaw:      "published the law of the platform",
	tribune.ActAppoint:  "put an appointment to an office on record",
	tribune.ActCeremony: "carried a message of the guardians’ key ceremony",
	tribune.ActRefusals: "published how many further requests a day were refused",
}

// read takes in what has been published since the last time. Where the record cannot be read it goes on next time.
func (c *chronicle) read(ctx context.Context, r Record) {
	published := r.Published()
	if !c.begun {
		c.begun = true
		c.from = published - min(published, lookBack)
		c.next = c.from
	}
	if c.next >= published {
		return
	}
	for entry, err := range r.Range(ctx, c.next) {
		if err != nil || entry.Index >= published {
			return
		}
		c.next = entry.Index + 1
		if leaf, err := protocol.DecodeLeaf(entry.Leaf); err == nil {
			c.add(entry.Index, leaf)
		}
	}
}

func (c *chronicle) add(index uint64, leaf protocol.Leaf) {
	title, own := housekeeping[leaf.Act.Kind]
	if !own {
		c.acts = slices.Insert(c.acts, 0, actOf(index, leaf))
		c.acts = c.acts[:min(len(c.acts), latestActs)]
		return
	}
	i := slices.IndexFunc(c.house, func(h house) bool { return h.kind == leaf.Act.Kind })
	if i < 0 {
		i = len(c.house)
		c.house = append(c.house, house{kind: leaf.Act.Kind, Words: title})
	}
	c.house[i].Count++
	c.house[i].Last = index
}

func actOf(index uint64, leaf protocol.Leaf) act {
	a := act{
		Index: index, Words: words(leaf), When: leaf.Act.Time,
		Office: string(leaf.Act.Office), Purpose: string(leaf.Act.Purpose), Mandate: string(leaf.Act.Mandate),
		Permit: leaf.Decision.Permit, Missing: leaf.Decision.Missing, Outcome: "denied",
	}
	if at, err := leaf.Act.When(); err == nil {
		a.When = at.Format("2006-01-02 15:04:05")
	}
	if a.Permit {
		a.Outcome = "permitted"
	}
	return a
}

func words(l protocol.Leaf) string {
	people := fmt.Sprintf("the data of %d people", l.Act.Count)
	if l.Act.Count == 1 {
		people = "the data of one person"
	}
	switch l.Act.Kind {
	case tribune.ActRead:
		if !l.Decision.Permit {
			return "asked for personal data and was refused"
		}
		return "looked up " + people
	case tribune.ActDecide:
		return "exercised a power"
	}
	return string(l.Act.Kind)
}
