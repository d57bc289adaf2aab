package drill

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tribune/internal/client"
)

// callFor bounds one HTTP call; the hub's own bound of an act is 30 s.
const callFor = 40 * time.Second

// city is a demo city: a directory, and the process that runs it, if any.
type city struct {
	play   *play
	dir    string
	proc   *process
	http   *http.Client
	speed  string
	people int
	mqtt   string // address to listen on for MQTT

	founders int  // guardians it is founded with; 0 = four
	vital    bool // its law lets two dispatchers open addresses while guardians cannot be reached
	hourly   int  // multiplies the offices' hourly limits; 0 = not
}

func (p *play) newCity(name string) *city {
	return &city{
		play: p, dir: p.scratch(name), people: p.cfg.People, speed: "60", mqtt: "127.0.0.1:0",
		http: &http.Client{Timeout: callFor, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
}

// inhabited starts a city and tells who lives there.
func (p *play) inhabited(ctx context.Context) (*city, []person, error) {
	c := p.newCity("city")
	if err := c.start(ctx); err != nil {
		return nil, nil, err
	}
	people, err := c.populace()
	return c, people, err
}

func (c *city) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// launch starts the demo with so many guardians and waits until the hub's address answers /healthz.
func (c *city) launch(ctx context.Context, guardians int) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("making a city: %w", err)
	}
	if err := os.Remove(c.path("address")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("making a city: %w", err)
	}
	c.http.CloseIdleConnections()
	args := []string{"demo", "--dir", c.dir, "--http", "127.0.0.1:0", "--people", strconv.Itoa(c.people), "--speed", c.speed,
		"--guardians", strconv.Itoa(guardians), "--mqtt", c.mqtt, "--patrol", "0", "--notify", "127.0.0.0/8", "-v"}
	if c.founders > 0 {
		args = append(args, "--founders", strconv.Itoa(c.founders))
	}
	if c.vital {
		args = append(args, "--vital")
	}
	if c.hourly > 0 {
		args = append(args, "--hourly-factor", strconv.Itoa(c.hourly))
	}
	var err error
	c.proc, err = c.play.spawn(ctx, c.dir+".log", nil, args...)
	if err != nil {
		return err
	}
	return c.proc.until(ctx, startFor, "the hub to answer", func() (bool, error) { return c.get(ctx, "/healthz") })
}

// start launches all guardians and waits until the city is ready.
func (c *city) start(ctx context.Context) error {
	guardians := c.founders
	if guardians == 0 {
		guardians = 4
	}
	if err := c.launch(ctx, guardians); err != nil {
		return err
	}
	return c.proc.until(ctx, startFor, "the city to be ready", func() (bool, error) { return c.get(ctx, "/readyz") })
}

func (c *city) get(ctx context.Context, path string) (bool, error) {
	hub, err := c.as("")
	if err != nil {
		return false, err
	}
	a, err := hub.Do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return false, err
	}
	return a.Status == http.StatusOK, a.Error()
}

// as is a client with the profile of one of the city's people; "" is anonymous.
func (c *city) as(name string) (*client.Client, error) {
	cl, err := client.Open(c.dir, name)
	if err != nil {
		return nil, err
	}
	cl.HTTP = c.http
	return cl, nil
}

// guardianPID is the process id of guardian 1..4.
func (c *city) guardianPID(i int) (int, error) {
	data, err := os.ReadFile(c.path("guardians", strconv.Itoa(i), "pid"))
	if err != nil {
		return 0, fmt.Errorf("finding guardian %d: %w", i, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("finding guardian %d: %w: its pid file says %q", i, errDrill, data)
	}
	return pid, nil
}

// person is one of the simulated outside world.
type person struct{ plate, driver string }

// populace reads the truth of the outside world.
func (c *city) populace() ([]person, error) {
	f, err := os.Open(c.path("sim", "people.csv"))
	if err != nil {
		return nil, fmt.Errorf("reading the city's people: %w", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the city's people: %w", err)
	}
	var all []person
	for _, row := range rows {
		if len(row) != 2 || row[0] == "plate" {
			continue
		}
		all = append(all, person{row[0], row[1]})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: the city has no people", errDrill)
	}
	return all, nil
}

// The types and attributes of the demo city.
const (
	typeSession = "ParkingSession"
	typePark    = "OffStreetParking"
	queryPath   = "/ngsi-ld/v1/entityOperations/query?options=keyValues&limit=100"
	entityPath  = "/ngsi-ld/v1/entities"
)

func property(value any) map[string]any { return map[string]any{"type": "Property", "value": value} }

// park writes one parking session of a person, as a service of the integrator's would.
func (c *city) park(ctx context.Context, id string, who person) error {
	integrator, err := c.as("integrator-1")
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"id": id, "type": typeSession, "licensePlate": property(who.plate), "driver": property(who.driver),
		"startedAt": property(map[string]string{"@type": "DateTime", "@value": time.Now().UTC().Format(time.RFC3339)}),
		"synthetic": property(true),
	})
	if err != nil {
		return err
	}
	a, err := integrator.Do(ctx, http.MethodPost, entityPath, body, nil)
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return fmt.Errorf("storing a parking session: %w", err)
	}
	return nil
}

// sessionID is the id of a session the drill itself stores.
func sessionID(n int) string { return fmt.Sprintf("urn:ngsi-ld:ParkingSession:drill:%d", n) }

func plateQuery(plate string) []byte {
	value, _ := json.Marshal(plate) // a string always encodes
	body, _ := json.Marshal(map[string]any{
		"type": "Query", "entities": []map[string]string{{"type": typeSession}}, "q": "licensePlate==" + string(value),
	})
	return body
}

// ask reads the sessions of a plate.
func (c *city) ask(ctx context.Context, who *client.Client, plate string) (*client.Answer, error) {
	return who.Read(ctx, http.MethodPost, queryPath, plateQuery(plate))
}

// tells reports whether an answer holds a person's session with plate and driver in clear.
func tells(a *client.Answer, id string, who person) bool {
	var list []map[string]any
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &list) != nil {
		return false
	}
	for _, e := range list {
		if e["id"] == id && e["licensePlate"] == who.plate && e["driver"] == who.driver {
			return true
		}
	}
	return false
}

// receipt fetches the self-contained receipt that an answer links to.
func (c *city) receipt(ctx context.Context, a *client.Answer) ([]byte, error) {
	path := client.ReceiptPath(a.Header)
	if path == "" {
		return nil, fmt.Errorf("%w: the answer links to no receipt", errDrill)
	}
	anyone, err := c.as("")
	if err != nil {
		return nil, err
	}
	full, err := anyone.Do(ctx, http.MethodGet, path, nil, nil)
	if err == nil {
		err = full.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("fetching a receipt: %w", err)
	}
	return full.Body, nil
}

// shown describes an answer in one line, without its data.
func shown(a *client.Answer) string {
	if a == nil {
		return "no answer"
	}
	text := strconv.Itoa(a.Status)
	if a.Problem != nil {
		text += " " + a.Problem.Title
		if a.Problem.Detail != "" {
			text += ": " + a.Problem.Detail
		}
		if len(a.Problem.Missing) > 0 {
			text += " (missing: " + strings.Join(a.Problem.Missing, "; ") + ")"
		}
		return text
	}
	return fmt.Sprintf("%s, %d bytes", text, len(a.Body))
}

func entityURL(id string) string { return entityPath + "/" + url.PathEscape(id) }
