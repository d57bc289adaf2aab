package mqtt

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/internal/intake"
)

// TestForbiddenPublish: each of these ends the connection without a PUBACK, is counted, and stands on the device's page.
func TestForbiddenPublish(t *testing.T) {
	for _, x := range []struct {
		name   string
		packet func(version byte) []byte
		reason string
		five   byte // what MQTT 5 is told; 0 = nothing can be
	}{
		{"another's topic", func(v byte) []byte { return publishPacket(v, qos1, 1, "devices/air-2/x", "1") }, "topic", 0x87},
		{"no topic", func(v byte) []byte { return publishPacket(v, qos1, 1, "", "1") }, "topic", 0x90},
		{"one-level wildcard", func(v byte) []byte { return publishPacket(v, qos1, 1, "devices/air-1/+", "1") }, "topic", 0x90},
		{"many-level wildcard", func(v byte) []byte { return publishPacket(v, qos1, 1, "devices/air-1/#", "1") }, "topic", 0x90},
		{"topic of the server", func(v byte) []byte { return publishPacket(v, qos1, 1, "$SYS/broker/version", "1") }, "topic", 0x90},
		{"shared topic", func(v byte) []byte { return publishPacket(v, qos1, 1, "$share", "1") }, "topic", 0x90},
		{"control character", func(v byte) []byte { return publishPacket(v, qos1, 1, "devices/air-1/\n", "1") }, "topic", 0x90},
		{"longest topic", func(v byte) []byte {
			return publishPacket(v, qos1, 1, "devices/air-1/"+strings.Repeat("x", 60_000), "1")
		}, "topic", 0x90},
		{"bad UTF-8", func(v byte) []byte { return publishPacket(v, qos1, 1, "devices/air-1/\xff\xfe", "1") }, "malformed", 0},
		{"surrogate", func(v byte) []byte { return publishPacket(v, qos1, 1, "devices/air-1/\xed\xa0\x80", "1") }, "malformed", 0},
		{"NUL", func(v byte) []byte { return publishPacket(v, qos1, 1, "devices/air-1/\x00", "1") }, "malformed", 0},
		{"retained", func(v byte) []byte { return publishPacket(v, qos1|1, 1, "devices/air-1/x", "1") }, "retain", 0x9a},
		{"QoS 2", func(v byte) []byte { return publishPacket(v, 4, 1, "devices/air-1/x", "1") }, "qos", 0x9b},
		{"QoS 3", func(v byte) []byte { return publishPacket(v, 6, 1, "devices/air-1/x", "1") }, "malformed", 0},
		{"no packet id", func(v byte) []byte { return publishPacket(v, qos1, 0, "devices/air-1/x", "1") }, "malformed", 0x82},
		{"too large", func(v byte) []byte {
			return publishPacket(v, qos1, 1, "devices/air-1/x", strings.Repeat("x", 10<<20))[:1000]
		}, "size", 0x95},
		{"a length without end", func(byte) []byte { return append([]byte{0x32}, slices.Repeat([]byte{0x80}, 1000)...) }, "malformed", 0},
		{"PUBREL", func(byte) []byte { return []byte{0x62, 2, 0, 1} }, "unsupported", 0x82},
		{"PUBACK", func(byte) []byte { return []byte{0x40, 2, 0, 1} }, "unsupported", 0x82},
		{"AUTH", func(byte) []byte { return []byte{0xf0, 2, 0, 0} }, "unsupported", 0x82},
		{"second CONNECT", func(v byte) []byte { return connectPacket(v, true, 9, "c", "", "u", "p") }, "malformed", 0x82},
		{"large SUBSCRIBE", func(byte) []byte { return packet(0x82, make([]byte, 5000)) }, "size", 0x95},
		{"type 0", func(byte) []byte { return []byte{0, 0} }, "malformed", 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			each(t, Limits{}, func(t *testing.T, w *town, version byte) {
				token := w.add("air-1")
				w.add("air-2")
				c := w.dial(version)
				if code := c.connect("air-1", token); code != 0 {
					t.Fatalf("CONNACK %d", code)
				}
				c.publish(1, "devices/air-1/x", "before") // the control: this is allowed
				c.Write(x.packet(version))                // the edge may end before it has read all
				if code := c.cut(); version == 5 && x.five != 0 && code != x.five && code != 0 {
					t.Errorf("MQTT 5 was told %#x, want %#x", code, x.five)
				}
				w.wants(x.reason, 1)
				if got := w.desk.bodies(); !slices.Equal(got, []string{"before"}) {
					t.Errorf("the desk took %q", got)
				}
				d, _ := w.devices.Get("air-1")
				if s := d.Stats(); s.Refused != 1 || s.LastRefusal.Why == "" {
					t.Errorf("the device's page tells %+v", s)
				}
			})
		})
	}
}

