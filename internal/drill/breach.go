package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"tribune/ibe"
	"tribune/internal/client"
	"tribune/protocol"
	"tribune/verify"
)

const (
	// breachSessions are stored by the drill itself, so that it knows what must be in the copy, sealed.
	breachSessions = 12
	// maxValues bounds the sealed values that every found key is tried on; more of the same kind say nothing new.
	maxValues = 400
	// maxHeaders and maxPoints bound pairings, 0.7 ms each.
	maxHeaders = 40
	maxPoints  = 24
)

var sealedClasses = []string{"parking-session", "unclassified"}

// playBreach steals the directory of a hub that is running and tries to open it.
func playBreach(ctx context.Context, p *play) error {
	c, people, err := p.inhabited(ctx)
	if err != nil {
		return err
	}
	bodies, err := c.use(ctx, people)
	if err != nil {
		return err
	}
	t, err := steal(ctx, c.path("hub"), p.scratch("stolen"))
	if err != nil {
		return err
	}
	leaves, err := c.leaves(ctx, p.scratch("stolen", "log"))
	if err != nil {
		return err
	}
	if err := c.proc.stop(); err != nil {
		return err
	}
	group, err := readGroup(p.scratch("stolen", "group.json"))
	if err != nil {
		return err
	}
	b := &breach{play: p, theft: t, people: people, needles: newNeedles(words(people)), leaves: leaves, group: group}
	for _, step := range []func(context.Context) error{b.search, b.keys, b.guess, b.planted} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return b.talk(c, bodies)
}

// use has people park and an inspector look, and provokes errors of all kinds. It returns what the hub said to them.
func (c *city) use(ctx context.Context, people []person) (bodies [][]byte, err error) {
	for i := range breachSessions {
		if err := c.park(ctx, sessionID(i), people[i%len(people)]); err != nil {
			return nil, err
		}
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return nil, err
	}
	a, err := c.ask(ctx, inspector, people[0].plate)
	if err != nil {
		return nil, err
	}
	c.play.control(tells(a, sessionID(0), people[0]), "an inspector reads a session before the theft", "plate and driver in clear", "%s", shown(a))
	who := people[0]
	plate, _ := json.Marshal(who.plate)
	integrator, err := c.as("integrator-1")
	if err != nil {
		return nil, err
	}
	broken := *inspector
	broken.Mandate = "no-such-mandate"
	stranger := *inspector
	stranger.Token = "tribune_" + who.plate
	unsigned := *inspector
	unsigned.Key = nil
	for _, try := range []struct {
		as           *client.Client
		method, path string
		body         string
	}{
		{inspector, "POST", queryPath, `{"type":"Query","entities":[{"type":"ParkingSession"}],"q":"licensePlate==` + who.plate + `"}`},
		{inspector, "POST", queryPath, `{"type":"Query","entities":[{"type":"ParkingSession"}],"q":"licensePlate=="` + who.plate + `;;"}`},
		{inspector, "POST", queryPath, `{"q":"driver==` + who.driver},
		{inspector, "POST", queryPath, `{"type":"Query","entities":[{"type":"ParkingSession"}],"q":` + quoted("licensePlate=="+string(plate)) + `,"unknown":` + string(plate) + `}`},
		{&broken, "POST", queryPath, string(plateQuery(who.plate))},
		{&stranger, "POST", queryPath, string(plateQuery(who.plate))},
		{&unsigned, "POST", queryPath, string(plateQuery(who.plate))},
		{integrator, "POST", entityPath, `{"id":"urn:ngsi-ld:ParkingSession:bad","type":"ParkingSession","licensePlate":{"type":"Property","value":[` + string(plate) + `]},"driver":{"type":"Nonsense","value":` + quoted(who.driver) + `}}`},
		{integrator, "POST", entityPath, `{"id":` + quoted(who.plate) + `,"type":"ParkingSession","licensePlate":{"type":"Property","value":` + string(plate) + `}}`},
		{integrator, "PATCH", entityURL(sessionID(0)) + "/attrs", `{"driver":{"type":"Property","value":{"@type":"DateTime","@value":` + quoted(who.driver) + `}}}`},
	} {
		a, err := try.as.Do(ctx, try.method, try.path, []byte(try.body), nil)
		if err != nil {
			return nil, err
		}
		if a.Status >= 300 {
			bodies = append(bodies, a.Body)
		}
	}
	return bodies, nil
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}

// breach is the thief at work.
type breach struct {
	play    *play
	theft   *theft
	people  []person
	needles *needles
	leaves  [][]byte
	group   protocol.Group
}

func (b *breach) search(context.Context) error {
	hits, size, err := b.theft.search(b.needles)
	if err != nil {
		return err
	}
	b.play.check(len(hits) == 0, fmt.Sprintf("search every file, and every key and value of the opened store, for %d plates and drivers in %d spellings", 2*len(b.people), len(b.needles.forms)),
		"nothing", "%s in %d bytes, %d rows", listed(hits), size, len(b.theft.pairs))
	return nil
}

