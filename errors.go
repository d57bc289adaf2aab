package tribune

import (
	"errors"
	"fmt"
)

// The few sentinels of the platform. Wrap them with what was being done; test with errors.Is.
var (
	ErrDenied      = errors.New("denied")              // the policy does not permit the act
	ErrExpired     = errors.New("expired")             // a credential, mandate or register entry has ended
	ErrNoQuorum    = errors.New("no quorum")           // too few guardians answer: fail closed for the personal, go on for the public
	ErrVetoed      = errors.New("vetoed")              // guardians withheld their shares
	ErrRefused     = errors.New("refused by guardian") // a guardian's own check failed; the reason is in the text
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("conflict") // it exists already, or changed meanwhile
	ErrInvalid     = errors.New("invalid")
	ErrTooLarge    = errors.New("too large")
	ErrBusy        = errors.New("busy") // a bounded queue or rate is full; try later
	ErrUnknown     = errors.New("unknown caller")
	ErrUncertain   = errors.New("outcome unknown") // it may or may not be on record: neither retry nor give up without looking
	ErrUnsupported = errors.New("not supported")
)

// IntegrityError means stop, not refuse: what was found cannot be explained by bad input.
type IntegrityError struct {
	What string // what does not fit
	Err  error
}

func (e *IntegrityError) Error() string { return "integrity: " + e.What + ": " + e.Err.Error() }
func (e *IntegrityError) Unwrap() error { return e.Err }

// Hinted adds to an error what its reader can do next.
type Hinted struct {
	Err  error
	Hint string
}

func (h *Hinted) Error() string { return h.Err.Error() }
func (h *Hinted) Unwrap() error { return h.Err }

// Hint wraps err with advice for its reader.
func Hint(err error, format string, args ...any) error {
	return &Hinted{Err: err, Hint: fmt.Sprintf(format, args...)}
}

// HintOf returns the outermost hint in err's chain, or "".
func HintOf(err error) string {
	var h *Hinted
	if errors.As(err, &h) {
		return h.Hint
	}
	return ""
}

// Denial is the error of an act that was denied, with the decision that denied it. It matches ErrDenied.
type Denial struct {
	Decision Decision
	Receipt  Receipt // nil where the denial has no leaf of its own
}

func (d *Denial) Error() string {
	if len(d.Decision.Missing) == 0 {
		return "denied: no policy permits this act"
	}
	return "denied: " + d.Decision.Missing[0]
}
func (d *Denial) Is(target error) bool { return target == ErrDenied }
