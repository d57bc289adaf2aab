package mqtt

import (
	"fmt"
	"testing"
	"time"

	"tribune"
	"tribune/internal/intake/device"
)

func TestDeviceThatEndsIsCutWhileConnected(t *testing.T) {
	t.Run("silent", func(t *testing.T) {
		each(t, Limits{}, func(t *testing.T, w *town, version byte) {
			token, other := w.add("air-1"), w.add("air-2")
			c, control := w.dial(version), w.dial(version)
			c.connect("air-1", token)
			w.advance(time.Hour)
			w.register("air-2", device.TokenHash(other).String(), "per_minute = 60")
			control.connect("air-2", other)
			w.advance(366 * 24 * time.Hour)
			began := time.Now()
			if code := c.cut(); version == 5 && code != 0x87 {
				t.Errorf("MQTT 5 was told %#x, want not authorized", code)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			control.cut()
			w.wants("ended", 2)
		})
	})
	t.Run("publishing", func(t *testing.T) {
		w := start(t, Limits{})
		token := w.add("air-1")
		c := w.dial(4)
		c.connect("air-1", token)
		w.advance(366 * 24 * time.Hour)
		c.Write(publishPacket(4, qos1, 1, "devices/air-1/x", "late"))
		c.cut()
		if got := w.desk.bodies(); len(got) != 0 {
			t.Errorf("the desk took %q", got)
		}
	})
	t.Run("connecting", func(t *testing.T) {
		each(t, Limits{}, func(t *testing.T, w *town, version byte) {
			token := w.add("air-1")
			w.advance(366 * 24 * time.Hour)
			if code := w.dial(version).connect("air-1", token); version == 4 && code != 5 || version == 5 && code != 0x87 {
				t.Errorf("CONNACK %#x", code)
			}
			if code := w.dial(version).connect("air-1", "not its token"); version == 4 && code != 4 || version == 5 && code != 0x86 {
				t.Errorf("with a wrong token: CONNACK %#x tells that the device has ended", code)
			}
		})
	})
}

func TestNewDocumentHoldsAtOnce(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		token := w.add("air-1")
		c := w.dial(version)
		c.connect("air-1", token)
		c.publish(1, "devices/air-1/x", "1")
		w.advance(time.Hour)
		w.register("air-1", device.TokenHash(token).String(), `topics = ["air/+"]`)
		c.publish(2, "air/x", "2")
		if got := w.desk.messages(); len(got) != 2 || got[0].Device == got[1].Device {
			t.Errorf("the desk took %v", got)
		}
		c.send(publishPacket(version, qos1, 3, "devices/air-1/x", "3"))
		c.cut()
	})
}

func TestNewTokenEndsTheOldConnection(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		old := w.add("air-1")
		c := w.dial(version)
		c.connect("air-1", old)
		w.advance(time.Hour)
		token := w.add("air-1")
		if code := c.cut(); version == 5 && code != 0x98 {
			t.Errorf("MQTT 5 was told %#x, want administrative action", code)
		}
		w.wants("replaced", 1)
		if code := w.dial(version).connect("air-1", old); code == 0 {
			t.Error("the old token still opens")
		}
		if code := w.dial(version).connect("air-1", token); code != 0 {
			t.Errorf("the new token: CONNACK %d", code)
		}
	})
}

func TestCountsReturnToZero(t *testing.T) {
	w := start(t, Limits{Rate: 1000, DeviceRate: 1000})
	token := w.add("air-1")
	for i := range 50 {
		c := w.dial(4)
		switch i % 3 {
		case 0:
			c.connect("air-1", token)
			c.publish(1, "devices/air-1/x", "1")
			c.send([]byte{0xe0, 0}) // DISCONNECT
		case 1:
			c.connect("air-1", "wrong")
		}
		c.Close()
	}
	w.until("all to be counted out", func() bool {
		s := w.edge.Stats()
		return s.Connections == 0 && s.Pending == 0 && s.Taking == 0
	})
	w.until("all to be forgotten", func() bool {
		w.edge.conns.mu.Lock()
		defer w.edge.conns.mu.Unlock()
		return len(w.edge.conns.devices) == 0 && w.edge.Stats().Addresses == 0 && w.edge.server.Clients.Len() == 0
	})
}

// notYet are devices that are known and may not report: their documents are not on record yet.
type notYet struct{}

func (notYet) Authenticate(string, string) (*device.Device, error) {
	return nil, fmt.Errorf("%w: its document is not on record yet", tribune.ErrBusy)
}

func TestDeviceThatMayNotReportYetIsToldToComeAgain(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		w.edge.cfg.Devices = notYet{}
		if code := w.dial(version).connect("air-1", "token"); version == 4 && code != 3 || version == 5 && code != 0x89 {
			t.Errorf("CONNACK %#x, want unavailable or busy", code)
		}
	})
}
