package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestBadMessagesAreInQuarantineBeforeTakeReturnsAndTheirBytesNowhere(t *testing.T) {
	const secret = "AB12CDE"
	w := newWorld(t, nil)
	d := w.add("a", "", sense("plate/*", "urn:x:{1}", ""))
	signer, key := w.signing("s")
	_, other := w.signing("o")
	for _, c := range []struct {
		name string
		m    Message
		want string
	}{
		{"not JSON", Message{Device: d, Body: []byte(secret)}, "JSON"},
		{"empty", Message{Device: d}, "JSON"},
		{"no readings", Message{Device: d, Body: []byte(`{"time":"2026-11-22T10:00:00Z"}`)}, "no readings"},
		{"a name twice", Message{Device: d, Body: []byte(`{"temperature":1,"temperature":2}`)}, "once"},
		{"text after", Message{Device: d, Body: []byte(`{"temperature":1} AB12CDE`)}, "JSON"},
		{"bad UTF-8", Message{Device: d, Body: []byte("{\"temperature\":\"AB12CDE\xff\"}")}, "JSON"},
		{"may not sense it", Message{Device: d, Body: []byte(`{"AB12CDE":1}`)}, "does not say"},
		{"entity of another form", Message{Device: d, Body: []byte(`{"plate/AB12CDE:x":1}`)}, "does not say"},
		{"out of range", Message{Device: d, Body: []byte(`{"temperature":61}`)}, "range"},
		{"below range", Message{Device: d, Body: []byte(`{"temperature":-50.0001}`)}, "range"},
		{"not a number", Message{Device: d, Body: []byte(`{"temperature":"AB12CDE"}`)}, "not a number"},
		{"infinite", Message{Device: d, Body: []byte(`{"plate/x":1e999}`)}, "finite"},
		{"nothing", Message{Device: d, Body: []byte(`{"temperature":null}`)}, "no value"},
		{"deletes", Message{Device: d, Body: []byte(`{"plate/x":"urn:ngsi-ld:null"}`)}, "no value"},
		{"deletes, in disguise", Message{Device: d, Body: []byte(`{"plate/x":"urn\u003angsi-ld:null"}`)}, "no value"},
		{"a place that is none", Message{Device: d, Body: []byte(`{"plate/x":{"type":"Point","coordinates":["AB12CDE"]}}`)}, "Point"},
		{"off the earth", Message{Device: d, Body: []byte(`{"plate/x":{"type":"Point","coordinates":[0,91]}}`)}, "Point"},
		{"bad time", Message{Device: d, Body: []byte(`{"temperature":1,"time":"AB12CDE"}`)}, "time"},
		{"the future", Message{Device: d, Body: []byte(`{"temperature":1,"time":"2026-11-22T12:00:00Z"}`)}, "ahead"},
		{"the past", Message{Device: d, Body: []byte(`{"temperature":1,"time":"1999-12-31T23:59:59Z"}`)}, "2000"},
		{"wrong unit", Message{Device: d, ContentType: TypeSenML, Body: []byte(`[{"n":"temperature","u":"K","v":1}]`)}, "unit"},
		{"a unit where none is", Message{Device: d, ContentType: TypeSenML, Body: []byte(`[{"n":"plate/x","u":"AB12CDE","v":1}]`)}, "unit"},
		{"a sum", Message{Device: d, ContentType: TypeSenML, Body: []byte(`[{"n":"temperature","s":1}]`)}, "sum"},
		{"twice in one message", Message{Device: d, ContentType: TypeSenML, Body: []byte(`[{"n":"temperature","v":1,"t":1795341000},{"n":"temperature","v":2,"t":1795341000}]`)}, "same name and time"},
		{"not SenML", Message{Device: d, ContentType: TypeSenML, Body: []byte(`{"AB12CDE":2}`)}, "SenML"},
		{"not CBOR", Message{Device: d, ContentType: TypeSenMLCBOR, Body: []byte(secret + "1")}, "SenML"},
		{"unknown type", Message{Device: d, ContentType: "text/AB12CDE", Body: []byte(secret + "2")}, "content type"},
		{"too long", Message{Device: d, Body: []byte(`{"plate/x":"` + strings.Repeat(secret, MaxMessage/7) + `"}`)}, "bytes"},
		{"signed without a key", Message{Device: d, ContentType: TypeCOSE, Body: seal(t, key, pack(1, start))}, "no signing key"},
		{"unsigned message of a signing device", Message{Device: signer, ContentType: TypeSenML, Body: []byte(pack(1, start))}, "not signed"},
		{"unsigned JSON of a signing device", Message{Device: signer, Body: []byte(`{"temperature":1}`)}, "not signed"},
		{"unsigned pack said to be signed", Message{Device: signer, ContentType: TypeCOSE, Body: []byte(pack(2, start))}, "COSE"},
		{"another device's signature", Message{Device: signer, ContentType: TypeCOSE, Body: seal(t, other, pack(1, start))}, "signature"},
		{"signed without a time", Message{Device: signer, ContentType: TypeCOSE, Body: seal(t, key, `[{"n":"temperature","v":1}]`)}, "time of its own"},
		{"signed long ago", Message{Device: signer, ContentType: TypeCOSE, Body: seal(t, key, pack(1, start.Add(-maxSigned-time.Second)))}, "a week"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.Topic = "devices/x"
			c.m.Received = w.clock.now()
			_, err := w.desk.Take(t.Context(), c.m)
			var q *Quarantined
			if !errors.As(err, &q) || !strings.Contains(q.Reason, c.want) {
				t.Fatalf("got %v, want quarantine about %q", err, c.want)
			}
			list, err := w.jail.List(t.Context(), c.m.Device.ID)
			must(t, err)
			if len(list) == 0 || list[0].Reason != q.Reason || list[0].Size != len(c.m.Body) || list[0].Topic != "devices/x" {
				t.Fatalf("in quarantine: %+v", list)
			}
			if s := c.m.Device.Stats(); s.LastRefusal.Why != q.Reason || s.LastRefusal.At.IsZero() || s.Accepted != 0 {
				t.Errorf("stats %+v", s)
			}
			w.clock.move(time.Second)
		})
	}
	for where, text := range map[string]string{"store": string(w.everything()), "log": w.log.String(),
		"stats": fmt.Sprintf("%+v %+v %+v", w.desk.Stats(), d.Stats(), signer.Stats())} {
		if strings.Contains(text, secret) {
			t.Errorf("the %s holds bytes of a bad message", where)
		}
	}
	if n := w.rows("a") + w.rows("s"); n != 0 {
		t.Errorf("%d bad readings are in the twin", n)
	}
}

