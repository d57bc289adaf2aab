package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

const councilKey = "birmingham.example/council"

// playDenials asks in every way that must be refused, and checks that each refusal says why and is on record.
func playDenials(ctx context.Context, p *play) error {
	c, people, err := p.inhabited(ctx)
	if err != nil {
		return err
	}
	who := people[0]
	if err := c.park(ctx, sessionID(1), who); err != nil {
		return err
	}
	if err := c.withoutPurpose(ctx, who); err != nil {
		return err
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, who.plate)
	if err != nil {
		return err
	}
	p.control(tells(a, sessionID(1), who), "an inspector asks for a plate, for enforce-parking", "plate and driver in clear, with a receipt", "%s", shown(a))

	planner := *inspector
	planner.Purpose = "plan-city"
	unknown := *inspector
	unknown.Purpose, unknown.Mandate = "idle-curiosity", "parking-enforcement-2026"
	expired := *inspector
	expired.Mandate = "parking-enforcement-2025"
	none := *inspector
	none.Mandate = ""
	for _, try := range []refusal{
		{"an inspector asks for plan-city", "403, naming the purpose or the mandate", &planner, []string{"purpose", "plan-city", "mandate"}, ""},
		{"an inspector asks for a purpose that no register knows", "403, naming the purpose", &unknown, []string{"purpose"}, "idle-curiosity"},
		{"an inspector asks under a mandate that ended in 2025", "403, naming the mandate's end", &expired, []string{"ended", "expired", "in force", "until"}, ""},
		{"an inspector asks under no mandate", "403, naming the mandate", &none, []string{"mandate"}, ""},
	} {
		if err := c.denied(ctx, who, try); err != nil {
			return err
		}
	}
	return c.forged(ctx, who)
}

// withoutPurpose: the entity without what is personal, and a warning.
func (c *city) withoutPurpose(ctx context.Context, who person) error {
	for _, name := range []string{"", "inspector-ward"} {
		cl, err := c.as(name)
		if err != nil {
			return err
		}
		cl.Purpose, cl.Mandate = "", ""
		a, err := cl.Do(ctx, http.MethodGet, entityURL(sessionID(1))+"?options=keyValues", nil, nil)
		if err != nil {
			return err
		}
		var e map[string]any
		public := a.Status == http.StatusOK && json.Unmarshal(a.Body, &e) == nil && e["id"] == sessionID(1) && e["synthetic"] == true
		for _, attr := range []string{"licensePlate", "driver", "startedAt"} {
			_, there := e[attr]
			public = public && !there
		}
		warning := a.Header.Get("NGSILD-Warning")
		clean := len(newNeedles(words([]person{who})).find("answer", a.Body)) == 0
		caller := name
		if caller == "" {
			caller = "somebody unknown"
		}
		c.play.check(public && clean && warning != "", caller+" retrieves a session without purpose", "200, the entity without personal attributes, NGSILD-Warning", "%s, warning %q", shown(a), warning)

		// The personal attribute behaves as if it did not exist, counts included.
		count := func(q string) (string, error) {
			body, _ := json.Marshal(map[string]any{"type": "Query", "entities": []map[string]string{{"type": typeSession}}, "q": q})
			a, err := cl.Do(ctx, http.MethodPost, queryPath+"&count=true", body, nil)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%d, count %s, %s", a.Status, a.Header.Get("NGSILD-Results-Count"), strings.TrimSpace(string(a.Body))), nil
		}
		exists, err := count("licensePlate==" + quoted(who.plate))
		if err != nil {
			return err
		}
		absent, err := count("licensePlate==" + quoted("QX99 ZZZ"))
		if err != nil {
			return err
		}
		c.play.check(exists == absent && strings.HasPrefix(exists, "200, count 0, []"), caller+" queries by a plate without purpose", "the same as for a plate nobody has: none", "%s and %s", exists, absent)
		public2, err := count("synthetic==true")
		if err != nil {
			return err
		}
		c.play.control(strings.HasPrefix(public2, "200, count ") && !strings.HasPrefix(public2, "200, count 0"), caller+" queries by a public attribute of the same entity", "found", "%.60s", public2)
	}
	return nil
}

