package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"tribune"
	"tribune/internal/portal"
	"tribune/internal/rights"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// Who may act for whom. POST /representations takes a representation that its issuer has signed, and puts it on record; POST /representations/end
// its end; POST /representations/key, with the document and a recipient key, puts on record that the ward's trace key is asked for, and returns what
// guardians want to see. All three are public: documents are signed, and nobody knows of one who was not given it. Pages use the same by Do.

// representatives lets one grant or end be put on record at a time: each stands there once.
type representatives struct {
	hub *Hub
	one sync.Mutex
}

const maxKeyAsked = 16 << 10

func (h *Hub) representations(mux *http.ServeMux) {
	r := h.acting
	for path, take := range map[string]func(context.Context, []byte) (any, error){
		"/representations": r.grant, "/representations/end": r.end, "/representations/key": r.key,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxKeyAsked))
			var answer any
			if err == nil {
				answer, err = take(req.Context(), body)
			}
			if err != nil {
				h.problems.Write(w, req, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(answer)
		})
	}
}

// represented is what the first two answer.
type represented struct {
	Mark  tribune.Hash `json:"mark"`
	Index uint64       `json:"index"`
}

// open is what both the way and the room need; before the guardians' keys exist nobody acts for anybody.
func (r *representatives) open() (*way.Way, *rights.Room, error) {
	w := r.hub.way.Load()
	if w == nil {
		return nil, nil, errNoKeys
	}
	room, err := r.hub.citizens.Room()
	return w, room, err
}

func (r *representatives) grant(ctx context.Context, document []byte) (any, error) {
	doc, text, issuer, err := r.hub.gate.Set().Representation(document)
	if err != nil {
		return nil, err
	}
	if _, until := doc.Span(); !r.hub.now().Before(until) {
		return nil, fmt.Errorf("%w: the representation is over", tribune.ErrExpired)
	}
	w, room, err := r.open()
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // what is on record must be known here, whoever hangs up
	r.one.Lock()
	defer r.one.Unlock()
	mark := protocol.RepresentationMark(text)
	if known, err := room.Representation(mark); err == nil {
		return represented{mark, known.Deeds[0].Leaf}, nil
	}
	if err := room.HasRoom(); err != nil {
		return nil, err
	}
	p := &rights.Representation{Mark: mark, Document: document, Issuer: issuer}
	if p.Ward, err = r.pseudonym(ctx, doc.Ward); err == nil {
		p.Representative, err = r.pseudonym(ctx, doc.Representative)
	}
	if err != nil {
		return nil, err
	}
	deed, err := r.record(ctx, w, p, protocol.DeedGrant, issuer, "", nil)
	if err != nil {
		return nil, err
	}
	p.Deeds = []rights.Deed{deed.Deed}
	if err := room.Granted(ctx, p); err != nil {
		return nil, err
	}
	return represented{mark, deed.Leaf}, nil
}

func (r *representatives) pseudonym(ctx context.Context, p protocol.RepresentParty) (tribune.Pseudonym, error) {
	return own{r.hub}.pseudonym(ctx, web.PersonName{Type: p.Type, Name: protocol.NormalName(p.Type, p.Name)})
}

func (r *representatives) end(ctx context.Context, document []byte) (any, error) {
	e, issuer, err := r.hub.gate.Set().RepresentationEnd(document)
	if err != nil {
		return nil, err
	}
	w, room, err := r.open()
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	r.one.Lock()
	defer r.one.Unlock()
	p, err := room.Representation(e.Mark)
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: no representation with this mark", tribune.ErrNotFound),
			"If it was never put on record, put it there first and then its end: from then on nobody can have it begin.")
	}
	if err := room.Halt(ctx, e.Mark); err != nil { // the record may have to wait for guardians
		return nil, fmt.Errorf("ending a representation: %w", err)
	}
	if !p.Ended.IsZero() {
		for _, d := range p.Deeds {
			if d.Deed == protocol.DeedEnd {
				return represented{e.Mark, d.Leaf}, nil
			}
		}
	}
	deed, err := r.record(ctx, w, p, protocol.DeedEnd, issuer, "", nil)
	if err != nil {
		return nil, err
	}
	return represented{e.Mark, deed.Leaf}, room.Noted(ctx, e.Mark, deed.Deed)
}

