package city

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/login"
	"tribune/internal/portal"
	"tribune/internal/web"
	"tribune/policy"
)

// Keys that people's browsers hold. A browser makes a key and asks for its appointment: an officer's to the office that
// their account names, anyone else's to the office of data subjects, bound to their own pseudonym. The request rests in
// DIR/hub/requests as the text that the council signs; signed, it lies among the appointments as any other does. In a
// demo the council's key is on this machine and signs at once, and pages say so.
//
// The text holds a pseudonym. Whose it is rests beside it, wrapped under the epoch key, and nothing in the clear follows from
// it: whoever has a backup could else try every plate and login until one fits.

const (
	dataSubject     tribune.OfficeID = "data-subject"
	browserKeyFor                    = 30 * 24 * time.Hour // a browser's key ends by itself; making a new one takes a minute
	freshFor                         = 15 * time.Minute    // as for a passkey: a stolen cookie must not become a key for a month
	maxKeysOfPerson                  = 5                   // browsers in force at once
	maxRequests                      = 5000                // files in the folder, those of ended keys not counted
)

// browserKeys registers them.
type browserKeys struct {
	hub       *Hub
	sign      func(text string) ([]byte, error) // by the council, at once; nil = elsewhere
	wrapper   func() wrapper                    // nil until the vault is open
	pseudonym func(context.Context, web.PersonName) (tribune.Pseudonym, error)

	mu    sync.Mutex                     // one request at a time: it guards the folder, and what follows
	known map[tribune.ActorID]keyRequest // the folder, once it was read
}

func newBrowserKeys(h *Hub) *browserKeys {
	return &browserKeys{hub: h, pseudonym: own{h}.pseudonym, wrapper: func() wrapper {
		if v := h.vault.vault.Load(); v != nil {
			return v
		}
		return nil
	}}
}

func (b *browserKeys) AtOnce() bool { return b.sign != nil }

// owner names a session's person.
func owner(s *web.Session) tribune.Hash { return sha256.Sum256([]byte("browser key of " + s.Subject)) }

// newActor is a name under which a browser's key acts. It is random: nothing of whose it is follows from it.
func newActor(s *web.Session) tribune.ActorID {
	random := make([]byte, 8)
	rand.Read(random) // never fails
	prefix := "person"
	if s.Office != "" {
		prefix = string(s.Actor) + "-browser"
	}
	return tribune.ActorID(prefix + "-" + hex.EncodeToString(random))
}

// Request asks for the appointment of a key.
func (b *browserKeys) Request(ctx context.Context, s *web.Session, key []byte) ([]portal.BrowserKey, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: an Ed25519 public key has %d bytes, this one %d", tribune.ErrInvalid, ed25519.PublicKeySize, len(key))
	}
	if s.Method != login.MethodOpenID || b.hub.now().Sub(s.Began) >= freshFor {
		return nil, tribune.Hint(fmt.Errorf("%w: a new key needs a fresh login with your provider", tribune.ErrDenied), "Log in with the provider, and make the key within %d minutes.", freshFor/time.Minute)
	}
	names, until := s.Names, b.hub.now().Add(browserKeyFor)
	if s.Office != "" {
		end, err := b.holds(s)
		if err != nil {
			return nil, err
		}
		if end.Before(until) {
			until = end // a browser's key outlives nobody's office
		}
		names = []web.PersonName{{}}
	}
	if len(names) == 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: no name of yours is known that data are filed under", tribune.ErrUnsupported), "Whoever vouches for you can add one, such as a number plate.")
	}
	papers := make([]paper, len(names))
	for i, name := range names {
		papers[i].name = name
		if s.Office != "" {
			continue
		}
		if _, ok := b.hub.gate.Set().Office(dataSubject); !ok {
			return nil, tribune.Hint(fmt.Errorf("%w: this city's law has no office %s", tribune.ErrUnsupported, dataSubject), "Its data can be asked for in writing.")
		}
		p, err := b.pseudonym(ctx, name)
		if err != nil {
			return nil, err
		}
		papers[i].subject = fmt.Sprintf("subject = %q\n", p)
	}
	if err := b.request(s, key, papers, until); err != nil {
		return nil, err
	}
	// Guardians are asked before and after, not while others wait for the folder.
	if b.sign != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishFor)
		defer cancel()
		if err := b.hub.reload(ctx); err != nil {
			return nil, fmt.Errorf("putting a browser's key on record: %w", err)
		}
	}
	return b.List(ctx, s)
}

