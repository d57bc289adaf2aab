package rights

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"tribune"
)

// The breach desk: what the public record says of a breach, by when whom must be told, and drafts of what to tell them. It reads
// leaves alone, so whoever has the record gets the same answer.

// BreachKind is what was lost.
type BreachKind string

// The kinds of breach. They differ in what the protocol lets a thief do.
const (
	BreachOffice    BreachKind = "office"    // an office holder's key or session
	BreachHub       BreachKind = "hub"       // the running hub
	BreachDisk      BreachKind = "disk"      // disks or backups of the hub
	BreachGuardians BreachKind = "guardians" // fewer guardians than open anything
)

// BreachKinds in the order in which they are offered.
func BreachKinds() []BreachKind {
	return []BreachKind{BreachOffice, BreachHub, BreachDisk, BreachGuardians}
}

// Breach is what is known of one.
type Breach struct {
	Kind   BreachKind       `json:"lost"`
	Office tribune.OfficeID `json:"office,omitempty"` // whose key or session; of kind office
	From   time.Time        `json:"from"`             // when it may have been used
	Until  time.Time        `json:"until"`            // exclusive
	Aware  time.Time        `json:"aware"`            // when the city learned of it: clocks run from here
}

// breachMargin widens the window: an act's own time and its place on record may lie so far apart (protocol, Time).
const breachMargin = 6 * time.Minute

// Check says what is missing.
func (b Breach) Check() error {
	switch {
	case !slices.Contains(BreachKinds(), b.Kind):
		return fmt.Errorf("%w: say what was lost: an office's key, the hub, disks, or some guardians", tribune.ErrInvalid)
	case b.Kind == BreachOffice && b.Office == "":
		return fmt.Errorf("%w: say which office", tribune.ErrInvalid)
	case !b.Until.After(b.From):
		return fmt.Errorf("%w: the window in which it may have been used is empty", tribune.ErrInvalid)
	case b.Aware.IsZero():
		return fmt.Errorf("%w: say when the city learned of it", tribune.ErrInvalid)
	}
	return nil
}

// OnRecord is what one leaf says in public.
type OnRecord struct {
	Index     uint64
	At        time.Time
	Kind      tribune.ActKind
	Office    tribune.OfficeID
	Purpose   tribune.PurposeID
	Count     int
	Permitted bool
}

// BreachLine is what was opened by one office for one purpose in the window.
type BreachLine struct {
	Office  tribune.OfficeID  `json:"office"`
	Purpose tribune.PurposeID `json:"purpose"`
	Kind    tribune.ActKind   `json:"kind"`
	Acts    int               `json:"acts"`
	AtLeast int               `json:"atLeast"` // people
	AtMost  int               `json:"atMost"`
}

// Assessment is what the record says of a breach. People are counted with bounds: a leaf counts them and does not say who they are, so two
// leaves may be about the same person or about two.
type Assessment struct {
	Breach
	Read    int          `json:"read"`    // leaves in the window
	Denied  int          `json:"denied"`  // of these, denied: nothing was opened
	Lines   []BreachLine `json:"lines"`   // openings that the thief may have made or seen
	AtLeast int          `json:"atLeast"` // people affected, by the record
	AtMost  int          `json:"atMost"`
	More    bool         `json:"more"` // and more than the record counts: see Could
}

// opens reports whether a leaf of a kind showed somebody personal data.
func opens(k tribune.ActKind) bool { return k == tribune.ActRead || k == tribune.ActDelivery }

// Reach is how far back leaves can belong to the window.
func (b Breach) Reach() time.Time { return b.From.Add(-breachMargin) }

// Within reports whether a leaf of that time belongs to the window.
func (b Breach) Within(at time.Time) bool {
	return !at.Before(b.Reach()) && at.Before(b.Until.Add(breachMargin))
}

// Assess reads leaves, in any order.
func (b Breach) Assess(leaves iter.Seq2[OnRecord, error]) (Assessment, error) {
	a := Assessment{Breach: b, Lines: []BreachLine{}, More: b.Kind == BreachHub}
	if err := b.Check(); err != nil {
		return a, err
	}
	for l, err := range leaves {
		if err != nil {
			return a, fmt.Errorf("reading the record: %w", err)
		}
		if !b.Within(l.At) || b.Kind == BreachOffice && l.Office != b.Office {
			continue
		}
		a.Read++
		if !l.Permitted {
			a.Denied++
		} else if opens(l.Kind) && (b.Kind == BreachOffice || b.Kind == BreachHub) {
			a.count(l)
		}
	}
	slices.SortFunc(a.Lines, func(x, y BreachLine) int {
		return cmp.Or(cmp.Compare(x.Office, y.Office), cmp.Compare(x.Purpose, y.Purpose), cmp.Compare(x.Kind, y.Kind))
	})
	return a, nil
}

func (a *Assessment) count(l OnRecord) {
	i := slices.IndexFunc(a.Lines, func(x BreachLine) bool { return x.Office == l.Office && x.Purpose == l.Purpose && x.Kind == l.Kind })
	if i < 0 {
		i = len(a.Lines)
		a.Lines = append(a.Lines, BreachLine{Office: l.Office, Purpose: l.Purpose, Kind: l.Kind})
	}
	line := &a.Lines[i]
	line.Acts++
	line.AtLeast, line.AtMost = max(line.AtLeast, l.Count), line.AtMost+l.Count
	a.AtLeast, a.AtMost = max(a.AtLeast, l.Count), a.AtMost+l.Count
}

// Deadline is by when somebody must be told of a breach.
type Deadline struct {
	ID     string `toml:"id" json:"id"`
	Law    string `toml:"law" json:"law"`
	To     string `toml:"to" json:"to"`
	Hours  int    `toml:"hours" json:"hours,omitempty"`   // 0 with months 0: without undue delay
	Months int    `toml:"months" json:"months,omitempty"` // calendar months, by Regulation 1182/71
	After  string `toml:"after" json:"after,omitempty"`   // another deadline that it follows; "" = awareness
}

// Clock is a deadline of one breach.
type Clock struct {
	Deadline
	Due time.Time `json:"due,omitzero"` // exclusive; zero = without undue delay
}

// Clocks are a breach's deadlines, in the order of the rules. Hours run from the instant of awareness: the regulation would begin with the next
// full hour, which is never earlier. What follows another deadline is counted from that one's end.
func (r *Rules) Clocks(aware time.Time) (all []Clock) {
	ends := map[string]time.Time{"": aware}
	for _, d := range r.Breach {
		c := Clock{Deadline: d}
		from := ends[d.After]
		switch {
		case from.IsZero() && d.After != "": // what it follows has no fixed end, so it has none
		case d.Hours > 0:
			c.Due = from.Add(time.Duration(d.Hours) * time.Hour)
		case d.Months > 0:
			c.Due = r.Due(from, d.Months)
		}
		ends[d.ID] = c.Due
		all = append(all, c)
	}
	return all
}