func TestRefusedConnect(t *testing.T) {
	for _, x := range []struct {
		name        string
		packet      func(version byte, token string) []byte
		reason      string
		three, five byte
	}{
		{"wrong token", func(v byte, token string) []byte {
			return connectPacket(v, true, 9, "c", "", "air-1", token[1:]+"A")
		}, "credentials", 4, 0x86},
		{"unknown device", func(v byte, token string) []byte { return connectPacket(v, true, 9, "c", "", "air-9", token) }, "credentials", 4, 0x86},
		{"no password", func(v byte, _ string) []byte { return connectPacket(v, true, 9, "c", "", "air-1", "") }, "malformed", 0, 0},
		{"another's token", func(v byte, token string) []byte { return connectPacket(v, true, 9, "c", "", "air-2", token) }, "credentials", 4, 0x86},
		{"a will", func(v byte, token string) []byte {
			return connectPacket(v, true, 9, "c", "devices/air-1/x", "air-1", token)
		}, "will", 5, 0x83},
		{"client id with a line break", func(v byte, token string) []byte { return connectPacket(v, true, 9, "c\n", "", "air-1", token) }, "malformed", 2, 0x85},
		{"long client id", func(v byte, token string) []byte {
			return connectPacket(v, true, 9, strings.Repeat("c", 300), "", "air-1", token)
		}, "malformed", 2, 0x85},
		{"CONNECT of 64 KB", func(v byte, token string) []byte {
			return connectPacket(v, true, 9, strings.Repeat("c", 60_000), "", "air-1", token)
		}, "size", 0, 0},
		{"PUBLISH first", func(v byte, _ string) []byte { return publishPacket(v, qos1, 1, "devices/air-1/x", "1") }, "malformed", 0, 0},
		{"HTTP", func(byte, string) []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }, "malformed", 0, 0},
		{"protocol 3.1", func(_ byte, token string) []byte {
			return packet(0x10, text("MQIsdp"), []byte{3, 0xc2, 0, 9}, text("c"), text("air-1"), text(token))
		}, "malformed", 1, 0x84},
	} {
		t.Run(x.name, func(t *testing.T) {
			each(t, Limits{}, func(t *testing.T, w *town, version byte) {
				token := w.add("air-1")
				w.add("air-2")
				c := w.dial(version)
				c.Write(x.packet(version, token))
				kind, body, err := c.read()
				switch {
				case x.three == 0 && err == nil && (kind != 2 || body[1] == 0):
					t.Errorf("got packet %d % x, want the end", kind, body)
				case x.three != 0 && (err != nil || kind != 2):
					t.Errorf("got packet %d %v, want a CONNACK", kind, err)
				case x.name == "protocol 3.1": // says so in whatever version the library takes it for
				case x.three != 0 && version == 4 && body[1] != x.three, x.three != 0 && version == 5 && body[1] != x.five:
					t.Errorf("CONNACK %#x, want %#x or %#x", body[1], x.three, x.five)
				}
				c.cut()
				w.wants(x.reason, 1)
				w.until("the connection to be counted out", func() bool { return w.edge.Stats().Connections == 0 })
			})
		})
	}
}

func TestNobodyMaySubscribe(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		one, two := w.add("air-1"), w.add("air-2")
		c, d := w.dial(version), w.dial(version)
		c.connect("air-1", one)
		d.connect("air-2", two)
		var props []byte
		if version == 5 {
			props = []byte{0}
		}
		for _, filter := range []string{"#", "devices/air-1/#", "$SYS/#", "$share/g/#"} {
			c.send(packet(0x82, []byte{0, 5}, props, text(filter), []byte{1}))
			kind, body, err := c.read()
			if err != nil || kind != 9 || body[len(body)-1] < 0x80 {
				t.Errorf("%s: got packet %d % x %v, want a SUBACK of failure", filter, kind, body, err)
			}
		}
		c.publish(1, "devices/air-1/x", "1")
		d.publish(1, "devices/air-2/x", "1")
		c.alive() // and no PUBLISH came before
	})
}

