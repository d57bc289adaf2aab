package city

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tribune"
	"tribune/internal/gate"
	"tribune/internal/intake/device"
	"tribune/internal/intake/uplink/payload"
	"tribune/internal/web"
	"tribune/law"
)

// vaultOf stands in for the vault: what it wraps is noise to whoever does not have it.
type vaultOf map[string][]byte

func (v vaultOf) Wrap(label string, data []byte) ([]byte, error) {
	noise := make([]byte, 48)
	rand.Read(noise)
	v[label+string(noise)] = bytes.Clone(data)
	return noise, nil
}

func (v vaultOf) Unwrap(label string, wrapped []byte) ([]byte, error) {
	if data, ok := v[label+string(wrapped)]; ok {
		return data, nil
	}
	return nil, &tribune.IntegrityError{What: "wrapped data", Err: tribune.ErrInvalid}
}

// registry is a founded demo's hub as far as browsers' keys need one, with a clock to set.
type registry struct {
	*demo
	hub   *Hub
	vault vaultOf
	clock time.Time
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{demo: newDemo(t), vault: vaultOf{}, clock: time.Now()}
	r.start(t)
	return r
}

// start is what a restart does: everything is read from the disk.
func (r *registry) start(t *testing.T) {
	t.Helper()
	now := func() time.Time { return r.clock }
	g, err := gate.New(gate.Config{Dir: r.Dir.Law(), Trust: r.trust, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	r.hub = &Hub{cfg: Config{Dir: r.Dir, City: demoCity, Trust: r.trust}, log: slog.New(slog.DiscardHandler), now: now, vault: &sealing{}, gate: g, leaves: newDeviceLeaves()}
	if r.hub.devices, err = device.New(device.Config{Dir: r.Dir.Devices(), Steward: r.trust.Steward, City: demoCity, Now: now}); err != nil {
		t.Fatal(err)
	}
	if r.hub.intake.payloads, err = payload.New(payload.Config{Dir: r.Dir.Devices(), Steward: r.trust.Steward}); err != nil {
		t.Fatal(err)
	}
	r.hub.keys = newBrowserKeys(r.hub)
	r.hub.keys.wrapper = func() wrapper { return r.vault }
	r.hub.keys.pseudonym = func(context.Context, web.PersonName) (tribune.Pseudonym, error) { return tribune.Pseudonym{7}, nil }
}

func aKey(t *testing.T) []byte {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func (r *registry) citizen() *web.Session {
	return &web.Session{Method: "openid", Began: r.clock, Subject: "https://id.example#4711", Role: web.RoleCitizen, Names: []web.PersonName{{Type: "plate", Name: "AB12CDE"}}}
}

func (r *registry) inspector() *web.Session {
	return &web.Session{Method: "openid", Began: r.clock, Subject: "https://id.example#12", Role: web.RoleOfficer, Actor: law.Inspector, Office: "parking-inspector"}
}

func (r *registry) files(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range []string{r.Dir.Requests(), filepath.Join(r.Dir.Law(), "appointments")} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			all[filepath.Base(path)] = string(data)
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return all
}
