// Package api is NGSI-LD over HTTP (ETSI GS CIM 009, clause 6) at /ngsi-ld/v1: it reads requests, asks the twin, renders
// answers. The city wires it behind web.Wrap, which says who calls.
//
// Public data are open to everyone. Personal data are sealed in the twin, and leave it one way only:
//
//   - Without a purpose, sealed attributes are absent and an NGSILD-Warning header says how many.
//   - With Tribune-Purpose (and Tribune-Mandate) the caller gets 428 and the act to sign: members act, actText (its
//     canonical JSON), digest (what to sign, hex) and expires. The same request again with Tribune-Act and
//     Tribune-Signature within a minute puts the act on record and answers with the opened values and Tribune-Receipt.
//   - One act opens one class. A person is looked up by POST only, by what names them or by an attribute that its class lets be looked
//     up for that purpose: what stands in a URL ends in logs. Nothing else can be asked of what is sealed.
//   - A subscription with a purpose is a standing act, signed in the same two steps; it is told of values as they arrive.
//
// It promises: nothing a caller asked for is silently ignored (an unknown parameter is refused); what is sealed is in no
// answer but the second of an act; no error or log line repeats a q, a token or a value.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
	"tribune/protocol"
)

// Prefix is where the API is served.
const Prefix = "/ngsi-ld/v1"

// errorBase is the standard's base of problem types (clause 6.3.2).
const errorBase = "https://uri.etsi.org/ngsi-ld/errors/"

// Twin is what the API needs of the twin; *twin.Twin is one.
type Twin interface {
	Get(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID) (twin.View, error)
	Ready(ctx context.Context, tenant tribune.Tenant, id tribune.EntityID, rendering string, render func(twin.View) ([]byte, error)) ([]byte, error)
	Find(ctx context.Context, q twin.Query) (twin.Page, error)
	History(ctx context.Context, q twin.TemporalQuery) (model.Entity, error)
	Evolutions(ctx context.Context, q twin.EvolutionQuery) (twin.Evolutions, error)
	Evolve(ctx context.Context, p twin.Past) twin.Result
	Knows(tenant tribune.Tenant) bool
	Holds(ctx context.Context, tenant tribune.Tenant) (bool, error)
	Tenants(ctx context.Context) (int, error)
	Mutate(ctx context.Context, all []twin.Mutation) []twin.Result
	Catalogue
}

// Way opens sealed values: package way's Way is one.
type Way interface {
	May(ctx context.Context, r tribune.Reading) (id string, err error) // before a person is named
	Prepare(ctx context.Context, r tribune.Reading) (protocol.Act, error)
	Open(ctx context.Context, actID string, signature []byte) (values [][]byte, receipt tribune.Receipt, err error)
}

// Config wires the API.
type Config struct {
	Twin     Twin             // required
	Contexts *jsonld.Contexts // required
	Log      *slog.Logger     // required
	Notify   *notify.Notifier // subscriptions; nil = there are none

	// Way, Names, ClassOf and Class open what is sealed; without them nothing is.
	Way     Way
	Names   tribune.Namer
	ClassOf func(types []tribune.Name, attr tribune.Name) tribune.Class
	Class   func(tribune.ClassID) (tribune.Class, bool)
	Own     Own // who reads their own data; nil = nobody

	// ClassTold is ClassOf for what context sources tell: who says of what types an entity is may lie. Nil = ClassOf.
	ClassTold func(types []tribune.Name, attr tribune.Name) tribune.Class

	// MayWrite says whether a known caller may change entities; nil = the office "integrator" may.
	MayWrite func(tribune.Caller) error

	// URL is the scheme and host under which callers reach this hub: where the contexts stand that it serves. "" = as each
	// request has it.
	URL string

	// Registry holds the context source registrations; nil = there are none, and nothing to register them at. Reaches says whether the
	// endpoint of one may be called; nil = any may.
	Registry *federation.Registry
	Reaches  func(endpoint string) error

	// RegistrySubscriptions tells subscribers of changes of the Registry; nil = there are none to subscribe to.
	RegistrySubscriptions *federation.Subscriptions

	// Snapshots keeps what queries have found as it was; nil = there are none.
	Snapshots *snapshot.Snapshots

	// Sources asks the registered sources; nil = they are only registered.
	Sources *federation.Sources

	// Legs takes subscriptions to the registered sources; nil = they are about what is here alone. What sources notify arrives at
	// federation.NotifyPath.
	Legs *federation.Legs

	// TemporalPage is how many attribute instances an answer about the past holds at most; 0 = twin.MaxHistory. What is more
	// comes with 206 and a Content-Range (clause 6.3.10).
	TemporalPage int

	Now func() time.Time // nil = time.Now
}

// New is the handler of everything below Prefix, and of OpenAPIPath.
func New(cfg Config) http.Handler { return open(cfg).routes() }

func open(cfg Config) *api {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	tokens := cfg.MayWrite == nil
	if tokens {
		cfg.MayWrite = integratorsOnly
	}
	if cfg.ClassOf == nil {
		cfg.ClassOf = func([]tribune.Name, tribune.Name) tribune.Class { return tribune.Class{} }
	}
	if cfg.ClassTold == nil {
		cfg.ClassTold = cfg.ClassOf
	}
	if cfg.Class == nil {
		cfg.Class = func(tribune.ClassID) (tribune.Class, bool) { return tribune.Class{}, false }
	}
	if cfg.Snapshots != nil && cfg.Notify != nil {
		cfg.Snapshots.Subscribe(cfg.Notify)
	}
	return &api{Config: cfg, tokens: tokens, since: cfg.Now(), pending: newPending(cfg.Now), maps: newEntityMaps(cfg.Now), problems: Problems(cfg.Log)}
}