// TestClientIDBelongsToItsDevice: whoever connects under another's client id must not end, or inherit, the other's session.
func TestClientIDBelongsToItsDevice(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, w *town, version byte) {
		one, two := w.add("air-1"), w.add("air-2")
		victim, thief := w.dial(version), w.dial(version)
		victim.connectAs("shared", "air-1", one)
		if code := thief.connectAs("shared", "air-2", two); code != 0 {
			t.Fatalf("CONNACK %d", code)
		}
		victim.publish(1, "devices/air-1/x", "mine")
		thief.publish(1, "devices/air-2/x", "mine too")
		thief.send(publishPacket(version, qos1, 2, "devices/air-1/x", "stolen"))
		thief.cut()
		victim.alive()
		if got := w.desk.messages(); len(got) != 2 || got[0].Device.ID != "air-1" || got[1].Device.ID != "air-2" {
			t.Errorf("the desk took %v", got)
		}
		// The device itself takes over.
		again := w.dial(version)
		again.connectAs("shared", "air-1", one)
		if code := victim.cut(); version == 5 && code != 0x8e {
			t.Errorf("MQTT 5 was told %#x, want session taken over", code)
		}
		again.alive()
		if n := w.edge.Stats().Refused["taken_over"]; n != 1 {
			t.Errorf("%d sessions were taken over, want 1", n)
		}
	})
}

// TestTakeoverRace: many connections under one client id at once; one is left, and nothing leaks.
func TestTakeoverRace(t *testing.T) {
	w := start(t, Limits{})
	token := w.add("air-1")
	all := make([]*wire, 20)
	for i := range all {
		all[i] = w.dial(4)
		all[i].send(connectPacket(4, i%2 == 0, 60, "same", "", "air-1", token))
	}
	w.wants("taken_over", 19)
	w.until("one connection to be left", func() bool { s := w.edge.Stats(); return s.Connections == 1 && s.Pending == 0 })
	for _, c := range all {
		c.Close()
	}
	w.until("none to be left", func() bool { return w.edge.Stats().Connections == 0 })
	if n := w.edge.server.Clients.Len(); n != 0 {
		w.until("the library to forget its clients", func() bool { return w.edge.server.Clients.Len() == 0 })
	}
}

