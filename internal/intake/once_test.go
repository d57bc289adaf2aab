package intake

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/veraison/go-cose"

	"tribune"
)

// seal signs a pack as a device does.
func seal(t testing.TB, key ed25519.PrivateKey, payload string) []byte {
	t.Helper()
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, key)
	must(t, err)
	m := cose.NewSign1Message()
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	m.Payload = []byte(payload)
	must(t, m.Sign(nil, nil, signer))
	b, err := m.MarshalCBOR()
	must(t, err)
	return b
}

func pack(value float64, at time.Time) string {
	return fmt.Sprintf(`[{"n":"temperature","u":"Cel","v":%v,"t":%d}]`, value, at.Unix())
}

func TestRedeliveryAppliesOnce(t *testing.T) {
	w := newWorld(t, nil)
	d := w.add("a", "")
	timed := Message{Device: d, ContentType: TypeSenML, Body: []byte(pack(20, start))}
	for range 3 {
		if taken, err := w.desk.Take(t.Context(), timed); err != nil || taken.Readings != 1 {
			t.Fatal(taken, err)
		}
	}
	w.clock.move(6 * 24 * time.Hour)
	for range 2 {
		_, err := w.desk.Take(t.Context(), timed)
		must(t, err)
	}
	if n := w.rows("a"); n != 1 {
		t.Errorf("with a time: stored %d times", n)
	}
	// The hub restarts and knows nothing: the twin does.
	again := NewDesk(w.desk.cfg)
	defer again.Close()
	_, err := again.Take(t.Context(), timed)
	must(t, err)
	if n := w.rows("a"); n != 1 {
		t.Errorf("after a restart: stored %d times", n)
	}
}

func TestRedeliveryWithoutATimeAppliesOnceForTenMinutes(t *testing.T) {
	w := newWorld(t, nil)
	d := w.add("a", "")
	say := func(desk *Desk, body string) {
		t.Helper()
		_, err := desk.Take(t.Context(), Message{Device: d, Body: []byte(body), Received: w.clock.now()})
		must(t, err)
	}
	want := func(n int, when string) {
		t.Helper()
		if got := w.rows("a"); got != n {
			t.Errorf("%s: stored %d times, want %d", when, got, n)
		}
	}
	say(w.desk, `{"temperature":21}`)
	w.clock.move(time.Minute)
	say(w.desk, `{"temperature":21}`)
	want(1, "delivered again")
	again := NewDesk(w.desk.cfg) // a crash before the acknowledgement
	defer again.Close()
	say(again, `{"temperature":21}`)
	want(1, "delivered again after a restart")
	say(w.desk, `{"temperature":22}`)
	say(w.desk, `{"temperature":21}`)
	want(3, "21, 22, 21 degrees")
	say(w.desk, `{"temperature":21}`)
	want(3, "the last delivered again")
	w.clock.move(sameFor)
	say(w.desk, `{"temperature":21}`)
	want(4, "ten minutes later")
}

// A fast device that comes back to a value must not be frozen at another.
func TestManyMessagesWithoutATimeDoNotPassForRedeliveries(t *testing.T) {
	l := &lane{}
	seen := map[string]bool{}
	for i := range 1000 {
		name := l.occasion(tribune.Hash{byte(i % 100)}, start)
		if seen[name] {
			t.Fatalf("message %d has the occasion of an earlier one", i)
		}
		seen[name] = true
	}
	if len(l.recent.seen) > maxRecents {
		t.Errorf("%d are remembered", len(l.recent.seen))
	}
}

func TestMessagesOfAllKindsBecomeTheSameChange(t *testing.T) {
	var mu sync.Mutex
	var got []tribune.Change
	w := newWorld(t, func(c *Config) {
		c.Apply = func(_ context.Context, list []tribune.Change) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, slices.Clone(list)...)
			return nil
		}
	})
	d := w.add("a", "", sense("s/*/place", "urn:x:{1}", ""))
	cbor := "\x81\xa4\x00\x6btemperature\x02\x18\x14\x01\x63Cel\x06\x1a\x6b\x02\xbd\x60"
	at := time.Unix(0x6b02bd60, 0).UTC()
	w.clock.move(at.Sub(start))
	for _, m := range []Message{
		{ContentType: TypeSenML, Body: []byte(pack(20, at))},
		{ContentType: TypeSenMLCBOR, Body: []byte(cbor)},
		{ContentType: "application/json; charset=utf-8", Body: []byte(`{"time":"` + at.Format(time.RFC3339) + `","temperature":20}`)},
	} {
		m.Device = d
		_, err := w.desk.Take(t.Context(), m)
		must(t, err)
	}
	_, err := w.desk.TakeReadings(t.Context(), d, []Reading{{Name: "temperature", Value: []byte("20"), Unit: "CEL", At: at}})
	must(t, err)
	want := tribune.Change{ID: fmt.Sprintf("a/temperature/%d", at.UnixNano()), Entity: tribune.EntityID(entityOf("a")), Types: []tribune.Name{vocabulary + "AirQualityObserved"},
		Attr: vocabulary + "temperature", Value: []byte(`{"type":"Property","value":20,"unitCode":"CEL"}`), ObservedAt: at, Source: "a"}
	for i, c := range got {
		if fmt.Sprintf("%+v", c) != fmt.Sprintf("%+v", want) {
			t.Errorf("message %d: got %+v, want %+v", i, c, want)
		}
	}
	got = nil
	_, err = w.desk.TakeReadings(t.Context(), d, []Reading{{Name: "s/7/place", Value: []byte(`{"type":"Point","coordinates":[-1.9,52.5]}`), ID: "uplink-7"}})
	must(t, err)
	if c := got[0]; c.ID != "a/s/7/place/=uplink-7" || c.Entity != "urn:x:7" || !bytes.HasPrefix(c.Value, []byte(`{"type":"GeoProperty"`)) || !c.ObservedAt.Equal(w.clock.now()) {
		t.Errorf("got %+v", c)
	}

	twice := []Reading{{Name: "temperature", Value: []byte("20"), At: at, ID: "1"}, {Name: "temperature", Value: []byte("21"), At: at, ID: "2"}}
	if taken, err := w.desk.TakeReadings(t.Context(), d, twice); err != nil || taken.Readings != 2 {
		t.Errorf("two readings of one moment with ids of their own: %v, %v", taken, err)
	}
	twice[1].ID = "1"
	var q *Quarantined
	if _, err := w.desk.TakeReadings(t.Context(), d, twice); !errors.As(err, &q) {
		t.Errorf("two readings with one id: %v; one of them would be lost", err)
	}
}
