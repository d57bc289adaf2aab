package protocol

import (
	"crypto/ed25519"
	"fmt"
	"regexp"
	"time"

	"tribune"
)

// Bounds of a consent.
const (
	ConsentVersion = 1
	MaxConsent     = 8 << 10              // a signed consent in bytes
	MaxConsents    = 64                   // that one act may rest on
	MaxConsentFor  = 366 * 24 * time.Hour // nobody consents for longer: a consent that nobody remembers is none
)

// Consent is one person's permission to use one class of their data for one purpose by one office, until an end. Its JCS is what
// the person's own key signs. With Withdrawn it is the withdrawal of the consent of that ID, which permits nothing.
type Consent struct {
	City      string            `json:"city"`  // of the guardians' group: a consent given elsewhere counts nowhere else
	Class     tribune.ClassID   `json:"class"` // of data
	From      string            `json:"from"`  // TimeLayout, when it was given; inclusive
	ID        string            `json:"id"`    // 16 random bytes, hex
	Purpose   tribune.PurposeID `json:"purpose"`
	Recipient tribune.OfficeID  `json:"recipient"` // the office that may use the data
	Subject   tribune.Pseudonym `json:"subject"`
	Until     string            `json:"until"` // TimeLayout, exclusive
	Version   int               `json:"version"`
	Withdrawn string            `json:"withdrawn,omitempty"` // TimeLayout; "" = given
}

// SignedConsent is a consent as evidence carries it: with the signature of its subject's key and what shows whose key that is, so
// that whoever holds the city's trust can check it without asking anybody. Appointment, salt and leaf index are as in
// tribune.Evidence, and are checked alike.
type SignedConsent struct {
	Appointment      []byte  `json:"appointment"`      // of the key, bound to the subject, signed by the council
	AppointmentIndex uint64  `json:"appointmentIndex"` // of its leaf in the record
	AppointmentSalt  []byte  `json:"appointmentSalt"`  // opens that leaf's com
	Consent          Consent `json:"consent"`
	Signature        []byte  `json:"signature"` // Ed25519 over L(consent) || JCS(consent)
}

// registered is the shape of what stands in a register.
var registered = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Span reads when the consent begins and ends.
func (c Consent) Span() (from, until time.Time, err error) {
	if from, err = ParseTime(c.From); err != nil {
		return from, until, fmt.Errorf("beginning of a consent: %w", err)
	}
	if until, err = ParseTime(c.Until); err != nil {
		return from, until, fmt.Errorf("end of a consent: %w", err)
	}
	return from, until, nil
}

// Validate checks shape and bounds, whoever sent it.
func (c Consent) Validate() error {
	if c.Version != ConsentVersion {
		return fmt.Errorf("%w: consent of version %d, want %d", tribune.ErrInvalid, c.Version, ConsentVersion)
	}
	if !actID.MatchString(c.ID) {
		return fmt.Errorf("%w: the consent's id is not 32 lower-case hex digits", tribune.ErrInvalid)
	}
	if c.City == "" || len(c.City) > maxNameSize {
		return fmt.Errorf("%w: the consent names no city, or one of more than %d bytes", tribune.ErrInvalid, maxNameSize)
	}
	for what, id := range map[string]string{"purpose": string(c.Purpose), "class": string(c.Class), "recipient": string(c.Recipient)} {
		if !registered.MatchString(id) {
			return fmt.Errorf("%w: the consent's %s is not the id of a register's entry", tribune.ErrInvalid, what)
		}
	}
	from, until, err := c.Span()
	if err != nil {
		return err
	}
	if !until.After(from) || until.Sub(from) > MaxConsentFor {
		return fmt.Errorf("%w: a consent lasts from more than nothing to %d days", tribune.ErrInvalid, MaxConsentFor/(24*time.Hour))
	}
	if c.Withdrawn == "" {
		return nil
	}
	at, err := ParseTime(c.Withdrawn)
	if err != nil {
		return fmt.Errorf("withdrawal of a consent: %w", err)
	}
	if at.Before(from) {
		return fmt.Errorf("%w: the consent is withdrawn before it is given", tribune.ErrInvalid)
	}
	return nil
}

// Message is L(consent) || JCS(consent), what the subject's key signs.
func (c Consent) Message() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	text, err := JCS(c)
	if err != nil {
		return nil, err
	}
	return append(Label("consent"), text...), nil
}

// Sign signs the consent with its subject's key.
func (c Consent) Sign(key ed25519.PrivateKey) ([]byte, error) {
	msg, err := c.Message()
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(key, msg), nil
}

// Permits reports whether the consent lets an office use a class of this person's data for a purpose at a time. A withdrawal
// permits nothing. Who signed is Verify's question.
func (c Consent) Permits(subject tribune.Pseudonym, class tribune.ClassID, purpose tribune.PurposeID, office tribune.OfficeID, at time.Time) bool {
	from, until, err := c.Span()
	return err == nil && c.Validate() == nil && c.Withdrawn == "" && c.Subject == subject && c.Class == class && c.Purpose == purpose &&
		c.Recipient == office && !at.Before(from) && at.Before(until)
}

// Verify checks the signature under the key that the appointment gives to the consent's subject. Whether that appointment is the
// council's, is of this subject, was in force when the consent was given, and stands on record is for the caller to check: the
// law says who the council is.
func (s SignedConsent) Verify(key ed25519.PublicKey) error {
	msg, err := s.Consent.Message()
	if err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, msg, s.Signature) {
		return fmt.Errorf("%w: the signature does not fit the consent", tribune.ErrInvalid)
	}
	return nil
}

// Encode is the signed consent's JCS, bounded by MaxConsent.
func (s SignedConsent) Encode() ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	data, err := JCS(s)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxConsent {
		return nil, fmt.Errorf("consent of %d bytes, at most %d: %w", len(data), MaxConsent, tribune.ErrTooLarge)
	}
	return data, nil
}

func (s SignedConsent) validate() error {
	if len(s.Signature) != ed25519.SignatureSize || len(s.Appointment) == 0 || len(s.AppointmentSalt) != SaltSize || s.AppointmentIndex > 1<<53-1 {
		return fmt.Errorf("%w: the consent lacks its signature, the appointment of the key that signed it, or where that is on record", tribune.ErrInvalid)
	}
	return s.Consent.Validate()
}

// DecodeConsent reads a signed consent and refuses anything that is not exactly what Encode writes. It checks no signature.
func DecodeConsent(data []byte) (SignedConsent, error) {
	var s SignedConsent
	if len(data) > MaxConsent {
		return s, fmt.Errorf("consent of %d bytes, at most %d: %w", len(data), MaxConsent, tribune.ErrTooLarge)
	}
	if err := DecodeJCS(data, &s); err != nil {
		return s, fmt.Errorf("consent: %w", err)
	}
	if err := s.validate(); err != nil {
		return s, fmt.Errorf("consent: %w", err)
	}
	return s, nil
}
