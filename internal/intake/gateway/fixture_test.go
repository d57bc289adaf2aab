package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/data"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/intake/gateway"
	"tribune/internal/intake/mqtt"
	"tribune/internal/intake/quarantine"
	"tribune/internal/intake/uplink/payload"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
	"tribune/protocol"
)

const vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"

// town is a hub's intake as the city wires it: both edges, the desk, a real twin and NGSI-LD in front of it.
type town struct {
	t       testing.TB
	url     string
	mqtt    string
	gateway *gateway.Gateway
	handler http.Handler
	twin    *twin.Twin
	devices *device.Register
	jail    *quarantine.Store
	steward note.Signer
	log     *locked

	mu       sync.Mutex
	payloads map[string]*payload.Document                         // guarded by mu
	now      time.Time                                            // guarded by mu
	apply    func(context.Context, []tribune.Change) error        // guarded by mu; nil = the twin's
	auth     func(id, token string) (d *device.Device, err error) // guarded by mu; nil = the register's
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{t: t, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), payloads: map[string]*payload.Document{}, log: &locked{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	must(t, err)
	t.Cleanup(func() { st.Close() })
	class := func([]tribune.Name, tribune.Name) tribune.Class { return tribune.Class{ID: "public"} }
	w.twin, err = twin.New(twin.Config{Store: st, Now: w.clock, ClassOf: class})
	must(t, err)
	w.jail, err = quarantine.New(quarantine.Config{Store: st, Now: w.clock})
	must(t, err)
	skey, vkey, err := protocol.NewKey("city.example/steward")
	must(t, err)
	w.steward, err = note.NewSigner(skey)
	must(t, err)
	w.devices, err = device.New(device.Config{Dir: t.TempDir(), Steward: vkey, Now: w.clock})
	must(t, err)
	desk := intake.NewDesk(intake.Config{Apply: w.applied, Quarantine: w.jail, Now: w.clock, Log: log})
	t.Cleanup(desk.Close)
	w.gateway, err = gateway.New(gateway.Config{Desk: desk, Devices: w, Payloads: w, Now: w.clock, Log: log})
	must(t, err)
	files, err := data.Contexts()
	must(t, err)
	contexts, err := jsonld.New(jsonld.Config{Files: files})
	must(t, err)
	mux := http.NewServeMux()
	w.gateway.Routes(mux)
	mux.Handle(api.Prefix+"/", api.New(api.Config{Twin: w.twin, Contexts: contexts, Log: log, ClassOf: class, Now: w.clock}))
	wrapped := web.Wrap(web.Config{Log: log, Own: []web.Own{{Prefix: gateway.Prefix, MaxBody: gateway.MaxBody}}}, mux)
	w.handler = wrapped
	server := httptest.NewServer(wrapped)
	t.Cleanup(server.Close)
	w.url = server.URL
	edge, err := mqtt.New(mqtt.Config{Desk: desk, Devices: w, Now: w.clock, Log: log})
	must(t, err)
	w.serve(edge)
	return w
}

func (w *town) serve(edge *mqtt.Edge) {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	w.mqtt = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- edge.Serve(ctx, listener, nil, nil) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("serving MQTT: %v", err)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// locked is a log that is read while it is written.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (w *town) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *town) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *town) applied(ctx context.Context, changes []tribune.Change) error {
	w.mu.Lock()
	apply := w.apply
	w.mu.Unlock()
	if apply != nil {
		if err := apply(ctx, changes); err != nil {
			return err
		}
	}
	return w.twin.Apply(ctx, changes)
}

// Authenticate and Get make the town the gateway's Devices and Payloads.
func (w *town) Authenticate(id, token string) (*device.Device, error) {
	w.mu.Lock()
	auth := w.auth
	w.mu.Unlock()
	if auth != nil {
		return auth(id, token)
	}
	return w.devices.Authenticate(id, token)
}

func (w *town) Get(id string) (*payload.Document, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, ok := w.payloads[id]
	return d, ok
}

// sense is one of a document's.
func sense(name, entity, kind, attribute, more string) string {
	return fmt.Sprintf("\n[[senses]]\ntitle = %q\nname = %q\nentity = %q\ntype = %q\nattribute = %q\n%s\n", attribute, name, entity, vocabulary+kind, vocabulary+attribute, more)
}

const celsius = "unit = \"Cel\"\nminimum = -50\nmaximum = 60"

// add registers a device and returns its token. extra goes before its senses.
func (w *town) add(id, kind, extra string, senses ...string) string {
	w.t.Helper()
	token, sum := device.NewToken()
	text := fmt.Sprintf(`id = %q
title = "Air"
kind = %q
owner = "City Council"
contact = "air@city.example"
place = { name = "High Street", longitude = -1.89, latitude = 52.48 }
need = "To know the air."
alternative = "Nothing is sensed of anybody."
cost = "200 pounds"
fallback = "A visit."
cannot_sense = ["faces"]
from = 2026-11-22T09:00:00Z
until = 2027-11-22
token_sha256 = %q
%s
%s`, id, kind, sum.String(), extra, strings.Join(senses, ""))
	signed, err := protocol.SignDocument(text, w.steward)
	must(w.t, err)
	_, err = w.devices.Add(signed)
	must(w.t, err)
	return token
}

// air registers a sensor of temperature and humidity.
func (w *town) air(id string) string {
	w.t.Helper()
	return w.add(id, "sensor", "", sense("temperature", entity(id), "AirQualityObserved", "temperature", celsius),
		sense("humidity", entity(id), "AirQualityObserved", "relativeHumidity", "unit = \"%RH\""), sense("note", entity(id), "AirQualityObserved", "description", ""))
}

func entity(id string) string { return "urn:ngsi-ld:AirQualityObserved:" + id }

// history is an attribute's values of an entity, oldest first, as "value@time".
func (w *town) history(entity, attribute string) (all []string) {
	w.t.Helper()
	e, err := w.twin.History(context.Background(), twin.TemporalQuery{ID: tribune.EntityID(entity), Property: "observedAt"})
	if errors.Is(err, tribune.ErrNotFound) {
		return nil
	}
	must(w.t, err)
	for _, a := range e.Attrs[tribune.Name(vocabulary+attribute)] {
		all = append(all, fmt.Sprintf("%s@%s", a.Value, a.ObservedAt.UTC().Format(time.RFC3339)))
	}
	return all
}

// reply is what a request was answered.
type reply struct {
	status int
	header http.Header
	body   string
}

// post sends a message of a device.
func (w *town) post(path, id, token, contentType, body string, headers ...string) reply {
	w.t.Helper()
	return w.send(path, id, token, contentType, strings.NewReader(body), headers...)
}

func (w *town) send(path, id, token, contentType string, body io.Reader, headers ...string) reply {
	w.t.Helper()
	r, err := http.NewRequest("POST", w.url+path, body)
	must(w.t, err)
	if id != "" {
		r.SetBasicAuth(id, token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(w.t, err)
	return reply{res.StatusCode, res.Header, string(text)}
}

// entries is what is in quarantine of a device.
func (w *town) entries(id string) []quarantine.Entry {
	w.t.Helper()
	list, err := w.jail.List(context.Background(), id)
	must(w.t, err)
	return list
}
