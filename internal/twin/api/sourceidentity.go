package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

var errNoIdentity = errors.New("not implemented")

// identityRoutes are clause 6.33.
func (a *api) identityRoutes() table {
	return table{"/info/sourceIdentity": {"GET": a.sourceIdentity}}
}

// sourceIdentity is GET /info/sourceIdentity (clauses 5.15.1 and 5.2.40): who this broker is in the Via headers of others, for
// registrations to name as contextSourceAlias. Each tenant is a source of its own.
func (a *api) sourceIdentity(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r); err != nil {
		return err
	}
	if a.Sources == nil {
		return fmt.Errorf("%w: this hub has no name among context sources", errNoIdentity)
	}
	t, err := tenant(r)
	if err != nil {
		return err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return err
	}
	ld, err := acceptsLD(r)
	if err != nil {
		return err
	}
	now := a.Now()
	alias := a.Sources.Alias(t)
	out := struct {
		ID      string          `json:"id"`
		Type    string          `json:"type"`
		Alias   string          `json:"contextSourceAlias"`
		Uptime  string          `json:"contextSourceUptime"`
		At      string          `json:"contextSourceTimeAt"`
		Context json.RawMessage `json:"@context,omitempty"`
	}{"urn:ngsi-ld:ContextSourceIdentity:" + alias, "ContextSourceIdentity", alias, iso8601(now.Sub(a.since)), now.UTC().Format("2006-01-02T15:04:05.000Z"), nil}
	if ld {
		out.Context = ctx.JSON()
	}
	body, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("writing an identity: %w", err)
	}
	send(w, r, ctx, ld, 0, body)
	return nil
}

// iso8601 is a duration in whole seconds (ISO 8601).
func iso8601(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	out := "P"
	if days := s / 86400; days > 0 {
		out += fmt.Sprintf("%dD", days)
	}
	return out + fmt.Sprintf("T%dH%dM%dS", s/3600%24, s/60%60, s%60)
}
