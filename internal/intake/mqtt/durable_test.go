package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/intake"
)

var versions = []byte{4, 5}

// each runs a test in both versions of the protocol.
func each(t *testing.T, lim Limits, f func(t *testing.T, w *town, version byte)) {
	for _, v := range versions {
		t.Run(fmt.Sprintf("version %d", v), func(t *testing.T) { f(t, start(t, lim), v) })
	}
}

func TestNothingIsAcknowledgedBeforeItIsDurable(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		token := w.add("air-1")
		c := w.dial(version)
		if code := c.connect("air-1", token); code != 0 {
			t.Fatalf("CONNACK %d", code)
		}
		arrived, durable := make(chan string), make(chan struct{})
		w.desk.set(func(_ context.Context, m intake.Message) error {
			arrived <- string(m.Body)
			<-durable
			return nil
		})
		c.send(publishPacket(version, qos1, 7, "devices/air-1/x", `{"pm25":1}`))
		if got := <-arrived; got != `{"pm25":1}` {
			t.Fatalf("the desk got %q", got)
		}
		c.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
		if kind, body, err := c.read(); err == nil {
			t.Fatalf("packet %d % x before the message was durable", kind, body)
		}
		c.SetReadDeadline(time.Now().Add(patience))
		close(durable)
		if kind, body, err := c.read(); err != nil || kind != 4 || !slices.Equal(body, []byte{0, 7}) {
			t.Fatalf("got packet %d % x %v, want the PUBACK of 7", kind, body, err)
		}
		c.alive()
	})
}

// TestDeskThatDiesAcknowledgesNothing: the device sends again once the desk is back, and the message is there.
func TestDeskThatDiesAcknowledgesNothing(t *testing.T) {
	for _, refusal := range []error{errors.New("the store is down"), fmt.Errorf("queue: %w", tribune.ErrBusy), context.Canceled} {
		each(t, Limits{}, func(t *testing.T, w *town, version byte) {
			token := w.add("air-1")
			w.desk.set(func(context.Context, intake.Message) error { return refusal })
			for range 3 {
				c := w.dial(version)
				c.connect("air-1", token)
				c.send(publishPacket(version, qos1, 1, "devices/air-1/x", "again"))
				if code := c.cut(); version == 5 && code < 0x80 {
					t.Errorf("MQTT 5 was told %#x", code)
				}
			}
			w.desk.set(nil)
			c := w.dial(version)
			c.connect("air-1", token)
			c.send(publishPacket(version, qos1|8, 1, "devices/air-1/x", "again")) // DUP
			if kind, _, err := c.read(); err != nil || kind != 4 {
				t.Fatalf("got packet %d %v, want a PUBACK", kind, err)
			}
			if got := w.desk.bodies(); !slices.Equal(got, []string{"again"}) {
				t.Errorf("the desk took %q", got)
			}
			if s := w.edge.Stats(); s.Messages != 4 || s.Acknowledged != 1 || s.Refused["busy"] != 3 {
				t.Errorf("counts are %+v", s)
			}
		})
	}
}

func TestQuarantinedMessageIsAcknowledged(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		token := w.add("air-1")
		w.desk.set(func(context.Context, intake.Message) error { return &intake.Quarantined{Reason: "it does not parse"} })
		c := w.dial(version)
		c.connect("air-1", token)
		c.send(publishPacket(version, qos1, 9, "devices/air-1/x", "nonsense"))
		kind, body, err := c.read()
		if err != nil || kind != 4 || body[0] != 0 || body[1] != 9 || version == 4 && len(body) != 2 || version == 5 && (len(body) < 3 || body[2] != 0x99) {
			t.Errorf("got packet %d % x %v, want a PUBACK, in MQTT 5 with reason 99", kind, body, err)
		}
		c.send(publishPacket(version, 0, 0, "devices/air-1/x", "nonsense"))
		c.alive()
		if s := w.edge.Stats(); s.Acknowledged != 2 || s.Quarantined != 2 || s.Refused["busy"] != 0 {
			t.Errorf("counts are %+v", s)
		}
	})
}

