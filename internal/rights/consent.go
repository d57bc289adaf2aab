package rights

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// draftFor is how long a text that a page has offered may be signed.
const draftFor = 30 * time.Minute

// The states of a consent, with the terms of the W3C Data Privacy Vocabulary.
const (
	ConsentGiven     = "given"     // dpv:ConsentGiven
	ConsentRefused   = "refused"   // dpv:ConsentRefused
	ConsentWithdrawn = "withdrawn" // dpv:ConsentWithdrawn
	ConsentExpired   = "expired"   // dpv:ConsentExpired
)

// ConsentRecord is what a person answered when they were asked, as it rests.
type ConsentRecord struct {
	ID        string            `json:"id"`
	Owner     tribune.Hash      `json:"owner"`
	Subject   tribune.Pseudonym `json:"subject"`
	NameType  string            `json:"nameType"`
	Name      string            `json:"name"`
	Purpose   tribune.PurposeID `json:"purpose"`
	Class     tribune.ClassID   `json:"class"`
	Recipient tribune.OfficeID  `json:"recipient"`
	Asked     time.Time         `json:"asked"` // when it was answered
	From      time.Time         `json:"from,omitzero"`
	Until     time.Time         `json:"until,omitzero"`
	Withdrawn time.Time         `json:"withdrawn,omitzero"`
	Signed    []byte            `json:"signed,omitempty"` // protocol.SignedConsent; nil = the answer was no
	Language  string            `json:"language"`         // in which it was asked
}

// State is where it stands.
func (c *ConsentRecord) State(now time.Time) string {
	switch {
	case c.Signed == nil:
		return ConsentRefused
	case !c.Withdrawn.IsZero():
		return ConsentWithdrawn
	case !now.Before(c.Until):
		return ConsentExpired
	}
	return ConsentGiven
}

func (c *ConsentRecord) about(p Person, a Ask) bool {
	return c.Owner == p.Owner && c.Subject == p.Subject && c.Purpose == a.Purpose && c.Class == a.Class && c.Recipient == a.Recipient
}

// Signer is a person's own key, with the appointment that makes it theirs.
type Signer struct {
	Subject     *tribune.Pseudonym // to whom it is bound
	Key         ed25519.PublicKey
	Appointment []byte
	Salt        []byte
	Index       uint64
}

// Asked is one person's answer to one question in one language, about one name of theirs.
type Asked struct {
	Person
	Ask
	NameType, Name string
	Language       string
}

func (r *Room) readConsents(ctx context.Context) error {
	return r.scan(ctx, rowConsent, func(id string, wrapped []byte) error {
		c := new(ConsentRecord)
		if err := r.unwrap(rowConsent, id, wrapped, c); err != nil {
			return err
		}
		if c.ID != id {
			return &tribune.IntegrityError{What: "a consent", Err: tribune.ErrInvalid}
		}
		r.hold(c)
		return nil
	})
}

// Draft is the consent that a page offers for signing. Nothing is kept of it.
func (r *Room) Draft(p Person, a Ask) protocol.Consent {
	now := r.cfg.Now().UTC().Truncate(time.Millisecond)
	return protocol.Consent{
		City: r.cfg.City, Class: a.Class, From: protocol.Time(now), ID: protocol.NewID(), Purpose: a.Purpose, Recipient: a.Recipient,
		Subject: p.Subject, Until: protocol.Time(a.Until(now)), Version: protocol.ConsentVersion,
	}
}

// Give takes a consent: the text of a Draft, signed by its subject's own key. When it returns it is durable and in force.
func (r *Room) Give(ctx context.Context, a Asked, key Signer, text, signature []byte) (*ConsentRecord, error) {
	c, err := r.readDraft(a, text)
	if err != nil {
		return nil, err
	}
	if key.Subject == nil || *key.Subject != a.Subject {
		return nil, fmt.Errorf("%w: the key is not appointed to whom the consent is about", tribune.ErrDenied)
	}
	signed := protocol.SignedConsent{Appointment: key.Appointment, AppointmentIndex: key.Index, AppointmentSalt: key.Salt, Consent: c, Signature: signature}
	if err := signed.Verify(key.Key); err != nil {
		return nil, err
	}
	doc, err := signed.Encode()
	if err != nil {
		return nil, err
	}
	from, until, err := c.Span()
	if err != nil {
		return nil, err
	}
	return r.answerAsk(ctx, a, &ConsentRecord{ID: c.ID, From: from, Until: until, Signed: doc})
}