func TestSignedMessageIsTakenOnce(t *testing.T) {
	w := newWorld(t, nil)
	d, key := w.signing("s")
	m := Message{Device: d, ContentType: "application/cose; cose-type=\"cose-sign1\"", Body: seal(t, key, pack(20, start))}
	for range 2 {
		_, err := w.desk.Take(t.Context(), m)
		must(t, err)
	}
	if n := w.rows("s"); n != 1 {
		t.Errorf("stored %d times", n)
	}
	_, err := w.desk.TakeReadings(t.Context(), d, []Reading{{Name: "temperature", Value: []byte("20")}})
	var q *Quarantined
	if !errors.As(err, &q) {
		t.Errorf("an edge that parses cannot speak for a device that signs: %v", err)
	}
}

func TestQuarantineThatIsDownAcknowledgesNothing(t *testing.T) {
	w := newWorld(t, nil)
	d := w.add("a", "")
	must(t, w.store.Close())
	for _, body := range []string{`nonsense`, `{"temperature":20}`} {
		_, err := w.desk.Take(t.Context(), Message{Device: d, Body: []byte(body)})
		var q *Quarantined
		if err == nil || errors.As(err, &q) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if s := d.Stats(); s.Refused != 2 || s.Quarantined != 0 {
		t.Errorf("stats %+v", s)
	}
}