func TestQoS0IsTakenAndNobodyIsTold(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		token := w.add("air-1")
		c := w.dial(version)
		c.connect("air-1", token)
		c.send(publishPacket(version, 0, 0, "devices/air-1/x", "0"))
		c.alive() // and no PUBACK before the PINGRESP
		if got := w.desk.bodies(); !slices.Equal(got, []string{"0"}) {
			t.Errorf("the desk took %q", got)
		}
	})
}

// TestStoppingAcknowledgesWhatIsUnderWay: a restart costs a device nothing but the connection.
func TestStoppingAcknowledgesWhatIsUnderWay(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		token := w.add("air-1")
		c := w.dial(version)
		c.connect("air-1", token)
		arrived, durable := make(chan struct{}), make(chan struct{})
		w.desk.set(func(context.Context, intake.Message) error {
			close(arrived)
			<-durable
			return nil
		})
		c.send(publishPacket(version, qos1, 3, "devices/air-1/x", "last"))
		<-arrived
		stopped := make(chan struct{})
		go func() {
			w.stop()
			close(stopped)
		}()
		time.Sleep(50 * time.Millisecond) // the edge is stopping by now, or this test shows less than it could
		close(durable)
		if kind, _, err := c.read(); err != nil || kind != 4 {
			t.Errorf("got packet %d %v, want the PUBACK", kind, err)
		}
		c.cut()
		<-stopped
	})
}

func TestStoppingDoesNotWaitForeverForTheDesk(t *testing.T) {
	w := start(t, Limits{Drain: 50 * time.Millisecond})
	token := w.add("air-1")
	c := w.dial(4)
	c.connect("air-1", token)
	arrived := make(chan struct{})
	w.desk.set(func(ctx context.Context, _ intake.Message) error {
		close(arrived)
		<-ctx.Done()
		return ctx.Err()
	})
	c.send(publishPacket(4, qos1, 3, "devices/air-1/x", "last"))
	<-arrived
	w.stop()
	c.cut()
}

func TestDeskThatHangsEndsTheConnection(t *testing.T) {
	w := start(t, Limits{Take: 50 * time.Millisecond})
	token := w.add("air-1")
	c := w.dial(4)
	c.connect("air-1", token)
	w.desk.set(func(ctx context.Context, _ intake.Message) error {
		<-ctx.Done()
		return ctx.Err()
	})
	c.send(publishPacket(4, qos1, 3, "devices/air-1/x", "x"))
	c.cut()
}

func TestContentTypeOfAMessage(t *testing.T) {
	for _, x := range []struct{ said, topic, want string }{
		{"", "devices/a/pm25", "application/json"},
		{"", "senml", "application/senml+json"},
		{"", "devices/a/senml", "application/senml+json"},
		{"", "devices/a/senml-cbor", "application/senml+cbor"},
		{"", "devices/a/cose", "application/cose"},
		{"", "devices/cose/x", "application/json"},
		{"", "devices/a/senml/", "application/json"},
		{"application/senml+cbor", "devices/a/cose", "application/senml+cbor"},
	} {
		if got := contentType(x.said, x.topic); got != x.want {
			t.Errorf("%q at %q: got %q, want %q", x.said, x.topic, got, x.want)
		}
	}
}

// TestNoPayloadAndNoTokenIsLogged: the library would log both.
func TestNoPayloadAndNoTokenIsLogged(t *testing.T) {
	w := start(t, Limits{})
	token := w.add("air-1")
	w.desk.set(func(context.Context, intake.Message) error { return errors.New("the store is down") })
	for _, p := range [][]byte{
		publishPacket(4, qos1, 1, "devices/air-1/x", "SECRET"), publishPacket(4, qos1, 1, "devices/SECRET", "SECRET"), publishPacket(4, qos1, 0, "devices/air-1/x", "SECRET"),
		publishPacket(4, qos1|1, 1, "devices/air-1/x", "SECRET"), packet(0x82, []byte("\x00\x01"), text("SECRET"), []byte{0}),
	} {
		c := w.dial(4)
		c.connect("air-1", token)
		c.send(p)
		if p[0] != 0x82 {
			c.cut()
		}
	}
	c := w.dial(4)
	c.connect("air-1", "SECRET"+token)
	w.stop()
	if log := w.log.String(); !strings.Contains(log, "reason=topic") || strings.Contains(log, "SECRET") || strings.Contains(log, token) {
		t.Errorf("logged:\n%s", log)
	}
}
