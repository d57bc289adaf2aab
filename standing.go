package tribune

import "time"

// Standing is a standing act on record: values of a class may be told to who made it as they arrive, before they are sealed, until
// it ends. Nothing that rests is opened by it.
type Standing struct {
	Act         string // id of the act
	Caller      Caller
	Class       ClassID
	Attrs       []Name
	From, Until time.Time // of arrival; Until exclusive, and no later than its mandate's end
}

// Ended reports whether the act is over by itself.
func (s *Standing) Ended(now time.Time) bool { return !now.Before(s.Until) }
