package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"tribune/verify"
)

// playQuorum takes guardians away, before a start and while the city runs: two of four still hold enough shares to open
// (t = 2), but cannot publish (w = 3), so nothing personal may open, and nothing public may stop.
func playQuorum(ctx context.Context, p *play) error {
	c, people, err := p.inhabited(ctx)
	if err != nil {
		return err
	}
	who := people[0]
	if err := c.park(ctx, sessionID(1), who); err != nil {
		return err
	}
	if err := c.opens(ctx, who, "four guardians: an inspector reads a session"); err != nil {
		return err
	}

	if err := c.loseTwo(); err != nil {
		return err
	}
	if err := c.without(ctx, who, "kill -9 of two guardians while running"); err != nil {
		return err
	}
	if err := c.proc.stop(); err != nil {
		return err
	}

	if err := c.launch(ctx, 2); err != nil {
		p.check(false, "start the hub with two of four guardians", "/healthz answers", "%v", err)
		return nil
	}
	if err := c.without(ctx, who, "a start with two of four guardians"); err != nil {
		return err
	}
	if err := c.proc.stop(); err != nil {
		return err
	}

	if err := c.start(ctx); err != nil {
		return err
	}
	if err := c.opens(ctx, who, "four guardians again: an inspector reads the session"); err != nil {
		return err
	}
	if err := c.proc.stop(); err != nil {
		return err
	}
	return p.newCity("fresh").neverFounded(ctx, who)
}

// neverFounded is a city whose guardians are too few to hold their ceremony: there is nothing yet to seal with, so what
// is personal must be turned away, and not stored until later.
func (c *city) neverFounded(ctx context.Context, who person) error {
	const when = "a first start with two of four guardians"
	if err := c.launch(ctx, 2); err != nil {
		c.play.check(false, when, "/healthz answers", "%v", err)
		return nil
	}
	integrator, err := c.as("integrator-1")
	if err != nil {
		return err
	}
	const place = "Drill Memorial Car Park"
	body, err := json.Marshal(map[string]any{"id": "urn:ngsi-ld:OffStreetParking:drill:first", "type": typePark, "name": property(place)})
	if err != nil {
		return err
	}
	public, err := integrator.Do(ctx, http.MethodPost, entityPath, body, nil)
	if err != nil {
		return err
	}
	c.play.check(public.Status == http.StatusCreated, when+": the integrator writes a car park", "201", "%s", shown(public))
	if body, err = json.Marshal(map[string]any{"id": sessionID(1), "type": typeSession, "licensePlate": property(who.plate), "driver": property(who.driver)}); err != nil {
		return err
	}
	personal, err := integrator.Do(ctx, http.MethodPost, entityPath, body, nil)
	if err != nil {
		return err
	}
	hint := ""
	if personal.Problem != nil {
		hint = personal.Problem.Hint
	}
	c.play.check(personal.Status == http.StatusServiceUnavailable && hint != "", when+": the integrator writes a parking session", "503 with a hint", "%s (hint: %s)", shown(personal), hint)
	if err := c.proc.stop(); err != nil {
		return err
	}
	t, err := steal(ctx, c.path("hub"), c.play.scratch("stolen"))
	if err != nil {
		return err
	}
	hits, _, err := t.search(newNeedles(words([]person{who})))
	if err != nil {
		return err
	}
	c.play.check(len(hits) == 0, when+": search the hub's directory for the session", "nothing", "%s", listed(hits))
	if hits, _, err = t.search(newNeedles([]string{place})); err != nil {
		return err
	}
	c.play.control(len(hits) > 0, when+": search it for the car park", "found", "%s", listed(hits))
	return nil
}

func (c *city) opens(ctx context.Context, who person, tried string) error {
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, who.plate)
	if err != nil {
		return err
	}
	c.play.control(tells(a, sessionID(1), who), tried, "plate and driver in clear", "%s", shown(a))
	return nil
}

func (c *city) loseTwo() error {
	for _, i := range []int{2, 3} {
		pid, err := c.guardianPID(i)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("killing guardian %d: %w", i, err)
		}
	}
	return nil
}

// without checks a city that has no quorum.
func (c *city) without(ctx context.Context, who person, when string) error {
	anyone, err := c.as("")
	if err != nil {
		return err
	}
	integrator, err := c.as("integrator-1")
	if err != nil {
		return err
	}
	health, err := anyone.Do(ctx, http.MethodGet, "/healthz", nil, nil)
	if err != nil {
		return err
	}
	c.play.check(health.Status == http.StatusOK, when+": GET /healthz", "200", "%s", shown(health))
	parks, err := anyone.Do(ctx, http.MethodGet, entityPath+"?type="+typePark+"&limit=5&options=keyValues", nil, nil)
	if err != nil {
		return err
	}
	var list []map[string]any
	err = json.Unmarshal(parks.Body, &list)
	c.play.check(parks.Status == http.StatusOK && err == nil && len(list) == 5, when+": anyone reads car parks", "200, five of them", "%s, %d entities", shown(parks), len(list))
	id := fmt.Sprintf("urn:ngsi-ld:OffStreetParking:drill:%d", time.Now().UnixNano())
	body, err := json.Marshal(map[string]any{"id": id, "type": typePark, "availableSpotNumber": property(7)})
	if err != nil {
		return err
	}
	wrote, err := integrator.Do(ctx, http.MethodPost, entityPath, body, nil)
	if err != nil {
		return err
	}
	read, err := anyone.Do(ctx, http.MethodGet, entityURL(id), nil, nil)
	if err != nil {
		return err
	}
	c.play.check(wrote.Status == http.StatusCreated && read.Status == http.StatusOK, when+": the integrator writes a car park", "201, and it is read back", "%s; %s", shown(wrote), shown(read))

	return c.nothingOpens(ctx, who, when)
}

func (c *city) nothingOpens(ctx context.Context, who person, when string) error {
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	published, err := c.published(ctx)
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, who.plate)
	if err != nil {
		return err
	}
	clear := newNeedles(words([]person{who})).find("answer", a.Body)
	said := a.Problem != nil && a.Problem.Title != "" && a.Problem.Detail != "" && a.Problem.Hint != ""
	hint := ""
	if a.Problem != nil {
		hint = a.Problem.Hint
	}
	c.play.check(a.Status == http.StatusServiceUnavailable && said && len(clear) == 0, when+": an inspector reads a session", "503 with title, detail and hint; nothing in clear", "%s (hint: %s); %s in clear", shown(a), hint, listed(clear))
	after, err := c.published(ctx)
	if err != nil {
		return err
	}
	c.play.check(after == published, when+": what is published", "no leaf more than before", "%d leaves, %d before", after, published)
	return nil
}

// published is the size of the published checkpoint, with its co-signatures verified.
func (c *city) published(ctx context.Context) (uint64, error) {
	cp, err := c.checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	return cp.Size, nil
}

func (c *city) checkpoint(ctx context.Context) (*verify.Checkpoint, error) {
	trust, err := c.trust()
	if err != nil {
		return nil, err
	}
	anyone, err := c.as("")
	if err != nil {
		return nil, err
	}
	a, err := anyone.Do(ctx, http.MethodGet, "/log/checkpoint", nil, nil)
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the published checkpoint: %w", err)
	}
	cp, err := trust.Checkpoint(a.Body)
	if err != nil {
		return nil, fmt.Errorf("the published checkpoint: %w", err)
	}
	return cp, nil
}
