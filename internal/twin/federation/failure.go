package federation

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tribune"
)

// What can be wrong with a source (clause 6.3.17).
var (
	ErrSlow   = errors.New("the context source has not answered in time")
	ErrLoop   = errors.New("the request has been here before")
	ErrAnswer = errors.New("the context source's answer is not valid")
	ErrSource = errors.New("the context source has refused")
	ErrMode   = errors.New("a context source is responsible that does not offer this operation")
)

// Failure is what went wrong with one source. It matches one of the errors above, tribune.ErrNotFound or tribune.ErrConflict.
type Failure struct {
	Source string // id of the registration
	Err    error
	Status int    // that the source answered with; 0 = it did not
	Detail string // ours, or the source's own words, shortened
}

func (f *Failure) Error() string {
	if f.Detail == "" {
		return fmt.Sprintf("registration %s: %v", f.Source, f.Err)
	}
	return fmt.Sprintf("registration %s: %v: %s", f.Source, f.Err, f.Detail)
}

func (f *Failure) Unwrap() error { return f.Err }

// refusal is what an answer without success means.
func refusal(r *Registration, reply Reply) error {
	f := &Failure{Source: r.ID, Status: reply.Status, Detail: fmt.Sprintf("it answers %d", reply.Status)}
	switch reply.Status {
	case http.StatusNotFound:
		f.Err = tribune.ErrNotFound
	case http.StatusConflict:
		f.Err = tribune.ErrConflict
	case http.StatusLoopDetected:
		f.Err = ErrLoop
	case http.StatusGatewayTimeout:
		f.Err = ErrSlow
	default:
		f.Err = ErrSource
	}
	var said struct{ Title, Detail string }
	if json.Unmarshal(reply.Body, &said) == nil {
		if said.Detail == "" {
			said.Detail = said.Title
		}
		if said.Detail != "" {
			f.Detail += ": " + shorten(said.Detail)
		}
	}
	return f
}

// shorten makes a source's words fit to be repeated: one line, not long.
func shorten(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if len(s) > maxSourceText {
		s = strings.ToValidUTF8(s[:maxSourceText], "") + "..."
	}
	return s
}

// Warning is the value of an NGSILD-Warning header for a source that could not be asked (table 6.3.17-1).
func Warning(err error) string {
	code := "199"
	switch {
	case errors.Is(err, ErrAnswer):
		code = "111"
	case errors.Is(err, ErrSource):
		code = "299"
	}
	text := err.Error()
	var f *Failure
	if errors.As(err, &f) && f.Status != 0 && errors.Is(err, ErrSource) { // a header is no place for the words of others
		text = fmt.Sprintf("registration %s: %v: it answers %d", f.Source, f.Err, f.Status)
	}
	return code + ` tribune "` + strings.Map(quotable, text) + `"`
}

// StaleWarning is the warning for an answer that is an earlier one.
func StaleWarning(r *Registration) string {
	return `110 tribune "registration ` + strings.Map(quotable, r.ID) + `: an earlier answer of it is used"`
}

// quotable keeps what may stand in a quoted header value.
func quotable(r rune) rune {
	if r < ' ' || r > '~' || r == '"' || r == '\\' {
		return '\''
	}
	return r
}
