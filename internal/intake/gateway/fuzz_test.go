package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/protocol"
)

// FuzzPlain: what is read of a message is JSON, and what the desk would refuse by itself is never accepted.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[{"a":1,"time":"2026-11-22T10:00:00Z"},{"b":"x"}]`, `[]`, `{"a":1,"a":2}`, "[{\"\\u0061\":[1,{}]}]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := plain(body)
		if err != nil {
			return
		}
		if !json.Valid(body) || len(list) == 0 {
			t.Fatalf("%q gives %d readings", body, len(list))
		}
		for _, r := range list {
			if !json.Valid(r.Value) {
				t.Fatalf("%q is no JSON", r.Value)
			}
		}
	})
}

// strict is a desk that holds readings against what a CSV may give, and finds some of them bad.
type strict struct{ t *testing.T }

func (s strict) Take(context.Context, intake.Message) (intake.Taken, error) {
	s.t.Fatal("a CSV is no message")
	return intake.Taken{}, nil
}

func (s strict) Reject(_ context.Context, _ intake.Message, reason string) error {
	return &intake.Quarantined{Reason: reason}
}

func (s strict) TakeReadings(_ context.Context, _ *device.Device, list []intake.Reading) (intake.Taken, error) {
	if len(list) == 0 || len(list) > intake.MaxReadings {
		s.t.Fatalf("%d readings", len(list))
	}
	bad := 0
	for i, r := range list {
		if !json.Valid(r.Value) || r.At.IsZero() && r.At.Year() != 1 || r.Name == "" {
			s.t.Fatalf("reading %+v", r)
		}
		if strings.Contains(string(r.Value), "bad") {
			return intake.Taken{}, &intake.Quarantined{Reason: "bad", Reading: i + 1}
		}
		if strings.Contains(string(r.Value), "odd") {
			bad++
		}
	}
	if bad > 0 {
		return intake.Taken{}, &intake.Quarantined{Reason: "odd"}
	}
	return intake.Taken{Readings: len(list)}, nil
}

func FuzzCSV(f *testing.F) {
	dev := sensor(f)
	for _, seed := range []string{
		"time,a\n2026-11-22T10:00:00Z,1\n", "\ufefftime,a,b\r\n2026-11-22T10:00:00Z,bad,\"x,\ny\"\r\n2026-11-22T10:00:01Z,odd,2\n", "a\n", "time,a\n,,\n\"", "time,a\n2026-11-22T10:00:00Z,1e999\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := New(Config{Desk: strict{t}, Devices: nobody{}})
		if err != nil {
			t.Fatal(err)
		}
		s := newSheet(g, dev, strings.NewReader(string(body)))
		err = s.take(t.Context(), func() {})
		if err == nil && (s.sum.Stored+s.sum.Bad != s.sum.Rows || s.sum.Rows == 0) {
			t.Fatalf("of %d rows %d are stored and %d are bad", s.sum.Rows, s.sum.Stored, s.sum.Bad)
		}
		if s.sum.Bad > maxBadRows+1 || len(s.sum.Lines) > maxReported {
			t.Fatalf("%d bad rows, %d told", s.sum.Bad, len(s.sum.Lines))
		}
	})
}

type nobody struct{}

func (nobody) Authenticate(string, string) (*device.Device, error) { return nil, io.EOF }

// sensor is a device that senses a and b.
func sensor(t testing.TB) *device.Device {
	t.Helper()
	skey, vkey, err := protocol.NewKey("city.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	_, sum := device.NewToken()
	text := fmt.Sprintf(`id = "a-1"
title = "A"
kind = "sensor"
owner = "A"
contact = "A"
place = { name = "A", longitude = 0, latitude = 0 }
need = "A"
alternative = "A"
cost = "A"
fallback = "A"
cannot_sense = ["A"]
from = 2026-11-22
until = 2027-11-22
token_sha256 = %q
`, sum.String())
	for _, name := range []string{"a", "b"} {
		text += fmt.Sprintf("[[senses]]\ntitle = \"A\"\nname = %q\nentity = \"urn:a:1\"\ntype = \"urn:a:T\"\nattribute = \"urn:a:%s\"\n", name, name)
	}
	signed, err := protocol.SignDocument(text, signer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := device.New(device.Config{Dir: t.TempDir(), Steward: vkey, Now: func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Add(signed)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
