package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	_ "embed"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/sim"
	"tribune/protocol"
)

// The demo's devices: one for each car park and air station. What they measure goes as a real device's would, by MQTT under
// the device's own credential, one client each; the hub knows them by documents that the demo's steward has signed. The
// tokens rest with the outside world, DIR/sim/tokens.json.

//go:embed device.toml
var deviceText string

const (
	publishWithin = 30 * time.Second // a reading is durable within milliseconds; a hub that starts takes seconds
	lifeOfDemo    = 1                // years until a demo's device ends
)

// sensors plays the devices: it is the sim's twin, and hands on what no device measures.
type sensors struct {
	hub  *Hub
	path string // of the tokens

	mu      sync.Mutex // guards what follows
	byID    map[tribune.EntityID]sim.Sensor
	tokens  map[string]string // by device
	clients map[string]paho.Client
}

func (d Dir) Tokens() string { return d.path("sim", "tokens.json") }

// equip registers the devices that are not registered yet.
func (s *sensors) equip(all []sim.Sensor, stewardKey string) error {
	s.byID, s.tokens, s.clients = map[tribune.EntityID]sim.Sensor{}, map[string]string{}, map[string]paho.Client{}
	data, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(data, &s.tokens)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the devices' tokens: %w", err)
	}
	signer, err := note.NewSigner(stewardKey)
	if err != nil {
		return err
	}
	text, err := template.New("device.toml").Parse(deviceText)
	if err != nil {
		return err
	}
	documents := map[string]string{}
	for _, one := range all {
		s.byID[one.Entity] = one
		known, ok := s.hub.devices.Get(one.ID)
		if ok && s.tokens[one.ID] != "" && known.InForce(s.hub.now()) {
			continue
		}
		token, sum := device.NewToken()
		s.tokens[one.ID] = token
		var out strings.Builder
		now := s.hub.now().UTC()
		if err := text.Execute(&out, map[string]any{
			"S": one, "City": s.hub.cfg.City, "From": now.Format(time.RFC3339), "Until": now.AddDate(lifeOfDemo, 0, 0).Format(time.DateOnly), "Token": sum,
		}); err != nil {
			return fmt.Errorf("writing the document of %s: %w", one.ID, err)
		}
		documents[one.ID] = out.String()
	}
	if len(documents) == 0 {
		return nil
	}
	// The tokens come first: a document whose token nobody has is a device that can never report.
	if data, err = json.MarshalIndent(s.tokens, "", " "); err != nil {
		return err
	}
	if err := writeFile(s.path, data, 0o600); err != nil {
		return fmt.Errorf("keeping the devices' tokens: %w", err)
	}
	for id, document := range documents {
		signed, err := protocol.SignDocument(document, signer)
		if err == nil {
			_, err = s.hub.devices.Add(signed)
		}
		if err != nil {
			return fmt.Errorf("registering %s: %w", id, err)
		}
	}
	return nil
}

// Apply hands measurements to their devices, and the rest to the twin.
func (s *sensors) Apply(ctx context.Context, changes []tribune.Change) error {
	measured := map[tribune.EntityID]map[int64][]tribune.Change{}
	var given []tribune.Change
	for _, c := range changes {
		one, ok := s.byID[c.Entity]
		if _, onRecord := s.hub.deviceOnRecord(one.ID); !ok || !onRecord || c.ObservedAt.IsZero() {
			given = append(given, c)
			continue
		}
		if measured[c.Entity] == nil {
			measured[c.Entity] = map[int64][]tribune.Change{}
		}
		measured[c.Entity][c.ObservedAt.Unix()] = append(measured[c.Entity][c.ObservedAt.Unix()], c)
	}
	if err := s.hub.twin.Apply(ctx, given); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for id, times := range measured {
		group.Go(func() error {
			for _, at := range slices.Sorted(maps.Keys(times)) {
				if err := s.report(ctx, s.byID[id], at, times[at]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// senmlRecord is one record of SenML (RFC 8428).
type senmlRecord struct {
	BaseTime int64    `json:"bt,omitempty"`
	Name     string   `json:"n"`
	Unit     string   `json:"u,omitempty"`
	Value    *float64 `json:"v,omitempty"`
	Text     *string  `json:"vs,omitempty"`
}

// report publishes what one device measured at one time, and returns once the hub has acknowledged it.
func (s *sensors) report(ctx context.Context, one sim.Sensor, at int64, changes []tribune.Change) error {
	var pack []senmlRecord
	for _, c := range changes {
		r := senmlRecord{Name: nameOf(one, c.Attr)}
		var instance struct {
			Value any `json:"value"`
		}
		if err := json.Unmarshal(c.Value, &instance); err != nil {
			return fmt.Errorf("%w: a value of %s", tribune.ErrInvalid, one.ID)
		}
		switch v := instance.Value.(type) {
		case float64:
			r.Value = &v
		case string:
			r.Text = &v
		default:
			return fmt.Errorf("%w: %s reports a value of type %T", tribune.ErrInvalid, one.ID, v)
		}
		pack = append(pack, r)
	}
	pack[0].BaseTime = at
	body, err := json.Marshal(pack)
	if err != nil {
		return err
	}
	client, err := s.client(one.ID)
	if err != nil {
		return err
	}
	return wait(ctx, client.Publish("devices/"+one.ID+"/senml", 1, false, body), "publishing a reading")
}

func nameOf(one sim.Sensor, attr tribune.Name) string {
	for _, m := range one.Measures {
		if m.Attribute == attr {
			return m.Name
		}
	}
	return string(attr)
}

// client is the device's connection.
func (s *sensors) client(id string) (paho.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[id]; c != nil && c.IsConnectionOpen() {
		return c, nil
	}
	options := paho.NewClientOptions().AddBroker("tcp://" + s.hub.intake.plain.Addr().String()).SetClientID(id).
		SetUsername(id).SetPassword(s.tokens[id]).SetAutoReconnect(false).SetConnectTimeout(publishWithin)
	c := paho.NewClient(options)
	if err := wait(context.Background(), c.Connect(), "connecting a device"); err != nil {
		return nil, err
	}
	s.clients[id] = c
	return c, nil
}

// wait waits for what the broker answers. Whatever else it is, it is not the reading's fault: the outside world tries again.
func wait(ctx context.Context, token paho.Token, doing string) error {
	select {
	case <-token.Done():
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(publishWithin):
		return fmt.Errorf("%w: %s took longer than %s", tribune.ErrBusy, doing, publishWithin)
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("%w: %s: %w", tribune.ErrBusy, doing, err)
	}
	return nil
}

// close ends the connections.
func (s *sensors) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		c.Disconnect(0)
	}
}
