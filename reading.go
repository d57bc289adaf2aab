package tribune

// Reading is what an edge asks of the one way: to open sealed values of one class for a caller, or to be told of them from now on. Subjects are those the
// request itself names (a plate): they are on record even when nothing is found.
type Reading struct {
	ID       string // of the act, where it was decided before anybody was named; "" = a new one
	Caller   Caller
	Class    ClassID
	Attrs    []Name
	Window   Window // of arrival; the edge's default is the class's whole keeping time
	Subjects []Pseudonym
	Sealed   []Sealed
	Standing bool   // nothing is opened: values are told from now on, until Window.Until
	Note     string // what the act commits to besides, in words
	LookUp   Name   // the sealed attribute by whose value people are looked up, on record even when nobody is found; "" = none
}
