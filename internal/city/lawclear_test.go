package city

import (
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// What lies in the open does not become personal by a law that says so: the change waits until it is deleted.
func TestLawThatWouldLeavePersonalDataInTheOpenGoesNoFurther(t *testing.T) {
	dir := Dir(t.TempDir())
	if err := dir.prepare(); err != nil {
		t.Fatal(err)
	}
	steward, _, err := protocol.NewKey("city.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	council, _, err := protocol.NewKey("city.example/council")
	if err != nil {
		t.Fatal(err)
	}
	pub, _, _ := ed25519.GenerateKey(nil)
	if err := os.RemoveAll(dir.Law()); err != nil {
		t.Fatal(err)
	}
	written, err := law.Write(dir.Law(), law.Config{City: "city.example", Steward: steward, Council: council, Now: time.Now(),
		Keys: map[tribune.ActorID]ed25519.PublicKey{law.Inspector: pub, law.Planner: pub, law.Hub: pub}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(t.Context(), Config{Dir: dir, City: "city.example", Origin: "city.example/record", Address: "127.0.0.1:0", T: 1, W: 1, Trust: written.Trust, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.listener.Close()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	files := h.gate.Set().Files()
	text, _ := protocol.SplitDocument(files[policy.FileClasses])
	before, after, ok := strings.Cut(text, `id = "air-quality"`)
	if !ok {
		t.Fatal("the demo's law has no class air-quality")
	}
	files[policy.FileClasses] = []byte(before + "id = \"air-quality\"\npersonal = true\nkeep = \"30d\"" + after)
	personal, err := policy.ReadUnverified(files)
	if err != nil {
		t.Fatal(err)
	}
	clear := func() string {
		t.Helper()
		why, err := h.staysClear(t.Context(), h.gate.Set(), personal)
		if err != nil {
			t.Fatal(err)
		}
		return why
	}
	if why := clear(); why != "" {
		t.Errorf("nothing is held: %s", why)
	}
	const base = "https://uri.etsi.org/ngsi-ld/default-context/"
	change := tribune.Change{Tenant: "north", Entity: "urn:ngsi-ld:AirQualityObserved:1", Types: []tribune.Name{base + "AirQualityObserved"}, Attr: base + "pm25", Value: json.RawMessage(`{"type":"Property","value":7}`)}
	if err := h.twin.Apply(t.Context(), []tribune.Change{change}); err != nil {
		t.Fatal(err)
	}
	if why := clear(); !strings.Contains(why, base+"pm25") || !strings.Contains(why, "DELETE") {
		t.Errorf("one is held: %q", why)
	}
	if why, err := h.staysClear(t.Context(), h.gate.Set(), h.gate.Set()); err != nil || why != "" {
		t.Errorf("a law that changes no class: %q, %v", why, err)
	}
	change.Value = nil
	if err := h.twin.Apply(t.Context(), []tribune.Change{change}); err != nil {
		t.Fatal(err)
	}
	if why := clear(); why != "" {
		t.Errorf("after it is deleted: %q", why)
	}
}
