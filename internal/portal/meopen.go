package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"tribune"
)

// openOwn opens a person's own values by the one way, for the script of the export page: the first POST is answered with the
// act to sign (202: taken, not done), the second, with its signature, with the values. They go from the API's answer to the browser and
// rest nowhere. The form names of (which name), class, key (the browser's public key), part, and then act and signature.
func (p *Portal) openOwn(w http.ResponseWriter, r *http.Request) error {
	s, err := form(r)
	if err != nil {
		return err
	}
	if err := offered(p.cfg.Own != nil && p.cfg.Ask != nil && officeOf(s) == dataSubject, "a copy of one’s own data"); err != nil {
		return err
	}
	f := r.PostForm
	name, err := nameOf(s, f.Get("of"))
	if err != nil {
		return err
	}
	class, ok := p.cfg.Law.Set().Class(tribune.ClassID(f.Get("class")))
	if !ok || !class.Personal || class.SubjectType != name.Type {
		return fmt.Errorf("%w: no class of data about such a name", tribune.ErrNotFound)
	}
	mandate := p.accessMandate(class.ID)
	if mandate.ID == "" {
		return tribune.Hint(fmt.Errorf("%w: no mandate is in force by which people see this class of their own data", tribune.ErrDenied), "Ask the city for it in writing.")
	}
	caller, err := p.callerWith(r.Context(), s, f.Get("key"), name, mandate)
	if err != nil {
		return err
	}
	part, err := strconv.Atoi(f.Get("part"))
	if f.Get("part") != "" && (err != nil || part < 0 || part > 1000) {
		return fmt.Errorf("%w: there is no such part", tribune.ErrInvalid)
	}
	actID, signature, err := signed(f)
	if err != nil {
		return err
	}
	path, body, err := question(class, name.Name, part)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), askFor)
	defer cancel()
	a, err := p.cfg.Ask(ctx, caller, path, body, actID, signature)
	if err != nil {
		return fmt.Errorf("asking for one's own data: %w", err)
	}
	switch {
	case a.Status == http.StatusPreconditionRequired:
		act, err := p.actOf(wordsOf(r), a, caller)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		return json.NewEncoder(w).Encode(act)
	case a.Status != http.StatusOK:
		forward(w, a)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	if a.OnLeaf {
		w.Header().Set("Tribune-Entry", strconv.FormatUint(a.Receipt, 10))
	}
	_, err = w.Write(a.Body)
	return err
}