// readDraft reads what was signed and holds it against what was asked.
func (r *Room) readDraft(a Asked, text []byte) (c protocol.Consent, err error) {
	if len(text) > protocol.MaxConsent {
		return c, fmt.Errorf("consent of %d bytes: %w", len(text), tribune.ErrTooLarge)
	}
	if err := protocol.DecodeJCS(text, &c); err != nil {
		return c, fmt.Errorf("consent: %w", err)
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	from, until, err := c.Span()
	if err != nil {
		return c, err
	}
	now := r.cfg.Now()
	switch {
	case c.City != r.cfg.City || c.Subject != a.Subject || c.Purpose != a.Purpose || c.Class != a.Class || c.Recipient != a.Recipient || c.Withdrawn != "" || !until.Equal(a.Until(from).Truncate(time.Millisecond)):
		return c, fmt.Errorf("%w: it is not what was asked", tribune.ErrInvalid)
	case now.Sub(from) > draftFor || from.Sub(now) > time.Minute:
		return c, tribune.Hint(fmt.Errorf("%w: the question was asked too long ago", tribune.ErrExpired), "Open the page again.")
	}
	return c, nil
}

// Refuse notes a no, so that nobody asks again. It needs no signature.
func (r *Room) Refuse(ctx context.Context, a Asked) (*ConsentRecord, error) {
	return r.answerAsk(ctx, a, &ConsentRecord{ID: protocol.NewID()})
}

// answerAsk keeps an answer. An earlier no to the same question is replaced by it.
func (r *Room) answerAsk(ctx context.Context, a Asked, c *ConsentRecord) (*ConsentRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now().UTC()
	mine, old := 0, ""
	for id, o := range r.consents {
		if o.Owner == a.Owner {
			mine++
		}
		if !o.about(a.Person, a.Ask) {
			continue
		}
		switch o.State(now) {
		case ConsentGiven:
			return nil, tribune.Hint(fmt.Errorf("%w: you have agreed to this already", tribune.ErrConflict), "You can withdraw it at any time.")
		case ConsentRefused:
			old = id
		}
	}
	if old == "" && (mine >= maxOfPerson || len(r.consents) >= maxAllConsent) {
		return nil, tribune.Hint(fmt.Errorf("%w: too many answers are kept", tribune.ErrBusy), "What was not agreed to stays forbidden.")
	}
	c.Owner, c.Subject, c.NameType, c.Name, c.Language, c.Asked = a.Owner, a.Subject, a.NameType, a.Name, a.Language, now
	c.Purpose, c.Class, c.Recipient = a.Purpose, a.Class, a.Recipient
	if err := r.write(ctx, rowConsent, c.ID, c, true); err != nil {
		return nil, err
	}
	r.hold(c)
	if old != "" {
		if err := r.drop(ctx, rowConsent, old); err != nil {
			return nil, err
		}
		r.forget(r.consents[old])
	}
	return c, nil
}

// Withdraw ends a consent of this person. No act rests on it from the moment it is called; when it returns that is durable.
func (r *Room) Withdraw(ctx context.Context, owner tribune.Hash, id string) (*ConsentRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.consents[id]
	if c == nil || c.Owner != owner {
		return nil, fmt.Errorf("%w: there is no such consent of yours", tribune.ErrNotFound)
	}
	now, ended := r.cfg.Now().UTC(), *c
	switch c.State(now) {
	case ConsentGiven:
		ended.Withdrawn = now
	case ConsentWithdrawn: // once more, for the store may have failed the first time
	default:
		return nil, fmt.Errorf("%w: it is not in force any more", tribune.ErrConflict)
	}
	r.consents[id] = &ended // first: where the store fails it is better not to count than to count
	if err := r.write(ctx, rowConsent, id, &ended, false); err != nil {
		return nil, err
	}
	return &ended, nil
}

// Consent is one answer of a person's.
func (r *Room) Consent(owner tribune.Hash, id string) (*ConsentRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.consents[id]
	if c == nil || c.Owner != owner {
		return nil, fmt.Errorf("%w: there is no such consent of yours", tribune.ErrNotFound)
	}
	return c, nil
}

// Answers are all answers of a person, the newest first.
func (r *Room) Answers(owner tribune.Hash) (all []*ConsentRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.consents {
		if c.Owner == owner {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *ConsentRecord) int { return cmp.Or(b.Asked.Compare(a.Asked), cmp.Compare(a.ID, b.ID)) })
	return all
}
