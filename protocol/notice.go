package protocol

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"tribune"
)

// Bounds of a notice.
const (
	NoticeVersion = 1
	MaxNotice     = 1 << 20 // a signed notice in bytes
	MaxAbout      = 256     // entities in one notice; more take several
	maxEntityID   = 2048
)

// NoticeKind is what has become of data that somebody was given (GDPR, articles 17(2) and 19).
type NoticeKind string

// The kinds of notice.
const (
	NoticeErased     NoticeKind = "erasure"       // they were erased here: erase them
	NoticeRectified  NoticeKind = "rectification" // some were wrong and are corrected: fetch them anew
	NoticeRestricted NoticeKind = "restriction"   // their use is restricted: stop using them
	NoticeLifted     NoticeKind = "lifted"        // the restriction has ended
)

// Notice tells one recipient what has become of data that it was given. It names them as the recipient knows them, by the entities it was
// sent, and holds no value, no pseudonym and no entry of the record: an entry carries marks, and whoever could put a name to one would know more than
// they were given.
type Notice struct {
	About    []NoticeEntity    `json:"about"` // ascending by id; none = the recipient was given data of which the hub knows class and day alone
	City     string            `json:"city"`
	Class    tribune.ClassID   `json:"class"`
	From     string            `json:"from"` // first and
	ID       string            `json:"id"`   // 16 bytes, hex: the same where a notice comes twice
	Kind     NoticeKind        `json:"kind"`
	Office   tribune.OfficeID  `json:"office"`             // that was given the data,
	Purpose  tribune.PurposeID `json:"purpose"`            // and why
	Standing string            `json:"standing,omitempty"` // the standing act under which it was told; "" = it asked
	Time     string            `json:"time"`               // TimeLayout: when the day (UTC) of the erasure or of the decision began
	Until    string            `json:"until"`              // last day (UTC) on which it was given data
	Version  int               `json:"version"`
}

// NoticeEntity is one entity with the first and the last day (UTC) on which the recipient was given something of it.
type NoticeEntity struct {
	From  string           `json:"from"`
	ID    tribune.EntityID `json:"id"`
	Until string           `json:"until"`
}

// SignedNotice is a notice as it is sent. The log's key signs it, which every trust file names: who has been handed one checks it alone.
type SignedNotice struct {
	Notice    Notice `json:"notice"`
	Signature []byte `json:"signature"` // Ed25519 over L(notice) || JCS(notice)
}

// Validate checks shape and bounds, whoever sent it.
func (n Notice) Validate() error {
	switch {
	case n.Version != NoticeVersion:
		return fmt.Errorf("%w: notice of version %d, want %d", tribune.ErrInvalid, n.Version, NoticeVersion)
	case !actID.MatchString(n.ID) || n.Standing != "" && !actID.MatchString(n.Standing):
		return fmt.Errorf("%w: an id in a notice is not 32 lower-case hex digits", tribune.ErrInvalid)
	case n.City == "" || len(n.City) > maxNameSize:
		return fmt.Errorf("%w: the notice names no city, or one of more than %d bytes", tribune.ErrInvalid, maxNameSize)
	case !slices.Contains([]NoticeKind{NoticeErased, NoticeRectified, NoticeRestricted, NoticeLifted}, n.Kind):
		return fmt.Errorf("%w: the notice says of no kind that is known what has become of the data", tribune.ErrInvalid)
	case !registered.MatchString(string(n.Class)) || !registered.MatchString(string(n.Office)) || !registered.MatchString(string(n.Purpose)):
		return fmt.Errorf("%w: class, office or purpose of a notice is not the id of a register's entry", tribune.ErrInvalid)
	case len(n.About) > MaxAbout:
		return fmt.Errorf("%w: a notice about %d entities, at most %d", tribune.ErrTooLarge, len(n.About), MaxAbout)
	}
	if err := span(n.From, n.Until); err != nil {
		return err
	}
	for i, e := range n.About {
		if e.ID == "" || len(e.ID) > maxEntityID || i > 0 && e.ID <= n.About[i-1].ID {
			return fmt.Errorf("%w: entities of a notice are named once each, in order, in at most %d bytes", tribune.ErrInvalid, maxEntityID)
		}
		if err := span(e.From, e.Until); err != nil {
			return err
		}
	}
	_, err := ParseTime(n.Time)
	return err
}

// span is two days, in order and in their one spelling.
func span(from, until string) error {
	for _, day := range []string{from, until} {
		if t, err := time.Parse(time.DateOnly, day); err != nil || t.Format(time.DateOnly) != day {
			return fmt.Errorf("%w: a day of a notice is none", tribune.ErrInvalid)
		}
	}
	if until < from {
		return fmt.Errorf("%w: days of a notice end before they begin", tribune.ErrInvalid)
	}
	return nil
}

func (n Notice) message() ([]byte, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	text, err := JCS(n)
	if err != nil {
		return nil, err
	}
	return append(Label("notice"), text...), nil
}

// Sign is the notice as it is sent, in its one encoding, signed by the log's key.
func (n Notice) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if n.About == nil {
		n.About = []NoticeEntity{}
	}
	msg, err := n.message()
	if err != nil {
		return nil, err
	}
	data, err := JCS(SignedNotice{Notice: n, Signature: ed25519.Sign(key, msg)})
	if err != nil {
		return nil, err
	}
	if len(data) > MaxNotice {
		return nil, fmt.Errorf("notice of %d bytes, at most %d: %w", len(data), MaxNotice, tribune.ErrTooLarge)
	}
	return data, nil
}

// DecodeNotice reads a signed notice, refuses anything that is not exactly what Sign writes, and checks the signature under the log's key
// (verify.Trust.LogKey).
func DecodeNotice(data []byte, key ed25519.PublicKey) (Notice, error) {
	var s SignedNotice
	if len(data) > MaxNotice {
		return s.Notice, fmt.Errorf("notice of %d bytes: %w", len(data), tribune.ErrTooLarge)
	}
	if err := DecodeJCS(data, &s); err != nil {
		return s.Notice, fmt.Errorf("notice: %w", err)
	}
	msg, err := s.Notice.message()
	if err != nil {
		return s.Notice, err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, msg, s.Signature) {
		return s.Notice, fmt.Errorf("%w: the log's key has not signed this notice", tribune.ErrInvalid)
	}
	return s.Notice, nil
}
