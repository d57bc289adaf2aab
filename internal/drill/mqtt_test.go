package drill

import (
	"slices"
	"testing"
	"time"

	"tribune/internal/need"
)

func TestKilledHubKeepsEveryReadingItAcknowledgedByMQTT(t *testing.T) {
	need.Tool(t, "mosquitto_pub")
	need.Tool(t, "stdbuf")
	need.Python(t, "paho.mqtt.client")
	held(t, "mqtt-crash")
}

func TestFloodOfOneDeviceDelaysNoOther(t *testing.T) { held(t, "mqtt-flood", floodDelay) }

// TestClientsWordsAreUnderstood: what the drill takes for an acknowledgement is one.
func TestClientsWordsAreUnderstood(t *testing.T) {
	p := &publisher{numbered: true, acked: map[int]bool{}}
	said := "Client x sending CONNECT\nClient x received CONNACK (0)\n" +
		"Client x sending PUBLISH (d0, q1, r0, m1, 'a/b', ... (6 bytes))\nClient x sending PUBLISH (d0, q1, r0, m2, 'a/b', ... (6 bytes))\n" +
		"Client x received PUBACK (Mid: 1, RC:0)\nClient x sending PUBLISH (d1, q1, r0, m2, 'a/b', ... (6 bytes))\nClient x received PUBACK (Mid: 2, RC:153)\n"
	for half := range slices.Chunk([]byte(said), 7) { // pipes cut where they like
		if n, err := p.Write(half); n != len(half) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !p.heard(0) || p.heard(1) || p.heard(2) || p.again != 1 || p.refused != 1 {
		t.Errorf("mosquitto_pub: got %v, again %d, refused %d", p.acked, p.again, p.refused)
	}
	p = &publisher{acked: map[int]bool{}}
	p.Write([]byte("ack 7\nmid 7\nmid 9\nTraceback\n"))
	if !p.heard(0) || p.heard(1) || p.heard(2) || p.last != "Traceback" {
		t.Errorf("Paho for Python: got %v %v", p.ids, p.acked)
	}
}

func TestQuantile(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(1000-i)*time.Millisecond)
	}
	if got := p99(all); got != 991*time.Millisecond {
		t.Errorf("p99 of 1 to 1000 ms: %s", got)
	}
	if got := at(all, 1); got != time.Second {
		t.Errorf("the greatest of 1 to 1000 ms: %s", got)
	}
	if got := p99(nil); got != 0 {
		t.Errorf("p99 of nothing: %s", got)
	}
}
