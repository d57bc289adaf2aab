package intake

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/intake/quarantine"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/protocol"
)

const vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a desk over a real twin, with a register whose steward signs whatever a test needs.
type world struct {
	t       testing.TB
	clock   *clock
	store   store.Store
	twin    *twin.Twin
	desk    *Desk
	devices *device.Register
	dir     string // of the register
	jail    *quarantine.Store
	signer  note.Signer
	log     *bytes.Buffer
}

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: start}, log: &bytes.Buffer{}}
	dir := pebble.Config{Dir: "store", FS: vfs.NewMem()}
	if _, isBench := t.(*testing.B); isBench {
		dir = pebble.Config{Dir: t.TempDir()}
	}
	st, err := pebble.Open(dir)
	must(t, err)
	w.store = st
	t.Cleanup(func() { st.Close() })
	w.twin, err = twin.New(twin.Config{Store: st, Now: w.clock.now,
		ClassOf: func([]tribune.Name, tribune.Name) tribune.Class { return tribune.Class{ID: "air"} }})
	must(t, err)
	w.jail, err = quarantine.New(quarantine.Config{Store: st, Now: w.clock.now, Key: bytes.Repeat([]byte{7}, 32)})
	must(t, err)
	skey, vkey, err := protocol.NewKey("city.example/steward")
	must(t, err)
	w.signer, err = note.NewSigner(skey)
	must(t, err)
	w.dir = t.TempDir()
	w.devices, err = device.New(device.Config{Dir: w.dir, Steward: vkey, City: "city.example", Now: w.clock.now})
	must(t, err)
	cfg := Config{Apply: w.twin.Apply, Quarantine: w.jail, Now: w.clock.now, Log: slog.New(slog.NewTextHandler(w.log, nil))}
	if change != nil {
		change(&cfg)
	}
	w.desk = NewDesk(cfg)
	t.Cleanup(w.desk.Close)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// document is a device's text; extra goes before its senses.
func document(id, sum, extra, senses string) string {
	return fmt.Sprintf(`id = %q
title = "Air"
kind = "sensor"
owner = "City Council"
contact = "air@city.example"
place = { name = "High Street", longitude = -1.89, latitude = 52.48 }
need = "To know the air."
alternative = "Nothing is sensed of anybody."
cost = "200 pounds, 20 a year"
fallback = "A paper filter."
cannot_sense = ["faces", "voices"]
from = 2026-11-22T09:00:00Z
until = 2027-11-22
token_sha256 = %q
per_minute = 1000000
%s
%s`, id, sum, extra, senses)
}

func sense(name, entity, extra string) string {
	return fmt.Sprintf(`
[[senses]]
title = "Sense"
name = %q
entity = %q
type = %q
attribute = %q
%s
`, name, entity, vocabulary+"AirQualityObserved", vocabulary+"temperature", extra)
}

const celsius = "unit = \"Cel\"\nminimum = -50\nmaximum = 60"

// add registers a device with one sense "temperature" and whatever is given besides.
func (w *world) add(id, extra string, senses ...string) *device.Device {
	w.t.Helper()
	_, sum := device.NewToken()
	text := sense("temperature", entityOf(id), celsius) + strings.Join(senses, "")
	signed, err := protocol.SignDocument(document(id, sum.String(), extra, text), w.signer)
	must(w.t, err)
	d, err := w.devices.Add(signed)
	must(w.t, err)
	return d
}

func entityOf(id string) string { return "urn:ngsi-ld:AirQualityObserved:" + id }

// signing registers a device with a signing key.
func (w *world) signing(id string) (*device.Device, ed25519.PrivateKey) {
	w.t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	must(w.t, err)
	return w.add(id, fmt.Sprintf("signing_key = %q", base64.StdEncoding.EncodeToString(public))), private
}

// rows is how many values of temperature the twin has of a device.
func (w *world) rows(id string) int {
	w.t.Helper()
	e, err := w.twin.History(context.Background(), twin.TemporalQuery{ID: tribune.EntityID(entityOf(id)), Property: "modifiedAt"})
	if err != nil {
		return 0
	}
	return len(e.Attrs[vocabulary+"temperature"])
}

// everything is every byte in the store.
func (w *world) everything() []byte {
	w.t.Helper()
	var all []byte
	for p, err := range w.store.Scan(context.Background(), store.Range{}) {
		must(w.t, err)
		all = append(append(append(all, p.Key...), p.Value...), '\n')
	}
	return all
}

// valid reports whether the twin can read a change.
func valid(c tribune.Change) bool {
	a, err := twin.OpenAttr(c.Value)
	return err == nil && !a.Null() && len(c.ID) <= 512 && len(c.Entity) <= 512 && len(c.Types) == 1 && !c.ObservedAt.IsZero()
}
