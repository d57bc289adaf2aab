package mqtt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"tribune/internal/intake"
)

// A stolen device that sends no messages is not paced by the desk. Two bytes a ping, it could keep a processor busy.
func TestPacketsWithoutAMessageAreBounded(t *testing.T) {
	for name, one := range map[string][]byte{"PINGREQ": {0xc0, 0}, "SUBSCRIBE": packet(0x82, []byte{0, 1}, text("#"), []byte{0}), "UNSUBSCRIBE": packet(0xa2, []byte{0, 1}, text("#"))} {
		t.Run(name, func(t *testing.T) {
			w := start(t, Limits{})
			c := w.dial(4)
			c.connect("air-1", w.add("air-1"))
			c.send(slices.Repeat(one, bursts*chatter/2))
			for range bursts * chatter / 2 {
				if _, _, err := c.read(); err != nil {
					t.Fatalf("what a device may send in one go: %v", err)
				}
			}
			c.Write(slices.Repeat(one, 10*bursts*chatter))
			w.wants("rate", 1)
			w.until("it to be cut", func() bool { return w.edge.Stats().Connections == 0 })
		})
	}
}

// Somebody sets a device up with id and token in each other's place; the hub's log must not publish the token.
func TestTokenAsUserNameIsNotLogged(t *testing.T) {
	w := start(t, Limits{})
	token := w.add("air-1")
	if code := w.dial(4).connect(token, "air-1"); code != 4 {
		t.Errorf("CONNACK %d", code)
	}
	if code := w.dial(4).connect("air-7", token); code != 4 {
		t.Errorf("CONNACK %d", code)
	}
	w.wants("credentials", 2)
	w.stop()
	if log := w.log.String(); strings.Contains(log, token) || !strings.Contains(log, "device=air-7") {
		t.Errorf("logged:\n%s", log)
	}
}

// The levels of a topic are the device's to choose, and devices put into them whom they have seen. What is kept of a bad message
// rests in the clear.
func TestTopicIsHandedOnInTheDocumentsWords(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		token := w.add("air-1", `topics = ["air/+/seen", "devices/air-1/#"]`)
		c := w.dial(version)
		c.connect("air-1", token)
		c.publish(1, "devices/air-1/AB12CDE/senml", "1")
		c.publish(2, "air/AB12CDE/seen", "1")
		got := w.desk.messages()
		if got[0].Topic != "devices/air-1/#" || got[1].Topic != "air/+/seen" {
			t.Errorf("topics %q and %q", got[0].Topic, got[1].Topic)
		}
		if got[0].ContentType != "application/senml+json" {
			t.Errorf("content type %q", got[0].ContentType)
		}
	})
}

// A device need not wait for CONNACK (MQTT 3.1.1, 3.1.4). What it sends behind a CONNECT that is refused nobody looks at.
func TestDeviceThatDoesNotWaitForConnack(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		token := w.add("air-1")
		c := w.dial(version)
		behind := func(token string) []byte {
			return slices.Concat(connectPacket(version, true, 60, "c", "", "air-1", token), publishPacket(version, qos1, 1, "devices/air-1/x", "early"))
		}
		c.send(behind(token))
		if code := c.connack(); code != 0 {
			t.Fatalf("CONNACK %d", code)
		}
		if kind, _, err := c.read(); err != nil || kind != 4 {
			t.Fatalf("got packet %d %v, want a PUBACK", kind, err)
		}
		w.desk.set(func(context.Context, intake.Message) error { return errors.New("a stranger's message") })
		thief := w.dial(version)
		thief.send(behind("not its token"))
		if code := thief.connack(); code == 0 {
			t.Error("a wrong token is accepted")
		}
		thief.cut()
		if got := w.desk.bodies(); !slices.Equal(got, []string{"early"}) || w.edge.Stats().Messages != 1 {
			t.Errorf("the desk was handed %d messages and took %q", w.edge.Stats().Messages, got)
		}
		large := w.dial(version) // memory of large packets is not for strangers
		large.Write(append(connectPacket(version, true, 60, "c", "", "air-1", "not its token"), publishPacket(version, qos1, 1, "devices/air-1/x", strings.Repeat("x", 900_000))[:1000]...))
		w.wants("size", 1)
		if !w.edge.large.TryAcquire(int64(w.edge.lim.Large)) {
			t.Error("a stranger holds memory of large packets")
		}
	})
}
