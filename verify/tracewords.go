package verify

import (
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// Words says one use in plain words, in one line. What is taken from the leaf is quoted where it could be mistaken for ours.
func (u TraceUse) Words() string {
	a, d := u.Leaf.Act, u.Leaf.Decision
	when := a.Time
	if at, err := a.When(); err == nil {
		when = at.Format("2006-01-02 15:04 UTC")
	}
	who := "office " + id(string(a.Office))
	if a.Office == "" {
		who = "no office"
	}
	line := fmt.Sprintf("Use %d, %s: %s %s", u.N, when, who, doing(a.Kind))
	switch others := protocol.OthersIn(a.Count); { // how many exactly would tell who
	case a.Kind == tribune.ActRepresent: // it is about two by its nature
		line += ": " + RepresentedWords(u.Leaf)
	case others == protocol.FewOthers:
		line += " about you and fewer than ten others"
	case others == protocol.SomeOthers:
		line += " about you and ten to a hundred others"
	case others == protocol.ManyOthers:
		line += " about you and a hundred others or more"
	}
	if a.Purpose != "" {
		line += ", for the purpose " + id(string(a.Purpose))
	}
	if a.Mandate != "" {
		line += ", under the mandate " + id(string(a.Mandate))
	}
	if use, opened, _, err := protocol.VitalUseOf(u.Leaf); err == nil {
		line += fmt.Sprintf("; opened on %s, class %s", opened.Format("2006-01-02 15:04 UTC"), id(string(use.Class)))
	}
	switch {
	case !d.Permit:
		line += "; it was denied"
	case len(d.Policies) > 0:
		line += "; permitted by " + list(d.Policies, "")
	}
	return line + fmt.Sprintf(". Entry %d of the record.", u.Index)
}

// Proof says in plain words what the trail rests on.
func (t *Trail) Proof() []string {
	signers := make([]string, len(t.Head.Cosignatures))
	var newest time.Time
	for i, s := range t.Head.Cosignatures {
		signers[i] = s.Name
		if s.Time.After(newest) {
			newest = s.Time
		}
	}
	lines := []string{fmt.Sprintf("The record has %s, co-signed by %s, last at %s.", counted64(t.Head.Size, "entry", "entries"), orNone(signers), newest.Format("2006-01-02 15:04:05 UTC"))}
	switch i := t.Index; {
	case t.Whole && i != nil:
		lines = append(lines, fmt.Sprintf("All of them were read, and the index in entry %d, signed by %s, was held against them.", i.Leaf, orNone(i.Signers)))
	case t.Whole:
		lines = append(lines, "All of them were read.")
	case i == nil:
		lines = append(lines, "There is no index of the record yet, so all of them were read.")
	default:
		lines = append(lines, fmt.Sprintf("The index in entry %d covers the first %d; %s computed it from their own copies and signed it. The %s since were read one by one.",
			i.Leaf, i.Size, orNone(i.Signers), counted64(t.Head.Size-i.Size, "entry", "entries")))
	}
	return lines
}

// Learned says what those who served it could learn from what was asked of them.
func (t *Trail) Learned() string {
	if t.Whole || t.Index == nil {
		return "Whoever served this knows that somebody at your address read the whole record, and not whom it is about."
	}
	return fmt.Sprintf("Whoever served this saw that you asked for %s of the %d in the index, and for %s of 256 entries. They cannot compute your marks, but "+
		"who holds your trace key, as the hub does, could tell from them who you are. With --full nothing is told: the whole record is read.",
		counted(t.Cost.Buckets, "bucket", "buckets"), 1<<t.Index.Bits, counted(t.Cost.UseBundles, "block", "blocks"))
}

// Costs says what was read, and how that grows with the record.
func (t *Trail) Costs() string {
	c := t.Cost
	if t.Whole || t.Index == nil {
		return fmt.Sprintf("Read: %s of the record. This grows with the record; with an index it does not.", counted(c.Leaves, "entry", "entries"))
	}
	return fmt.Sprintf("Read: %s of the index (%d bytes), %s since the index, %s of 256 entries for the uses. In a record ten times as long it would be as many, "+
		"each bucket some 100 bytes longer, and of each day the entries of that day.",
		counted(c.Buckets, "bucket", "buckets"), c.BucketBytes, counted(c.Leaves, "entry", "entries"), counted(c.UseBundles, "block", "blocks"))
}

func counted64(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
