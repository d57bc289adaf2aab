package replay

// Rule is one rule for rows or values that cannot be taken as they are.
type Rule string

// The rules. None is silent: each application is counted in the feed's Report.
const (
	// DuplicateRefused: of several rows with the same car park and time the first counts, the later are refused.
	DuplicateRefused Rule = "duplicate-refused"
	// NegativeRefused: an occupancy below zero is not a measurement; the row is refused and the last one stands.
	NegativeRefused Rule = "negative-refused"
	// OverCapacityClamped: an occupancy above the capacity becomes the capacity.
	OverCapacityClamped Rule = "over-capacity-clamped"
	// MissingLeftOut: a value the source marks as not available is left out; the rest of its row counts.
	MissingLeftOut Rule = "missing-left-out"
)

// Plain is the rule in words for a page.
func (r Rule) Plain() string {
	switch r {
	case DuplicateRefused:
		return "same place and time as an earlier row: refused"
	case NegativeRefused:
		return "negative occupancy: refused"
	case OverCapacityClamped:
		return "occupancy above the capacity: set to the capacity"
	case MissingLeftOut:
		return "value missing in the source: left out"
	}
	return string(r)
}

// Count is how often a rule applied. Rows counts rows, except for MissingLeftOut, where it counts values. Keys counts the
// distinct (place, time) keys concerned, where that differs in meaning from Rows; else 0.
type Count struct {
	Rule Rule
	Rows int
	Keys int
}

// Report is what became of a feed's rows when it was read.
type Report struct {
	Feed   string
	Rows   int // data rows read
	Kept   int // records that are replayed
	Counts []Count
}

// Of is how often a rule applied.
func (r Report) Of(rule Rule) Count {
	for _, c := range r.Counts {
		if c.Rule == rule {
			return c
		}
	}
	return Count{Rule: rule}
}
