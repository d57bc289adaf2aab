package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"tribune"
)

// ProblemType is the media type of problem details.
const ProblemType = "application/problem+json"

// base of the types of our own problems; Catalogue serves what stands behind them.
const base = "/problems/"

// Problem is one RFC 9457 problem details object.
type Problem struct {
	Type     string
	Title    string
	Status   int
	Detail   string
	Hint     string         // what the reader can do next
	Request  string         // request id; the log has it too where the hub is at fault
	Missing  []string       // of a denial: what would have been needed
	Policies []string       // of a denial: which policies decided
	Extra    map[string]any // further members; never one of the names above
}

// MarshalJSON writes one flat object, absent members left out.
func (p Problem) MarshalJSON() ([]byte, error) {
	m := make(map[string]any, len(p.Extra)+8)
	for k, v := range p.Extra {
		m[k] = v
	}
	m["type"], m["title"], m["status"] = p.Type, p.Title, p.Status
	for k, v := range map[string]string{"detail": p.Detail, "hint": p.Hint, "request": p.Request} {
		if v != "" {
			m[k] = v
		}
	}
	if p.Missing != nil {
		m["missing"] = p.Missing
	}
	if p.Policies != nil {
		m["policies"] = p.Policies
	}
	return json.Marshal(m)
}

// Row is one line of the table: errors that match Err have this status. Standard is the name the surface's own standard
// gives it, "" where it has none; Name is ours.
type Row struct {
	Err      error
	Status   int
	Name     string
	Standard string
	Title    string
}

// rows are the platform's own errors; order matters, the first match wins. Standard names are those of NGSI-LD (ETSI GS
// CIM 009, clause 6.3.2).
func rows() []Row {
	return []Row{
		{tribune.ErrDenied, http.StatusForbidden, "denied", "", "No policy permits this"},
		{tribune.ErrVetoed, http.StatusForbidden, "vetoed", "", "Guardians have vetoed this act"},
		{tribune.ErrRefused, http.StatusForbidden, "refused", "", "A guardian has refused this act"},
		{tribune.ErrNoQuorum, http.StatusServiceUnavailable, "no-quorum", "", "Too few guardians answer"},
		{tribune.ErrUnknown, http.StatusUnauthorized, "unknown-caller", "", "The caller is not known"},
		{tribune.ErrExpired, http.StatusUnauthorized, "expired", "", "The credential has ended"},
		{tribune.ErrTooLarge, http.StatusRequestEntityTooLarge, "too-large", "", "The request is too large"},
		{tribune.ErrBusy, http.StatusServiceUnavailable, "busy", "", "Too much at once"},
		{tribune.ErrUnsupported, http.StatusUnprocessableEntity, "unsupported", "OperationNotSupported", "This operation is not supported"},
		{tribune.ErrConflict, http.StatusConflict, "conflict", "AlreadyExists", "It exists already, or has changed meanwhile"},
		{tribune.ErrNotFound, http.StatusNotFound, "not-found", "ResourceNotFound", "There is no such thing"},
		{tribune.ErrInvalid, http.StatusBadRequest, "invalid", "BadRequestData", "The request is not valid"},
	}
}

var internal = Row{Status: http.StatusInternalServerError, Name: "internal", Standard: "InternalError", Title: "The hub has failed"}

var signatureNeeded = Row{Status: http.StatusPreconditionRequired, Name: "signature-needed", Title: "This is an act: its actor must sign it"}

// SignatureNeeded is the first answer to an act: what is to be signed stands in its further members.
func SignatureNeeded(ctx context.Context, detail, hint string, extra map[string]any) Problem {
	return Problem{
		Type: base + signatureNeeded.Name, Title: signatureNeeded.Title, Status: signatureNeeded.Status,
		Detail: detail, Hint: hint, Request: RequestID(ctx), Extra: extra,
	}
}

var quarantined = Row{Status: http.StatusAccepted, Name: "quarantined", Title: "It has arrived, cannot be used, and is in quarantine"}

// Quarantined is the answer to a device's message that was bad: nobody need send it again. reason quotes nothing of it.
func Quarantined(ctx context.Context, reason, hint string, extra map[string]any) Problem {
	return Problem{
		Type: base + quarantined.Name, Title: quarantined.Title, Status: quarantined.Status,
		Detail: reason, Hint: hint, Request: RequestID(ctx), Extra: extra,
	}
}

// Problems is the table from errors to problem details of one surface.
type Problems struct {
	rows []Row
	base string
	log  *slog.Logger
}

// NewProblems makes the table of a surface. standard is the base of the types its standard names, "" for none; extra
// rows come before the platform's own.
func NewProblems(log *slog.Logger, standard string, extra ...Row) *Problems {
	return &Problems{rows: append(extra, rows()...), base: standard, log: log}
}

// Of is the problem for err. Of an error that is not in the table, and of a broken integrity, it says nothing.
func (p *Problems) Of(err error) Problem {
	row := p.row(err)
	out := Problem{Type: base + row.Name, Title: row.Title, Status: row.Status}
	if p.base != "" && row.Standard != "" {
		out.Type = p.base + row.Standard
	}
	if row.Status == http.StatusInternalServerError {
		out.Detail, out.Hint = "The hub could not answer; its operators see why under this request's id.", "Try again; if it stays, tell the operators the request id."
		return out
	}
	out.Detail, out.Hint = err.Error(), tribune.HintOf(err)
	var denial *tribune.Denial
	if errors.As(err, &denial) {
		out.Missing, out.Policies = denial.Decision.Missing, denial.Decision.Policies
		if out.Missing == nil {
			out.Missing = []string{}
		}
	}
	return out
}

func (p *Problems) row(err error) Row {
	var broken *tribune.IntegrityError
	if errors.As(err, &broken) {
		return internal
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		err = tribune.ErrTooLarge
	}
	for _, r := range p.rows {
		if errors.Is(err, r.Err) {
			return r
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Row{Status: http.StatusServiceUnavailable, Name: "timeout", Title: "This took too long"}
	}
	return internal
}

// Write answers r with the problem for err and logs what only operators may read.
func (p *Problems) Write(w http.ResponseWriter, r *http.Request, err error) {
	problem := p.Of(err)
	problem.Request = RequestID(r.Context())
	if problem.Status == http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		var broken *tribune.IntegrityError
		p.log.LogAttrs(r.Context(), slog.LevelError, "request failed", slog.String("request", problem.Request),
			slog.Bool("integrity", errors.As(err, &broken)), slog.String("err", err.Error()))
	}
	var denial *tribune.Denial
	if errors.As(err, &denial) && len(denial.Receipt) > 0 {
		SetReceipt(w.Header(), denial.Receipt)
	}
	media := ProblemType
	if p.base != "" { // NGSI-LD wants this one, so that old clients are not broken (clause 5.5.3)
		media = "application/json"
	}
	send(w, problem, media)
}

// Send writes a problem as it is.
func Send(w http.ResponseWriter, problem Problem) { send(w, problem, ProblemType) }

func send(w http.ResponseWriter, problem Problem, media string) {
	body, err := json.Marshal(problem)
	if err != nil { // an Extra member that cannot be written is a mistake of ours
		problem.Extra = nil
		body, _ = json.Marshal(problem)
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	switch problem.Status {
	case http.StatusUnauthorized:
		if h.Get("WWW-Authenticate") == "" {
			h.Set("WWW-Authenticate", "Bearer")
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	}
	w.WriteHeader(problem.Status)
	w.Write(body)
}