// values are sealed values in the stolen store.
func (b *breach) values() (all []sealedValue) {
	for _, p := range b.theft.pairs {
		if all = append(all, sealedIn(p.Value, sealedClasses)...); len(all) >= maxValues {
			return all[:maxValues]
		}
	}
	return all
}

// keys tries every key in the copy on everything sealed.
func (b *breach) keys(context.Context) error {
	secrets, err := b.theft.secrets()
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, s := range secrets {
		names[s.where] = true
	}
	b.play.control(names["file keys/log.key"] && names["file keys/hub.key"] && names["file keys/epoch.key"],
		"collect keys from the copy", "log.key, hub.key and epoch.key among them", "%d keys in %d files", len(secrets), len(names))
	values := b.values()
	b.play.control(len(values) >= breachSessions, "find the sealed values in the stolen store", fmt.Sprintf("at least %d", breachSessions), "%d", len(values))
	opened, err := tryAll(secrets, values)
	if err != nil {
		return err
	}
	b.play.check(len(opened) == 0, fmt.Sprintf("try %d keys on %d sealed values", len(secrets), len(values)), "none opens", "%s", some(opened))
	return b.behindEpoch(secrets, values)
}

// behindEpoch goes as far as the epoch key, which the thief of a whole machine has, leads.
func (b *breach) behindEpoch(secrets []secret, values []sealedValue) error {
	u, err := b.theft.unwrap(secrets)
	if err != nil {
		return err
	}
	b.play.control(len(u.headers) > 0 && len(u.traces) > 0 && len(u.openings) > 0, "unwrap headers, trace keys and openings with the stolen epoch key",
		"all three kinds", "%d headers, %d trace keys, %d openings", len(u.headers), len(u.traces), len(u.openings))
	var hits []hit
	for i, o := range u.openings {
		hits = append(hits, b.needles.find(fmt.Sprintf("opening %d", i), o)...)
	}
	b.play.check(len(hits) == 0, "search the unwrapped openings for plates and drivers", "nothing", "%s", listed(hits))

	var points [][]byte
	for _, d := range u.traces {
		k, err := protocol.TraceKey(d)
		if err != nil {
			return err
		}
		secrets = append(secrets, secret{[32]byte(k), "a trace key"})
		if len(points) < maxPoints {
			points = append(points, d)
		}
	}
	opened, err := tryAll(secrets, values)
	if err != nil {
		return err
	}
	b.play.check(len(opened) == 0, "try trace keys on sealed values", "none opens", "%s", some(opened))
	master, err := ibe.NewMaster(b.group.Seal.Key)
	if err != nil {
		return err
	}
	headers := u.headers[:min(len(u.headers), maxHeaders)]
	if opened, err = tryHeaders(b.group.City, master, headers, secrets, points); err != nil {
		return err
	}
	b.play.check(len(opened) == 0, fmt.Sprintf("try %d keys and %d points on %d headers", len(secrets), len(points), len(headers)), "no data key", "%s", some(opened))
	return b.headerControl(secrets)
}

// guess attacks pseudonyms and tags with all plates and drivers as dictionary.
func (b *breach) guess(context.Context) error {
	secrets, err := b.theft.secrets()
	if err != nil {
		return err
	}
	targets := b.theft.tokens()
	stored := len(targets)
	if err := targets.add(b.leaves); err != nil {
		return err
	}
	b.play.control(stored >= breachSessions && len(targets) > stored, "collect pseudonyms, index tokens and tags", "more than there were sessions, and tags", "%d and %d", stored, len(targets)-stored)
	found, guesses, err := targets.attack(b.group.City, words(b.people), secrets)
	if err != nil {
		return err
	}
	b.play.check(len(found) == 0, fmt.Sprintf("guess them from every plate and driver, %d guesses", guesses), "no match", "%s", some(found))
	return nil
}

// leaves reads a copied log, verifying it on the way.
func (c *city) leaves(ctx context.Context, dir string) (all [][]byte, err error) {
	trust, err := c.trust()
	if err != nil {
		return nil, err
	}
	_, err = trust.Leaves(os.DirFS(dir), 0, func(_ uint64, leaf []byte) error {
		all = append(all, bytes.Clone(leaf))
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("reading the copied log: %w", err)
	}
	return all, nil
}

func (c *city) trust() (*verify.Trust, error) {
	text, err := os.ReadFile(c.path("trust.txt"))
	if err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	return verify.ParseTrust(text)
}

func readGroup(path string) (g protocol.Group, err error) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err != nil {
		return g, fmt.Errorf("reading the guardians' roster: %w", err)
	}
	return g, g.Validate()
}

func some(found []string) string {
	if len(found) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d: %s", len(found), strings.Join(found[:min(3, len(found))], "; "))
}

// settled waits until the hub has put its background acts (enrolment) on record, so that what follows is alone.
func settled(ctx context.Context) error {
	const enrolment = 1500 * time.Millisecond // three of the hub's own ticks
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(enrolment):
		return nil
	}
}