func TestSlowLoris(t *testing.T) {
	lim := Limits{Connect: 150 * time.Millisecond, Packet: 150 * time.Millisecond}
	drip := func(c *wire, p []byte) {
		for _, b := range p {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	t.Run("says nothing", func(t *testing.T) {
		w := start(t, lim)
		w.dial(4).cut()
		w.wants("slow", 1)
	})
	t.Run("CONNECT byte by byte", func(t *testing.T) {
		w := start(t, lim)
		token := w.add("air-1")
		c := w.dial(4)
		go drip(c, connectPacket(4, true, 0, "c", "", "air-1", token))
		c.cut()
		w.wants("slow", 1)
	})
	t.Run("PUBLISH byte by byte", func(t *testing.T) {
		w := start(t, lim)
		token := w.add("air-1")
		c := w.dial(4)
		c.connect("air-1", token)
		time.Sleep(2 * lim.Packet) // waiting between packets is no offence
		c.alive()
		go drip(c, publishPacket(4, qos1, 1, "devices/air-1/x", strings.Repeat("x", 1000)))
		c.cut()
		w.wants("slow", 1)
	})
	t.Run("waits for the desk while the next packet has begun", func(t *testing.T) {
		w := start(t, lim)
		token := w.add("air-1")
		c := w.dial(4)
		c.connect("air-1", token)
		w.desk.set(func(context.Context, intake.Message) error {
			time.Sleep(2 * lim.Packet)
			return nil
		})
		next := publishPacket(4, qos1, 2, "devices/air-1/x", strings.Repeat("x", 100_000))
		c.send(slices.Concat(publishPacket(4, qos1, 1, "devices/air-1/x", "1"), next[:3]))
		time.Sleep(lim.Packet)
		c.send(next[3:])
		for range 2 {
			if kind, _, err := c.read(); err != nil || kind != 4 {
				t.Fatalf("got packet %d %v, want a PUBACK", kind, err)
			}
		}
	})
	t.Run("never reads its answers", func(t *testing.T) {
		w := start(t, Limits{Write: 100 * time.Millisecond})
		token := w.add("air-1")
		c := w.dial(4)
		c.connect("air-1", token)
		c.Conn.(*net.TCPConn).SetReadBuffer(1)
		messages := slices.Repeat(publishPacket(4, qos1, 1, "devices/air-1/x", "1"), 1000)
		for range 1000 {
			if _, err := c.Write(messages); err != nil {
				break
			}
		}
		w.until("it to be cut", func() bool { return w.edge.Stats().Connections == 0 })
	})
}

func TestKeepAliveIsEnforced(t *testing.T) {
	for _, keepalive := range []uint16{0, 1, 65535} {
		each(t, Limits{Idle: time.Second}, func(t *testing.T, w *town, version byte) {
			token := w.add("air-1")
			c := w.dial(version)
			c.send(connectPacket(version, true, keepalive, "c", "", "air-1", token))
			if code := c.connack(); code != 0 {
				t.Fatalf("CONNACK %d", code)
			}
			if code := c.cut(); version == 5 && code != 0x8d {
				t.Errorf("MQTT 5 was told %#x, want keep alive timeout", code)
			}
			w.wants("idle", 1)
		})
	}
}

func TestTooManyConnections(t *testing.T) {
	t.Run("of strangers from one address", func(t *testing.T) {
		w := start(t, Limits{Strangers: 3, Connect: patience})
		token := w.add("air-1")
		for range 3 {
			w.dialFrom(4, "127.0.0.2")
		}
		w.until("three to wait", func() bool { return w.edge.Stats().Pending == 3 })
		w.dialFrom(4, "127.0.0.2").cut()
		w.wants("crowded", 1)
		c := w.dial(4) // another address is not affected
		if code := c.connect("air-1", token); code != 0 {
			t.Errorf("CONNACK %d", code)
		}
	})
	t.Run("known ones from one address", func(t *testing.T) {
		w := start(t, Limits{PerAddress: 3})
		for i := range 3 {
			id := fmt.Sprintf("air-%d", i)
			w.dialFrom(4, "127.0.0.2").connect(id, w.add(id))
		}
		w.dialFrom(4, "127.0.0.2").cut()
		w.wants("crowded", 1)
	})
	t.Run("in all", func(t *testing.T) {
		w := start(t, Limits{Connections: 2, Connect: patience})
		w.dialFrom(4, "127.0.0.2")
		first := w.dialFrom(4, "127.0.0.3")
		w.until("two to wait", func() bool { return w.edge.Stats().Pending == 2 })
		w.dialFrom(4, "127.0.0.4").cut()
		w.wants("crowded", 1)
		first.Close()
		w.until("one to be counted out", func() bool { return w.edge.Stats().Connections == 1 })
		if code := w.dial(4).connect("air-1", w.add("air-1")); code != 0 {
			t.Errorf("CONNACK %d", code)
		}
	})
	t.Run("new ones from one address", func(t *testing.T) {
		w := start(t, Limits{Rate: 1})
		for range bursts + 1 {
			w.dialFrom(4, "127.0.0.2").Close()
		}
		w.wants("rate", 1)
	})
	t.Run("new ones of one device", func(t *testing.T) {
		w := start(t, Limits{DeviceRate: 1, PerDevice: 100})
		token := w.add("air-1")
		for i := range bursts {
			if code := w.dial(5).connectAs(fmt.Sprint(i), "air-1", token); code != 0 {
				t.Fatalf("connection %d: CONNACK %d", i, code)
			}
		}
		if code := w.dial(5).connectAs("more", "air-1", token); code != 0x9f {
			t.Errorf("CONNACK %#x, want connection rate exceeded", code)
		}
		if code := w.dial(5).connect("air-2", w.add("air-2")); code != 0 {
			t.Errorf("another device: CONNACK %d", code)
		}
	})
	t.Run("of one device at once", func(t *testing.T) {
		w := start(t, Limits{PerDevice: 2})
		token := w.add("air-1")
		var all []*wire
		for i := range 3 {
			c := w.dial(5)
			c.connectAs(fmt.Sprint(i), "air-1", token)
			all = append(all, c)
		}
		all[0].cut() // the oldest: a device that has forgotten its connections can always come back
		all[1].alive()
		all[2].alive()
	})
}

func TestLargePacketsAreBoundedInAll(t *testing.T) {
	w := start(t, Limits{Large: 1 << 20})
	one, two := w.add("air-1"), w.add("air-2")
	c, d := w.dial(5), w.dial(5)
	c.connect("air-1", one)
	d.connect("air-2", two)
	payload := strings.Repeat("x", 700_000)
	half := publishPacket(5, qos1, 1, "devices/air-1/x", payload)
	c.send(half[:100_000])
	w.until("the first to be under way", func() bool { return !w.edge.large.TryAcquire(1<<20) || release(w) })
	d.Write(publishPacket(5, qos1, 1, "devices/air-2/x", payload)[:100_000])
	d.cut()
	w.wants("memory", 1)
	c.send(half[100_000:])
	if kind, _, err := c.read(); err != nil || kind != 4 {
		t.Fatalf("got packet %d %v, want a PUBACK", kind, err)
	}
	c.publish(2, "devices/air-1/x", payload) // the memory of the first is free again
	c.Close()
	w.until("all memory to be free", func() bool { return w.edge.large.TryAcquire(1 << 20) })
}

func release(w *town) bool {
	w.edge.large.Release(1 << 20)
	return false
}
