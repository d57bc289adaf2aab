package city

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/sim"
	"tribune/protocol"
)

// document is a device's document that the demo's steward has signed.
func (r *registry) document(t *testing.T, from time.Time, token string) []byte {
	t.Helper()
	one := sim.Sensor{
		ID: "lamp-1", Title: "Lamp", Place: "Here", Entity: "urn:ngsi-ld:Lamp:1", Type: "https://example.org/Lamp",
		Measures: []sim.Measure{{Name: "level", Title: "Level", Attribute: "https://example.org/level"}},
	}
	var text bytes.Buffer
	if err := template.Must(template.New("").Parse(deviceText)).Execute(&text, map[string]any{
		"S": one, "City": demoCity, "From": from.UTC().Format(time.RFC3339), "Until": from.UTC().AddDate(1, 0, 0).Format(time.DateOnly), "Token": device.TokenHash(token),
	}); err != nil {
		t.Fatal(err)
	}
	key, _, err := noteKey(r.Dir.Institution("steward"), demoCity+"/steward")
	if err != nil {
		t.Fatal(err)
	}
	steward, err := note.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := protocol.SignDocument(text.String(), steward)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// putOnRecord writes where a document stands on record, as if it did.
func (r *registry) putOnRecord(t *testing.T, signed []byte, from time.Time) {
	t.Helper()
	data, err := json.Marshal(deviceLeaf{Document: sha256.Sum256(signed), Index: 3, From: from})
	if err == nil {
		err = writeFile(r.hub.deviceLeafPath("lamp-1"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A connection that was let in under one document must not report under the next before that stands on record: without quorum
// it could for as long as it likes.
func TestConnectionOutlivesNoDocumentThatIsOnRecord(t *testing.T) {
	r := newRegistry(t)
	first := r.document(t, r.clock.Add(-time.Hour), "secret")
	if _, err := r.hub.devices.Add(first); err != nil {
		t.Fatal(err)
	}
	if _, err := (recorded{r.hub}).Authenticate("lamp-1", "secret"); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("before anything is on record: %v", err)
	}
	r.putOnRecord(t, first, r.clock.Add(-time.Hour))
	connected, err := recorded{r.hub}.Authenticate("lamp-1", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.hub.devices.Add(r.document(t, r.clock.Add(-time.Minute), "secret")); err != nil {
		t.Fatal(err)
	}
	desk := recordedDesk{hub: r.hub} // there is no desk behind it to ask
	if _, err := desk.Take(t.Context(), intake.Message{Device: connected, Body: []byte(`{"level": 1}`)}); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("a message under the newer document: %v", err)
	}
	if _, err := desk.TakeReadings(t.Context(), connected, nil); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("readings under the newer document: %v", err)
	}
}

// A stolen device was taken out of the register. Documents are public: whoever has its token must not bring it back with a copy.
func TestWithdrawnDeviceDoesNotComeBackWithAnOldDocument(t *testing.T) {
	r := newRegistry(t)
	first := r.document(t, r.clock.Add(-time.Hour), "secret")
	if _, err := r.hub.devices.Add(first); err != nil {
		t.Fatal(err)
	}
	r.putOnRecord(t, first, r.clock.Add(-time.Hour))
	newer := r.document(t, r.clock.Add(-time.Minute), "secret")
	for _, c := range []struct {
		name   string
		signed []byte
		ok     bool
	}{{"registered", first, true}, {"withdrawn", first, false}, {"older than that", r.document(t, r.clock.Add(-2*time.Hour), "secret"), false}, {"newer", newer, true}} {
		if c.name == "withdrawn" {
			if err := errors.Join(os.Remove(filepath.Join(r.Dir.Devices(), "lamp-1.toml")), r.hub.devices.Reload()); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.hub.notWithdrawn(c.signed); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Anybody may send a document. One that the steward has not signed must not be read: TOML that nests deeply takes a processor for
// minutes.
func TestDocumentOfAStrangerIsNotRead(t *testing.T) {
	r := newRegistry(t)
	first := r.document(t, r.clock.Add(-time.Hour), "secret")
	r.putOnRecord(t, first, r.clock.Add(-time.Hour))
	if err := r.hub.notWithdrawn(first); !errors.Is(err, tribune.ErrConflict) {
		t.Fatalf("a withdrawn device: %v", err)
	}
	text, _ := protocol.SplitDocument(first)
	nested := "a = " + strings.Repeat("{a=", 10_000)
	for name, unsigned := range map[string]string{"unsigned": text, "nested": nested + "\n\n\u2014 " + demoCity + "/steward AAAAAAAA\n"} {
		began := time.Now()
		if err := r.hub.notWithdrawn([]byte(unsigned)); err != nil {
			t.Errorf("%s: %v: it has been read", name, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
		if _, err := r.hub.devices.Add([]byte(unsigned)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: the register says %v", name, err)
		}
	}
}
