package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// mosquito is a broker that keeps what is published to it.
type mosquito struct {
	mochi.HookBase
	server *mochi.Server

	end sync.Once
	mu  sync.Mutex
	got []packets.Packet
	as  []string // user:password of those who connected
}

func (m *mosquito) ID() string { return "test" }
func (m *mosquito) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnPublish
}
func (m *mosquito) OnACLCheck(*mochi.Client, string, bool) bool { return true }
func (m *mosquito) OnConnectAuthenticate(c *mochi.Client, p packets.Packet) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.as = append(m.as, string(p.Connect.Username)+":"+string(p.Connect.Password))
	return string(p.Connect.Password) != "wrong"
}
func (m *mosquito) OnPublish(c *mochi.Client, p packets.Packet) (packets.Packet, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.ProtocolVersion = c.Properties.ProtocolVersion
	m.got = append(m.got, p)
	return p, nil
}

func (m *mosquito) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.got)
}

func mosquitoAt(t testing.TB, address string) *mosquito {
	t.Helper()
	m := &mosquito{server: mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})}
	if err := m.server.AddHook(m, nil); err != nil {
		t.Fatal(err)
	}
	var l net.Listener
	eventually(t, "the broker's port is free", func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", address)
		return err == nil
	})
	if err := m.server.AddListener(listeners.NewNet("t", l)); err != nil {
		t.Fatal(err)
	}
	go m.server.Serve()
	t.Cleanup(m.close)
	return m
}

func (m *mosquito) close() { m.end.Do(func() { m.server.Close() }) }

func (m *mosquito) address() string {
	l, _ := m.server.Listeners.Get("t")
	return l.Address()
}

func TestMQTTCarriesHeadersAsMetadata(t *testing.T) {
	m := mosquitoAt(t, "127.0.0.1:0")
	s := sender(t)
	for i, test := range []struct {
		info         string
		version, qos byte
	}{
		{``, 5, 0},
		{`{"key":"MQTT-Version","value":"mqtt3.1.1"}`, 4, 0},
		{`{"key":"MQTT-QoS","value":"1"}`, 5, 1},
		{`{"key":"MQTT-QoS","value":"2"}`, 5, 2},
		{`{"key":"MQTT-Version","value":"mqtt3.1.1"},{"key":"MQTT-QoS","value":"1"}`, 4, 1},
		{`{"key":"MQTT-Version","value":"mqtt3.1.1"},{"key":"MQTT-QoS","value":"2"}`, 4, 2},
	} {
		to := endpoint(t, "mqtt://user:pass@"+m.address()+"/a/b", `"notifierInfo":[`+test.info+`]`, `"receiverInfo":[{"key":"more","value":"x"}]`)
		if err := s.Send(t.Context(), to, Notification{Body: []byte(`{"n":1}`), Link: "https://example.org/c", Tenant: "north"}); err != nil {
			t.Fatalf("%s: %v", test.info, err)
		}
		eventually(t, "it arrives", func() bool { return m.count() == i+1 })
		m.mu.Lock()
		p := m.got[i]
		m.mu.Unlock()
		if p.TopicName != "a/b" || p.FixedHeader.Qos != test.qos || p.ProtocolVersion != test.version {
			t.Errorf("%s: topic %q, QoS %d, version %d", test.info, p.TopicName, p.FixedHeader.Qos, p.ProtocolVersion)
		}
		var msg struct {
			Metadata map[string]string
			Body     json.RawMessage
		}
		if err := json.Unmarshal(p.Payload, &msg); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"Content-Type": TypeJSON, "more": "x", "NGSILD-Tenant": "north", "Link": linkTo("https://example.org/c")}
		if fmt.Sprint(msg.Metadata) != fmt.Sprint(want) || string(msg.Body) != `{"n":1}` {
			t.Errorf("%s: %s", test.info, p.Payload)
		}
	}
	if as := fmt.Sprint(m.as); as != "[user:pass user:pass]" {
		t.Errorf("connected as %s: want one connection for each version", as)
	}
}

func TestMQTTReconnectsAfterTheBrokerWasAway(t *testing.T) {
	for _, version := range []string{"mqtt3.1.1", "mqtt5.0"} {
		for qos := range 3 {
			m := mosquitoAt(t, "127.0.0.1:0")
			address := m.address()
			s := sender(t)
			to := endpoint(t, "mqtt://"+address+"/t", fmt.Sprintf(`"timeout":5000,"notifierInfo":[{"key":"MQTT-Version","value":%q},{"key":"MQTT-QoS","value":"%d"}]`, version, qos))
			send := func() error { return s.Send(t.Context(), to, Notification{Body: []byte("{}")}) }
			if err := send(); err != nil {
				t.Fatal(err)
			}
			m.close()
			eventually(t, "the loss is noticed", func() bool { return send() != nil })
			m = mosquitoAt(t, address)
			if err := send(); err != nil {
				t.Errorf("%s, QoS %d: the first notification after the broker is back: %v", version, qos, err)
			}
			eventually(t, "it arrives", func() bool { return m.count() > 0 })
			m.close()
		}
	}
}

func TestAnMQTTBrokerThatRefusesIsAFailure(t *testing.T) {
	m := mosquitoAt(t, "127.0.0.1:0")
	for _, version := range []string{"mqtt3.1.1", "mqtt5.0"} {
		to := endpoint(t, "mqtt://user:wrong@"+m.address()+"/t", `"notifierInfo":[{"key":"MQTT-Version","value":"`+version+`"}]`)
		if err := sender(t).Send(t.Context(), to, Notification{Body: []byte("{}")}); err == nil || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// An endpoint that takes the connection and says nothing must not hold the line longer than its timeout.
func TestAnMQTTBrokerThatNeverAnswersIsGivenUp(t *testing.T) {
	for _, version := range []string{"mqtt3.1.1", "mqtt5.0"} {
		to := endpoint(t, strings.Replace(dead(t), "http", "mqtt", 1)+"/t", `"timeout":200,"notifierInfo":[{"key":"MQTT-Version","value":"`+version+`"}]`)
		begun := time.Now()
		if err := sender(t).Send(t.Context(), to, Notification{Body: []byte("{}")}); err == nil || time.Since(begun) > 5*time.Second {
			t.Errorf("%s: %v after %v", version, err, time.Since(begun))
		}
	}
}

// An HTTP server is no broker; its answer must do no harm.
func TestAnEndpointThatSpeaksNoMQTTIsAFailure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(c, bytes.NewReader([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")))
			c.Close()
		}
	}()
	for _, version := range []string{"mqtt3.1.1", "mqtt5.0"} {
		to := endpoint(t, "mqtt://"+l.Addr().String()+"/t", `"timeout":1000,"notifierInfo":[{"key":"MQTT-Version","value":"`+version+`"}]`)
		if err := sender(t).Send(t.Context(), to, Notification{Body: []byte("{}")}); err == nil {
			t.Errorf("%s: sent", version)
		}
	}
}

func TestMQTTConnectionsAreBounded(t *testing.T) {
	m := mosquitoAt(t, "127.0.0.1:0")
	s := sender(t)
	for i := range maxBrokers + 10 {
		to := endpoint(t, fmt.Sprintf("mqtt://user%d:x@%s/t", i, m.address()))
		if err := s.Send(t.Context(), to, Notification{Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	s.mqtt.mu.Lock()
	defer s.mqtt.mu.Unlock()
	if n := len(s.mqtt.byKey); n > maxBrokers {
		t.Errorf("%d connections", n)
	}
}
