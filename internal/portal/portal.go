// Package portal is the city's pages, for people: what is measured, every act of power or use of personal data as it stands
// on record, the registers that decide about both, a person's own data, and what is not covered.
//
// Pages are rendered on the server and work without a script; scripts (assets/src/*.ts, bundled into assets/dist) add a
// map, charts, live values, checking of receipts in the browser and signing with a key that the browser holds. There is no
// third-party request, and no cookie before somebody logs in.
//
// How it is laid out:
//
//	portal.go   configuration and the seams to the rooms whose data are shown
//	frame.go    what all pages share: routing, language, layout, errors, headers
//	words.go    the catalogue of languages: English stands in the pages, other languages in words/LANGUAGE/*.json
//	assets.go   style sheet and scripts
//	pages/      templates; layout.html holds the frame, pieces.html what several pages use
//
// Every page stands under its path in the reader's language, and under /en/... and /de/... as a permalink in one language.
//
// It shows only what any visitor may read, but for the pages of a session (web.SessionOf): their data come through Own and
// Ask, which take the one way.
package portal

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/record"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/web"
	"tribune/policy"
	"tribune/protocol"
)

// Twin finds entities; sealed attributes stay sealed.
type Twin interface {
	Find(ctx context.Context, q twin.Query) (twin.Page, error)
	Get(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID) (twin.View, error)
	History(ctx context.Context, q twin.TemporalQuery) (model.Entity, error)
}

// Record is the log. Checkpoint is the signed note that is published now.
type Record interface {
	Published() uint64
	Range(ctx context.Context, from uint64) iter.Seq2[record.Entry, error]
	Leaf(ctx context.Context, index uint64) ([]byte, error)
	Receipt(ctx context.Context, index uint64, withLeaf bool) (tribune.Receipt, error)
	Checkpoint() []byte
	Quorum() bool
}

// Law is the law of the platform: the set in force, every set that ever was, and the papers beside it.
type Law interface {
	Set() *policy.Set
	Sets() []tribune.Hash // that were ever in force, by hash; the record says when
	Load(hash tribune.Hash) (*policy.Set, error)
	Mandates() []tribune.Mandate
}

// Devices is the register of devices.
type Devices interface {
	List() []*device.Device
	Get(id string) (*device.Device, bool)
}

// Holding is what is held of one person in one class.
type Holding struct {
	Class    tribune.ClassID
	Entities int       // entities with values of theirs
	Values   int       // sealed values
	From     time.Time // day of arrival of the oldest
	Until    time.Time // when the newest will have been deleted; zero = kept until erased
}

// Use is one use of one person's data on record.
type Use struct {
	Index uint64 // of the leaf
	N     uint64 // the use's number for this person, from 1
	Tag   tribune.Tag
	Leaf  protocol.Leaf

	Quarter uint32 // it was hidden until this was over, by a court's warrant, and N counts within it; 0 = it never was
}

// Own is what a logged-in person may know about themselves. Every method takes a verified name of theirs.
type Own interface {
	Holdings(ctx context.Context, name web.PersonName) ([]Holding, error)
	Uses(ctx context.Context, name web.PersonName) ([]Use, error)      // newest first; complete up to the published record
	Disclosed(ctx context.Context, name web.PersonName) ([]Use, error) // what was hidden from the person and is so no longer, newest first
	// TraceKey is what tags are computed with (protocol 15): who has it can check the list of uses against the record. It
	// fails with tribune.ErrNotFound where nothing was ever held about this name.
	TraceKey(ctx context.Context, name web.PersonName) ([]byte, error)
}

// Answer is what the city's API answered to a question asked by a page for a caller.
type Answer struct {
	Status  int
	Body    []byte // JSON; of an answer that is not 2xx, problem details
	Receipt uint64 // index of the leaf, where there is one
	OnLeaf  bool
	ActID   string // status 428: the act to sign
	ActText string // its JCS text
	Digest  []byte // SHA-256(L(act) || text): what the actor's key signs
}

// Ask puts a question to the API of the city as one caller: a POST of an NGSI-LD Query to path, such as
// /ngsi-ld/v1/entityOperations/query?limit=1000 (a person is named in the body, never in a URL). The same question again, with
// actID and signature, answers a 428.
type Ask func(ctx context.Context, caller tribune.Caller, path string, body []byte, actID string, signature []byte) (*Answer, error)