// refusal is a question that must be denied.
type refusal struct {
	what, want string
	as         *client.Client
	missing    []string // one of these words must be in what was missing
	unknown    string   // a word of the caller's own that no register knows: a log that forgets nothing must not carry it
}

// denied asks, and expects a 403 that names what is missing and is on record.
func (c *city) denied(ctx context.Context, who person, r refusal) error {
	what, as := r.what, r.as
	a, err := c.ask(ctx, as, who.plate)
	if err != nil {
		return err
	}
	named := false
	if a.Problem != nil {
		for _, m := range r.missing {
			named = named || strings.Contains(strings.ToLower(strings.Join(a.Problem.Missing, "; ")), m)
		}
	}
	clean := len(newNeedles(words([]person{who})).find("answer", a.Body)) == 0
	c.play.check(a.Status == http.StatusForbidden && named && clean, what, r.want, "%s", shown(a))
	receipt, err := c.receipt(ctx, a)
	if err != nil {
		c.play.check(false, what+": is the denial on record?", "a receipt that verifies, permit=false", "%v", err)
		return nil
	}
	trust, err := c.trust()
	if err != nil {
		return err
	}
	v, err := trust.Receipt(receipt)
	if err != nil {
		c.play.check(false, what+": is the denial on record?", "a receipt that verifies, permit=false", "%v", err)
		return nil
	}
	l := v.Leaf
	fits := l.Act.Purpose == as.Purpose && l.Act.Mandate == as.Mandate
	if r.unknown != "" {
		fits = !strings.Contains(string(v.LeafBytes), r.unknown)
	}
	c.play.check(!l.Decision.Permit && fits && l.Act.Office == as.Office && len(l.Tags) == 0,
		what+": is the denial on record?", "a receipt that verifies, permit=false, no word of the caller's own", "leaf %d: permit=%v, missing %q", v.Index, l.Decision.Permit, l.Decision.Missing)
	return nil
}

// forged adds a mandate that says it is the council's and is signed by another key, as a stolen hub could.
func (c *city) forged(ctx context.Context, who person) error {
	dir := c.path("hub", "law", "mandates")
	honest, err := os.ReadFile(dir + "/parking-enforcement-2026.toml")
	if err != nil {
		return fmt.Errorf("forging a mandate: %w", err)
	}
	text, _ := protocol.SplitDocument(honest)
	const id = "parking-enforcement-2027"
	forged, err := forge(strings.Replace(text, "parking-enforcement-2026", id, 1))
	if err != nil {
		return err
	}
	if err := c.proc.stop(); err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/"+id+".toml", forged, 0o600); err != nil {
		return fmt.Errorf("forging a mandate: %w", err)
	}
	if err := c.start(ctx); err != nil {
		return fmt.Errorf("with a forged mandate in the law's folder: %w", err)
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	inspector.Mandate = id
	if err := c.denied(ctx, who, refusal{"an inspector asks under a mandate whose issuer's signature is wrong", "403, naming the mandate", inspector, []string{"signature", "signed"}, id}); err != nil {
		return err
	}
	inspector.Mandate = "parking-enforcement-2026"
	a, err := c.ask(ctx, inspector, who.plate)
	if err != nil {
		return err
	}
	c.play.control(tells(a, sessionID(1), who), "the same question under the true mandate", "plate and driver in clear", "%s", shown(a))
	return c.proc.stop()
}

// forge signs text under the council's name with a key of our own.
func forge(text string) ([]byte, error) { return forgeAs(councilKey, text) }

func forgeAs(name, text string) ([]byte, error) {
	skey, _, err := protocol.NewKey(name)
	if err != nil {
		return nil, err
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	return protocol.SignDocument(text, s)
}
