package guardian

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/ibe"
	"tribune/internal/guardian/ceremony"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// Citizens ask a guardian themselves (protocol 28). Each proves by an ID token of a pinned issuer who they are, and gets this guardian's shares
// of their own keys, sealed to a key of theirs. The hub is not asked and does not hear of it. What the guardian learns is who asked, and the
// pseudonym that belongs to the name.

const (
	personSeats = 16               // requests worked on at once: each costs a pairing and two multiplications
	personEvery = 10 * time.Minute // a person loses a key rarely; two requests a name and recovery
	personBurst = 12
	maxPersons  = 10_000 // people remembered; beyond it everyone's burst starts anew
	maxSpent    = 1 << 14
)

// personDesk answers people.
type personDesk struct {
	issuers []*issuer
	now     func() time.Time
	seats   chan struct{}

	mu     sync.Mutex // guards what follows
	people map[tribune.Hash]*rate.Limiter
	spent  map[tribune.Hash]time.Time // a token in a round, and until when it could be used again
}

func newPersonDesk(cfg Config) *personDesk {
	d := &personDesk{now: cfg.Now, seats: make(chan struct{}, personSeats), people: map[tribune.Hash]*rate.Limiter{}, spent: map[tribune.Hash]time.Time{}}
	for _, i := range cfg.Issuers {
		d.issuers = append(d.issuers, newIssuer(i))
	}
	return d
}

var (
	errSpent   = errors.New("the ID token has been used: log in again")
	errPeople  = fmt.Errorf("%w: too many requests by one person", tribune.ErrBusy)
	errPersons = fmt.Errorf("%w: too many people at once", tribune.ErrBusy)
)

// admit lets a token through once a round and name, and a person at a bounded rate.
func (d *personDesk) admit(path string, req protocol.PersonRequest, c claims) error {
	now := d.now()
	person := tribune.Hash(sha256.Sum256([]byte(c.Issuer + "#" + c.Subject)))
	once := tribune.Hash(sha256.Sum256(fmt.Appendf(nil, "%s\x00%q\x00%q\x00%s", path, req.Name.Type, req.Name.Name, req.Token)))
	d.mu.Lock()
	defer d.mu.Unlock()
	for used, until := range d.spent {
		if now.After(until) {
			delete(d.spent, used)
		}
	}
	switch {
	case !d.spent[once].IsZero():
		return errSpent
	case len(d.spent) >= maxSpent:
		return errPersons
	}
	l := d.people[person]
	if l == nil {
		if len(d.people) >= maxPersons {
			d.people = map[tribune.Hash]*rate.Limiter{}
		}
		l = rate.NewLimiter(rate.Every(personEvery), personBurst)
		d.people[person] = l
	}
	if !l.AllowN(now, 1) {
		return errPeople
	}
	d.spent[once] = now.Add(tokenAge + 2*tokenSkew)
	return nil
}

// personInfo answers GET /person: what somebody needs to know before they log in, and our word for the group.
func (g *Guardian) personInfo(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	keys, ok := g.ceremony.Shares()
	if !ok {
		http.Error(w, "this guardian holds no share yet: "+g.ceremony.State(), http.StatusServiceUnavailable)
		return
	}
	digest, err := wire.Digest(keys.Group)
	if err != nil {
		http.Error(w, "the group cannot be signed", http.StatusInternalServerError)
		return
	}
	info := wire.Person{Guardian: g.self.name, Issuers: []wire.PersonIssuer{}, Group: keys.Group, Signature: ed25519.Sign(g.self.key, digest[:])}
	for _, i := range g.persons.issuers {
		info.Issuers = append(info.Issuers, wire.PersonIssuer{URL: i.URL, ClientID: i.ClientID})
	}
	writeJSON(w, info)
}

// personRoutes are the public endpoints for people. Any page may call them: there is no cookie and no session, and without a token made for
// the caller's own key nothing is told.
func (g *Guardian) personRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /person", g.personInfo)
	for path, answer := range map[string]personAnswer{protocol.PersonNamePath: g.nameShare, protocol.PersonKeysPath: g.keyShares} {
		mux.HandleFunc("POST "+path, g.person(path, answer))
		mux.HandleFunc("OPTIONS "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
			w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
			w.Header().Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
		})
	}
}

type personAnswer func(keys ceremony.Keys, req protocol.PersonRequest) (protocol.PersonAnswer, error)

// person reads a request, finds out who makes it, and answers it.
func (g *Guardian) person(path string, answer personAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, protocol.MaxPersonRequest))
		if err != nil {
			http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
			return
		}
		var req protocol.PersonRequest
		if err := json.Unmarshal(body, &req); err != nil {
			http.Error(w, "the request cannot be read", http.StatusBadRequest) // without the error: it quotes
			return
		}
		select { // only now: who sends slowly must keep nobody else out
		case g.persons.seats <- struct{}{}:
			defer func() { <-g.persons.seats }()
		default:
			g.personError(w, errPersons)
			return
		}
		a, err := g.answerPerson(r.Context(), path, req, answer)
		if err != nil {
			g.personError(w, err)
			return
		}
		writeJSON(w, a)
	}
}