// BrowserKey is a key that a person's browser holds, and where its appointment stands.
type BrowserKey struct {
	Actor  tribune.ActorID // the name under which this key acts; a person with two browsers has two
	Office tribune.OfficeID
	For    web.PersonName // whose data alone it may read: a name of its holder's; zero for an officer
	Key    []byte         // Ed25519 public key, 32 bytes
	Until  time.Time
	State  string // "requested" (the council has not signed yet) | "signed" (not on record yet) | "on record" | "ended"
	Leaf   uint64 // of the appointment, where on record
	Paper  string // the appointment's text while it waits for the council's signature, for its holder to hand over; "" = not given out
}

// Keys registers the keys that people's browsers hold.
type Keys interface {
	// Request asks for the appointment of a key: one for an officer, one for each name of anyone else.
	Request(ctx context.Context, s *web.Session, key []byte) ([]BrowserKey, error)
	List(ctx context.Context, s *web.Session) ([]BrowserKey, error)
	AtOnce() bool // a demo: the council's key is on this machine and signs at once
}

// Sign is one provider to log in with.
type Sign struct{ ID, Title string }

// Login is what pages show of logging in; the login room does it.
type Login interface {
	Providers() []Sign
	PasskeysOff() string // why passkeys cannot be used here; "" = they can
}

// Fact is one line about how the demo's data came about.
type Fact struct{ Label, Value, Note string }

// Config wires the pages. Twin, Record, Law, Now and Log are required; what else is nil is not offered.
type Config struct {
	City       string
	URL        string // public base, "http://localhost:8080"; "" = taken from requests
	Demo       string // a sentence for the banner; "" = not a demo
	Twin       Twin
	Record     Record
	Law        Law
	LawState   func() LawState        // changes of law on their way; nil = this hub does not say
	Group      func() *protocol.Group // the guardians; nil before their ceremony has ended
	Guardians  func() []GuardianSeen  // what the hub last heard from each; nil = it does not ask
	Devices    Devices
	DeviceLeaf func(id string) (index uint64, ok bool) // where a device's present document stands on record
	Trust      func() ([]byte, error)                  // the trust file; ErrNotFound before the guardians' ceremony has ended
	Releases   func(ctx context.Context, index uint64) ([]protocol.Statement, error)
	Erasure    func(ctx context.Context, index uint64) (Erasure, error) // ErrNotFound where this hub knows nothing of it
	Login      Login
	Passkeys   func(ctx context.Context, s *web.Session) ([]Passkey, error)
	Own        Own
	Ask        Ask
	Keys       Keys
	Citizens   Citizens

	Models Explanations // verdicts on models, and what was published of them; nil = this hub keeps none

	Vital VitalSource // opening without guardians; nil = this hub does not say

	Representatives Representatives // nil = nobody acts for anybody here

	Recipients Recipients
	Outside    func() []Outside // what the city does outside the platform, by its own word; nil = it publishes no list
	Facts      func() []Fact    // how the shown data came about
	Now        func() time.Time
	Log        *slog.Logger
}

// Passkey is one passkey of a person.
type Passkey struct {
	ID      string // base64url
	Label   string
	Created time.Time
	Used    time.Time
}

// Portal serves the pages.
type Portal struct {
	cfg    Config
	frame  frame
	assets assets
	mux    *http.ServeMux
	book   book // the record in memory
	shelf  shelf
	past   groupPast
	read   caseReads

	started time.Time // from when on messages of devices are counted
}

// New parses the pages.
func New(cfg Config) (*Portal, error) {
	p := &Portal{cfg: cfg, mux: http.NewServeMux()}
	if err := p.assets.load(); err != nil {
		return nil, err
	}
	if err := p.frame.load(&p.assets); err != nil {
		return nil, err
	}
	p.routes()
	return p, nil
}

// routes names every page.
func (p *Portal) routes() {
	p.assets.routes(p.mux)
	p.page("GET /", func(r *http.Request) (view, error) {
		return view{}, fmt.Errorf("%w: there is no page at this address", tribune.ErrNotFound)
	})
	p.cityRoutes()
	p.recordRoutes()
	p.ownRoutes()
	p.rightsRoutes()
	p.wardRoutes()
	p.recipientRoutes()
	p.verifierRoutes()
	p.guardianRoutes()
	p.traceKeyRoutes()
}