// paper is what an appointment will say besides the key: for which name, and the line that binds it to a pseudonym.
type paper struct {
	name    web.PersonName
	subject string
}

func (b *browserKeys) request(s *web.Session, key []byte, papers []paper, until time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wrapper() == nil {
		return errNoKeys
	}
	all, err := b.read()
	if err != nil {
		return err
	}
	others := 0
	for _, q := range all {
		if q.Owner == owner(s) && string(q.Key) != string(key) {
			others++
		}
	}
	if others >= maxKeysOfPerson*len(papers) || len(all) >= maxRequests {
		return tribune.Hint(fmt.Errorf("%w: too many browser keys", tribune.ErrBusy), "Keys end by themselves after %d days.", browserKeyFor/(24*time.Hour))
	}
	for _, p := range papers {
		if err := b.write(s, key, p, until); err != nil {
			return err
		}
	}
	return nil
}

// holds says until when the person's own appointment to the office is in force. An account alone makes nobody an officer.
func (b *browserKeys) holds(s *web.Session) (until time.Time, err error) {
	now := b.hub.now()
	for _, a := range b.hub.gate.Appointments() {
		if a.Actor == s.Actor && a.Office == s.Office && !now.Before(a.From) && now.Before(a.Until) {
			return a.Until, nil
		}
	}
	return until, tribune.Hint(fmt.Errorf("%w: no appointment of yours to the office %s is in force", tribune.ErrDenied, s.Office), "The council appoints officers.")
}

func (b *browserKeys) write(s *web.Session, key []byte, p paper, until time.Time) error {
	now := b.hub.now().UTC()
	q := keyRequest{Owner: owner(s), For: p.name, Actor: newActor(s), Office: s.Office, Key: key, Until: until.UTC().Truncate(24 * time.Hour)}
	for actor, old := range b.known {
		if old.Owner == q.Owner && old.For == p.name && string(old.Key) == string(key) {
			q.Actor = actor // asked for again
		}
	}
	if s.Office == "" {
		q.Office = dataSubject
	}
	text := fmt.Sprintf("actor = %q\noffice = %q\nkey = %q\n%sfrom = %s\nuntil = %s\n",
		q.Actor, q.Office, base64.StdEncoding.EncodeToString(key), p.subject, now.Format(time.DateOnly), q.Until.Add(-time.Second).Format(time.DateOnly))
	// Signed, it lies in the law's folder, where a paper that cannot be read stops the whole hub.
	if _, bad := policy.AppointmentText("request", text); len(bad) > 0 {
		return tribune.Hint(fmt.Errorf("%w: of this account no appointment can be written", tribune.ErrUnsupported), "Its actor's name may be too long, or the appointment to its office may end today.")
	}
	if err := b.keep(q, text); err != nil {
		return fmt.Errorf("keeping a request: %w", err)
	}
	if b.sign == nil {
		return nil
	}
	document, err := b.sign(text)
	if err != nil {
		return fmt.Errorf("signing an appointment: %w", err)
	}
	if err := writeFile(b.appointment(q.Actor), document, 0o600); err != nil {
		return fmt.Errorf("keeping an appointment: %w", err)
	}
	return nil
}

// List is the person's keys, those that have not ended.
func (b *browserKeys) List(_ context.Context, s *web.Session) ([]portal.BrowserKey, error) {
	b.mu.Lock()
	all, err := b.read()
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	appointed := b.hub.gate.Appointments()
	_, err = b.holds(s)
	held := err == nil
	var mine []portal.BrowserKey
	for _, q := range all {
		if q.Owner != owner(s) {
			continue
		}
		k := portal.BrowserKey{Actor: q.Actor, Office: q.Office, Key: q.Key, Until: q.Until, State: "requested"}
		if s.Office == "" && q.For != (web.PersonName{}) && slices.Contains(s.Names, q.For) { // a name of theirs no more is nobody's here
			k.For = q.For
		}
		for _, a := range appointed {
			if a.Actor == q.Actor && string(a.Key) == string(q.Key) {
				k.State, k.Until = "signed", a.Until
				if a.Recorded {
					k.State, k.Leaf = "on record", a.Index
				}
			}
		}
		if s.Office != "" && !held {
			k.State = "ended" // with the appointment that it rests on
		}
		if k.State == "requested" {
			if k.Paper, err = b.text(q.Actor); err != nil {
				return nil, fmt.Errorf("reading a request: %w", err)
			}
		}
		mine = append(mine, k)
	}
	return mine, nil
}

var _ portal.Keys = (*browserKeys)(nil)