// key puts on record that a ward's trace key is asked for, for one recipient. Whoever shows the document may have that done: without the
// representative's login, or their papers, no guardian gives a share.
func (r *representatives) key(ctx context.Context, body []byte) (any, error) {
	var asked struct {
		Document  []byte `json:"document"`
		Recipient []byte `json:"recipient"`
	}
	if json.Unmarshal(body, &asked) != nil || len(asked.Recipient) != 32 {
		return nil, tribune.Hint(fmt.Errorf("%w: the request cannot be read", tribune.ErrInvalid), `Send {"document": "...", "recipient": "..."}, both in base64.`)
	}
	doc, text, _, err := r.hub.gate.Set().Representation(asked.Document)
	if err != nil {
		return nil, err
	}
	who := protocol.PersonName{Type: doc.Representative.Type, Name: doc.Representative.Name}
	deed, err := r.do(ctx, []protocol.PersonName{who}, protocol.RepresentationMark(text), protocol.ScopeKey, protocol.DeedKey, "", asked.Recipient)
	if err != nil {
		return nil, err
	}
	return protocol.RepresentationProof{Document: asked.Document, Index: deed.Leaf, Private: deed.Private, Salt: deed.Salt, Statements: deed.Statements}, nil
}

// done is a deed on record with what guardians want to see of it.
type done struct {
	rights.Deed
	way.Done
}

// do puts on record what a representative is about to do, if they may, and notes it for both to see.
func (r *representatives) do(ctx context.Context, names []protocol.PersonName, mark tribune.Hash, scope, deed, what string, recipient []byte) (done, error) {
	w, room, err := r.open()
	if err != nil {
		return done{}, err
	}
	p, err := room.Acting(names, mark, scope)
	if err != nil {
		return done{}, err
	}
	// Whose key the law does not know any more has no representatives either.
	if _, _, _, err := r.hub.gate.Set().Representation(p.Document); err != nil {
		return done{}, fmt.Errorf("the representation does not count any more: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	d, err := r.record(ctx, w, p, deed, "", what, recipient)
	if err != nil {
		return done{}, err
	}
	if err := room.Noted(ctx, mark, d.Deed); err != nil {
		return done{}, err
	}
	// It may have ended while its entry was on its way: then what the entry announces does not happen.
	if now, err := room.Representation(mark); err != nil || !now.InForce(r.hub.now()) {
		return done{}, fmt.Errorf("%w: the representation has just ended", tribune.ErrExpired)
	}
	return d, nil
}

func (r *representatives) record(ctx context.Context, w *way.Way, p *rights.Representation, deed, by, what string, recipient []byte) (done, error) {
	public := protocol.Represented{Deed: deed, By: by}
	if by != "" {
		public.Mark = &p.Mark
	}
	note := protocol.RepresentNote{Deed: deed, Mark: p.Mark, What: what}
	if recipient != nil {
		sum := protocol.HashRecipient(recipient)
		note.Recipient = &sum
	}
	d, err := w.Represent(ctx, way.Deed{Ward: p.Ward, Representative: p.Representative, Public: public, Note: note})
	if err != nil {
		return done{}, fmt.Errorf("putting on record what a representative does: %w", err)
	}
	return done{rights.Deed{At: r.hub.now().UTC(), Deed: deed, What: what, Leaf: d.Index}, d}, nil
}

// personNames are a session's, as documents say them.
func personNames(s *web.Session) (names []protocol.PersonName) {
	for _, n := range s.Names {
		names = append(names, protocol.PersonName{Type: n.Type, Name: n.Name})
	}
	return names
}

// Of implements portal.Representatives.
func (r *representatives) Of(s *web.Session) (acting, ward []*rights.Representation, err error) {
	room, err := r.hub.citizens.Room()
	if err != nil {
		return nil, nil, err
	}
	acting, ward = room.Representations(personNames(s))
	return acting, ward, nil
}

// Do implements portal.Representatives.
func (r *representatives) Do(ctx context.Context, s *web.Session, mark tribune.Hash, scope, deed, what string) (uint64, error) {
	d, err := r.do(ctx, personNames(s), mark, scope, deed, what, nil)
	return d.Leaf, err
}

// DeedAt implements portal.Representatives.
func (r *representatives) DeedAt(leaf uint64) (*rights.Representation, rights.Deed, bool) {
	room, err := r.hub.citizens.Room()
	if err != nil {
		return nil, rights.Deed{}, false
	}
	return room.DeedAt(leaf)
}

// Uses implements portal.Representatives: the ward's, and whether anything was ever held of them.
func (r *representatives) Uses(ctx context.Context, p *rights.Representation) ([]portal.Use, error) {
	name := web.PersonName{Type: p.Doc.Ward.Type, Name: protocol.NormalName(p.Doc.Ward.Type, p.Doc.Ward.Name)}
	uses, err := own{r.hub}.Uses(ctx, name)
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, nil
	}
	return uses, err
}

var _ portal.Representatives = (*representatives)(nil)
