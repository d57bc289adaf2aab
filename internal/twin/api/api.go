// Package api is NGSI-LD over HTTP (ETSI GS CIM 009, clause 6) at /ngsi-ld/v1: it reads requests, asks the twin, renders
// answers. The city wires it behind web.Wrap, which says who calls.
//
// Public data are open to everyone. Personal data are sealed in the twin, and leave it one way only:
//
//   - Without a purpose, sealed attributes are absent and an NGSILD-Warning header says how many.
//   - With Tribune-Purpose (and Tribune-Mandate) the caller gets 428 and the act to sign: members act, actText (its
//     canonical JSON), digest (what to sign, hex) and expires. The same request again with Tribune-Act and
//     Tribune-Signature within a minute puts the act on record and answers with the opened values and Tribune-Receipt.
//   - One act opens one class. A person is looked up by POST only: what stands in a URL ends in logs.
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
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
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
	Mutate(ctx context.Context, all []twin.Mutation) []twin.Result
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

	// Way, Names, ClassOf and Class open what is sealed; without them nothing is.
	Way     Way
	Names   tribune.Namer
	ClassOf func(types []tribune.Name, attr tribune.Name) tribune.Class
	Class   func(tribune.ClassID) (tribune.Class, bool)

	// MayWrite says whether a known caller may change entities; nil = the office "integrator" may.
	MayWrite func(tribune.Caller) error

	Now func() time.Time // nil = time.Now
}

// New is the handler of everything below Prefix.
func New(cfg Config) http.Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MayWrite == nil {
		cfg.MayWrite = integratorsOnly
	}
	if cfg.ClassOf == nil {
		cfg.ClassOf = func([]tribune.Name, tribune.Name) tribune.Class { return tribune.Class{} }
	}
	if cfg.Class == nil {
		cfg.Class = func(tribune.ClassID) (tribune.Class, bool) { return tribune.Class{}, false }
	}
	a := &api{Config: cfg, pending: newPending(cfg.Now), problems: web.NewProblems(cfg.Log, errorBase,
		web.Row{Err: jsonld.ErrContext, Status: http.StatusServiceUnavailable, Name: "context", Standard: "LdContextNotAvailable", Title: "The @context is not available"},
		web.Row{Err: errTooMany, Status: http.StatusForbidden, Name: "too-many", Standard: "TooManyResults", Title: "The query asks for too many results"},
		web.Row{Err: errTooComplex, Status: http.StatusForbidden, Name: "too-complex", Standard: "TooComplexQuery", Title: "The query is too complex"},
		web.Row{Err: errInvalidRequest, Status: http.StatusBadRequest, Name: "invalid-request", Standard: "InvalidRequest", Title: "The request is not valid"},
		web.Row{Err: errNotAcceptable, Status: http.StatusNotAcceptable, Name: "not-acceptable", Title: "No media type that is accepted can be made"},
		web.Row{Err: errMediaType, Status: http.StatusUnsupportedMediaType, Name: "media-type", Title: "This media type is not read here"},
		web.Row{Err: errMethod, Status: http.StatusMethodNotAllowed, Name: "method", Title: "This method is not allowed here"},
	)}
	return a.routes()
}

// Errors that only this surface has.
var (
	errTooMany        = errors.New("too many results")
	errTooComplex     = errors.New("too complex a query")
	errInvalidRequest = errors.New("invalid request")
	errNotAcceptable  = errors.New("not acceptable")
	errMediaType      = errors.New("media type not supported")
	errMethod         = errors.New("method not allowed")
)

type api struct {
	Config
	problems *web.Problems
	pending  *pending
}

// action answers a request, or returns the error to answer with.
type action func(w http.ResponseWriter, r *http.Request) error

// table is a part of the API: what each path below Prefix answers, by method.
type table map[string]map[string]action

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	for _, t := range []table{a.entityRoutes(), a.attrRoutes(), a.batchRoutes(), a.queryRoutes(), a.temporalRoutes()} {
		for path, methods := range t {
			mux.Handle(Prefix+path, a.resource(methods))
		}
	}
	mux.Handle(Prefix+"/{rest...}", a.resource(nil))
	return slashless(mux)
}

// slashless lets a path with a slash at its end mean the one without it, as clients write both.
func slashless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutSuffix(r.URL.Path, "/"); ok {
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
			a.problems.Write(w, r, tribune.Hint(fmt.Errorf("%w: no such resource of the API", tribune.ErrNotFound), "This hub serves entities, entityOperations and temporal/entities/{id}."))
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
			a.problems.Write(w, r, err)
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
		return do(w, r)
	}
}

func integratorsOnly(c tribune.Caller) error {
	if c.Office == "integrator" {
		return nil
	}
	return &tribune.Denial{Decision: tribune.Decision{Missing: []string{"the office integrator, which alone may change entities"}}}
}