func (g *Guardian) personError(w http.ResponseWriter, err error) {
	var no *refusal
	switch {
	case errors.Is(err, errToken):
		http.Error(w, err.Error(), http.StatusUnauthorized)
	case errors.Is(err, errSpent):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, tribune.ErrBusy):
		w.Header().Set("Retry-After", "10")
		http.Error(w, err.Error(), http.StatusTooManyRequests)
	case errors.As(err, &no):
		http.Error(w, no.reason, http.StatusForbidden)
	case errors.Is(err, tribune.ErrInvalid), errors.Is(err, tribune.ErrTooLarge):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		http.Error(w, "this guardian cannot answer now", http.StatusInternalServerError)
	}
}

func (g *Guardian) answerPerson(ctx context.Context, path string, req protocol.PersonRequest, answer personAnswer) (protocol.PersonAnswer, error) {
	if err := req.Validate(); err != nil {
		return protocol.PersonAnswer{}, err
	}
	keys, ok := g.ceremony.Shares()
	if !ok {
		return protocol.PersonAnswer{}, refuse("this guardian holds no share yet: %s", g.ceremony.State())
	}
	c, err := g.persons.verifyToken(ctx, req)
	if err != nil {
		return protocol.PersonAnswer{}, err
	}
	if err := g.persons.admit(path, req, c); err != nil {
		return protocol.PersonAnswer{}, err
	}
	if req.Representation != nil {
		mine := func(p protocol.RepresentParty) bool { return slices.ContainsFunc(c.Names, p.Is) }
		if _, err := g.representing(ctx, req, askFor, mine); err != nil {
			return protocol.PersonAnswer{}, err
		}
	}
	return answer(keys, req)
}

// nameShare is the first round: our share of y for the name.
func (g *Guardian) nameShare(keys ceremony.Keys, req protocol.PersonRequest) (protocol.PersonAnswer, error) {
	share, err := ibe.NewNameShare(keys.Name)
	if err != nil {
		return protocol.PersonAnswer{}, fmt.Errorf("reading our share: %w", err)
	}
	defer share.Wipe()
	point, err := ibe.NamePoint(protocol.NameInput(g.cfg.City, req.Name.Type, req.Name.Name))
	if err != nil {
		return protocol.PersonAnswer{}, err
	}
	part, err := ibe.EvaluateBlinded(share, point)
	if err != nil {
		return protocol.PersonAnswer{}, err
	}
	return g.sealPerson(protocol.PersonNamePath, keys, req, part)
}

// keyShares is the second round: y is checked, and answered with our shares of the trace identity, and of hidden chains that are over.
func (g *Guardian) keyShares(keys ceremony.Keys, req protocol.PersonRequest) (protocol.PersonAnswer, error) {
	master, err := ibe.NewNameMaster(keys.Group.Name.Key)
	if err != nil {
		return protocol.PersonAnswer{}, fmt.Errorf("reading the city's key: %w", err)
	}
	if err := master.VerifyName(protocol.NameInput(g.cfg.City, req.Name.Type, req.Name.Name), req.Y); err != nil {
		return protocol.PersonAnswer{}, err
	}
	p := protocol.PseudonymOf(req.Name.Type, req.Y)
	if err := sameWard(req, p); err != nil {
		return protocol.PersonAnswer{}, err
	}
	open := slices.DeleteFunc(slices.Clone(req.Quarters), func(q uint32) bool {
		return g.cfg.Now().Before(g.hidden.Until(g.cfg.City, tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p, Quarter: q}))
	})
	ids := protocol.PersonIdentities(p, open)
	raw := make([][]byte, len(ids))
	for i, id := range ids {
		raw[i] = id.Bytes(g.cfg.City)
	}
	share, err := ibe.NewSealShare(keys.Seal)
	if err != nil {
		return protocol.PersonAnswer{}, fmt.Errorf("reading our share: %w", err)
	}
	defer share.Wipe()
	parts, err := ibe.PartialKeys(share, raw)
	if err != nil {
		return protocol.PersonAnswer{}, err
	}
	a, err := g.sealPerson(protocol.PersonKeysPath, keys, req, slices.Concat(parts...))
	if err != nil {
		return a, err
	}
	a.Quarters = open
	a.Statement = &protocol.PersonStatement{
		Guardian: g.self.name, Epoch: a.Epoch, Time: g.cfg.Now().Unix(), Recipient: sha256.Sum256(req.Recipient), IDs: protocol.HashIDs(g.cfg.City, []protocol.Subject{{IDs: ids}}),
	}
	a.Statement.Sign(g.self.key)
	return a, nil
}

func (g *Guardian) sealPerson(path string, keys ceremony.Keys, req protocol.PersonRequest, shares []byte) (protocol.PersonAnswer, error) {
	defer clear(shares)
	a := protocol.PersonAnswer{Guardian: g.self.name, Epoch: keys.Group.Epoch}
	var err error
	a.Box, err = protocol.SealPerson(req.Recipient, path, a.Guardian, a.Epoch, shares)
	return a, err
}
