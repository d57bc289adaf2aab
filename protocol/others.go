package protocol

// Others is how many other people an act touched besides one of them, as that one is told: exact small numbers tell of whom (a household, a couple).
// The public leaf says the number; who reads it there is not told by us that they are in it.
type Others int

// The bands.
const (
	NoOthers   Others = iota
	FewOthers         // one to nine
	SomeOthers        // ten to ninety-nine
	ManyOthers        // a hundred and more
	fewOthers  = 10
	someOthers = 100
)

// OthersIn is the band of an act that touches count people.
func OthersIn(count int) Others {
	switch others := count - 1; {
	case others <= 0:
		return NoOthers
	case others < fewOthers:
		return FewOthers
	case others < someOthers:
		return SomeOthers
	}
	return ManyOthers
}

// String is the band as data say it: 0, 1-9, 10-99, 100+.
func (o Others) String() string { return [...]string{"0", "1-9", "10-99", "100+"}[o] }

// MarshalText is String.
func (o Others) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