// Problems is the table of this surface, as it answers before the API is reached, too: as JSON (clause 6.3.3).
func Problems(log *slog.Logger) *web.Problems {
	return web.NewProblems(log, errorBase, append(sourceRows(),
		web.Row{Err: jsonld.ErrContext, Status: http.StatusGatewayTimeout, Name: "context", Standard: "LdContextNotAvailable", Title: "The @context is not available"},
		web.Row{Err: federation.ErrConflict, Status: http.StatusConflict, Name: "registration-conflict", Standard: "Conflict", Title: "Something stands against this registration"},
		web.Row{Err: errNoIdentity, Status: http.StatusNotImplemented, Name: "no-identity", Standard: "NotImplemented", Title: "This hub does not know this about itself"},
		web.Row{Err: errNoTenant, Status: http.StatusNotFound, Name: "no-tenant", Standard: "NonexistentTenant", Title: "Nothing has been created in this tenant"},
		web.Row{Err: errTooMany, Status: http.StatusForbidden, Name: "too-many", Standard: "TooManyResults", Title: "The query asks for too many results"},
		web.Row{Err: errTooComplex, Status: http.StatusForbidden, Name: "too-complex", Standard: "TooComplexQuery", Title: "The query is too complex"},
		web.Row{Err: errInvalidRequest, Status: http.StatusBadRequest, Name: "invalid-request", Standard: "InvalidRequest", Title: "The request is not valid"},
		web.Row{Err: errNotAcceptable, Status: http.StatusNotAcceptable, Name: "not-acceptable", Title: "No media type that is accepted can be made"},
		web.Row{Err: errMediaType, Status: http.StatusUnsupportedMediaType, Name: "media-type", Title: "This media type is not read here"},
		web.Row{Err: errMethod, Status: http.StatusMethodNotAllowed, Name: "method", Title: "This method is not allowed here"},
	)...)
}

// Errors that only this surface has.
var (
	errTooMany        = errors.New("too many results")
	errTooComplex     = errors.New("too complex a query")
	errInvalidRequest = errors.New("invalid request")
	errNotAcceptable  = errors.New("not acceptable")
	errMediaType      = errors.New("media type not supported")
	errMethod         = errors.New("method not allowed")
	errLength         = errors.New("length required")
)

type api struct {
	Config
	since    time.Time // when it began to answer
	problems *web.Problems
	pending  *pending
	tokens   bool // writing takes a token of an integrator
	maps     *entityMaps
	arriving atomic.Int64 // tenants that are being created
}

// action answers a request, or returns the error to answer with.
type action func(w http.ResponseWriter, r *http.Request) error

// table is a part of the API: what each path below Prefix answers, by method.
type table map[string]map[string]action

// tables are the parts.
func (a *api) tables() []table {
	return []table{a.entityRoutes(), a.attrRoutes(), a.batchRoutes(), a.queryRoutes(), a.temporalRoutes(), a.discoveryRoutes(), a.entityMapRoutes(), a.snapshotRoutes(), a.registrationRoutes(), a.registrationSubscriptionRoutes(), a.identityRoutes(), a.contextRoutes(), a.subscriptionRoutes()}
}

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	for _, t := range a.tables() {
		for path, methods := range t {
			mux.Handle(Prefix+path, a.resource(a.inTenants(path, methods)))
		}
	}
	mux.Handle(Prefix+"/{rest...}", a.resource(nil))
	if a.Legs != nil {
		mux.Handle(federation.NotifyPath, a.resource(map[string]action{"POST": a.arrived}))
	}
	mux.Handle("GET "+OpenAPIPath, a.serveOpenAPI(a.tokens))
	return echoed(Present(a.problems, slashless(a.snapshots(mux))))
}

// slashless lets a path with a slash at its end mean the one without it, as clients write both.
func slashless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutSuffix(r.URL.Path, "/")
		if ok && strings.HasSuffix(r.URL.EscapedPath(), "/") { // the last one of an escaped URL is part of a name
			u := *r.URL
			u.Path, u.RawPath = path, strings.TrimSuffix(u.RawPath, "/")
			r = r.WithContext(r.Context()) // a copy
			r.URL = &u
		}
		next.ServeHTTP(w, r)
	})
}

// resource dispatches by method and turns errors into problem details.
func (a *api) resource(methods map[string]action) http.Handler {
	if len(methods) == 0 {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.problems.Write(w, r, tribune.Hint(fmt.Errorf("%w: no such resource of the API", tribune.ErrNotFound), "GET %s describes what there is.", OpenAPIPath))
		})
	}
	if get, ok := methods["GET"]; ok {
		methods["HEAD"] = get
	}
	var allowed []string
	for m := range methods {
		allowed = append(allowed, m)
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do, ok := methods[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			a.problems.Write(w, r, fmt.Errorf("%w: %s; allowed are %s", errMethod, r.Method, allow))
			return
		}
		if err := do(w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

// write lets callers through who may change entities.
func (a *api) write(do action) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller := web.CallerOf(r.Context())
		if !caller.Known() {
			return tribune.Hint(fmt.Errorf("%w: only known callers may write", tribune.ErrUnknown), "Send Authorization: Bearer with a token of an integrator.")
		}
		if err := a.MayWrite(caller); err != nil {
			return err
		}
		return do(w, a.watched(w, r))
	}
}

func integratorsOnly(c tribune.Caller) error {
	if c.Office == "integrator" {
		return nil
	}
	return &tribune.Denial{Decision: tribune.Decision{Missing: []string{"the office integrator, which alone may change entities"}}}
}
