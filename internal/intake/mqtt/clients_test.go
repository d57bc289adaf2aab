package mqtt

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	three "github.com/eclipse/paho.mqtt.golang"

	"tribune/internal/intake"
	"tribune/internal/need"
)

// run runs a client to its end.
func run(t *testing.T, name string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %q does not end: %s", name, args, out)
	}
	return string(out), err
}

func (w *town) port() (host, port string) {
	host, port, err := net.SplitHostPort(w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	return host, port
}

func TestMosquitto(t *testing.T) {
	pub := need.Tool(t, "mosquitto_pub")
	for _, version := range []string{"mqttv311", "mqttv5"} {
		t.Run(version, func(t *testing.T) {
			w := start(t, Limits{})
			token := w.add("air-1")
			host, port := w.port()
			args := func(more ...string) []string {
				return append([]string{"-V", version, "-h", host, "-p", port, "-u", "air-1", "-q", "1"}, more...)
			}
			if out, err := run(t, pub, args("-P", token, "-t", "devices/air-1/x", "-m", "1")...); err != nil {
				t.Fatalf("publishing: %v: %s", err, out)
			}
			if version == "mqttv5" {
				if out, err := run(t, pub, args("-P", token, "-t", "devices/air-1/x", "-D", "publish", "content-type", "application/senml+json", "-m", "2")...); err != nil {
					t.Fatalf("publishing with a content type: %v: %s", err, out)
				}
			}
			for name, more := range map[string][]string{
				"wrong token": {"-P", "x" + token, "-t", "devices/air-1/x", "-m", "no"},
				"a will":      {"-P", token, "-t", "devices/air-1/x", "-m", "no", "--will-topic", "devices/air-1/x", "--will-payload", "no"},
			} {
				if out, err := run(t, pub, args(more...)...); err == nil {
					t.Errorf("%s: it ends without an error: %s", name, out)
				}
			}
			messages := w.desk.messages()
			want := []string{"application/json", "application/senml+json"}[:len(messages)]
			for i, m := range messages {
				if m.ContentType != want[i] || m.Topic != "devices/air-1/#" || m.Device.ID != "air-1" {
					t.Errorf("message %d: %+v", i, m)
				}
			}
			if got := w.desk.bodies(); got[0] != "1" {
				t.Errorf("the desk took %q", got)
			}
		})
	}
}

// TestMosquittoSendsAgain: its own redelivery brings what was not acknowledged.
func TestMosquittoSendsAgain(t *testing.T) {
	pub := need.Tool(t, "mosquitto_pub")
	w := start(t, Limits{})
	token := w.add("air-1")
	host, port := w.port()
	broken := 2
	w.desk.set(func(context.Context, intake.Message) error { // one message is at the desk at a time
		if broken > 0 {
			broken--
			return errors.New("the store is down")
		}
		return nil
	})
	// With -l mosquitto_pub connects again by itself.
	cmd := exec.Command(pub, "-V", "mqttv311", "-h", host, "-p", port, "-u", "air-1", "-P", token, "-q", "1", "-t", "devices/air-1/x", "-l")
	cmd.Stdin = strings.NewReader("one\ntwo\nthree\n")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	w.until("three messages", func() bool {
		got := w.desk.bodies()
		slices.Sort(got)
		return slices.Equal(slices.Compact(got), []string{"one", "three", "two"})
	})
	if err := cmd.Wait(); err != nil {
		t.Errorf("mosquitto_pub: %v", err)
	}
}

// pythonClient publishes with paho for Python in both versions and prints each PUBACK's outcome.
const pythonClient = `
import sys, paho.mqtt.client as m
host, port, user, token, version = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
args = {"client_id": "python", "protocol": m.MQTTv5 if version == 5 else m.MQTTv311}
if hasattr(m, "CallbackAPIVersion"):
    args["callback_api_version"] = m.CallbackAPIVersion.VERSION1
c = m.Client(**args)
c.username_pw_set(user, token)
connected = []
c.on_connect = lambda *a: connected.append(int(getattr(a[3], "value", a[3])))
c.connect(host, port, 30)
c.loop_start()
for payload in sys.argv[6:]:
    info = c.publish("devices/" + user + "/x", payload, qos=1)
    info.wait_for_publish(15)
    print("acknowledged" if info.is_published() else "not acknowledged", payload)
c.disconnect()
c.loop_stop()
print("connack", connected[0])
`

func TestPython(t *testing.T) {
	python := need.Python(t, "paho.mqtt.client")
	for _, version := range versions {
		t.Run(strconv.Itoa(int(version)), func(t *testing.T) {
			w := start(t, Limits{})
			token := w.add("air-1")
			host, port := w.port()
			out, err := run(t, python, "-c", pythonClient, host, port, "air-1", token, strconv.Itoa(int(version)), "one", "two")
			if err != nil || out != "acknowledged one\nacknowledged two\nconnack 0\n" {
				t.Errorf("%v: %s", err, out)
			}
			if got := w.desk.bodies(); !slices.Equal(got, []string{"one", "two"}) {
				t.Errorf("the desk took %q", got)
			}
		})
	}
}

func TestPahoGoThree(t *testing.T) {
	w := start(t, Limits{})
	token := w.add("air-1")
	opts := three.NewClientOptions().AddBroker("tcp://" + w.address).SetClientID("go").SetUsername("air-1").SetPassword(token).SetProtocolVersion(4).SetCleanSession(false).
		SetConnectTimeout(patience).SetMaxReconnectInterval(50 * time.Millisecond)
	c := three.NewClient(opts)
	wait := func(what string, token three.Token) {
		t.Helper()
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("%s: %v", what, token.Error())
		}
	}
	wait("connecting", c.Connect())
	defer c.Disconnect(0)
	wait("publishing", c.Publish("devices/air-1/x", 1, false, "one"))
	broken := true
	w.desk.set(func(context.Context, intake.Message) error {
		if broken {
			broken = false
			return errors.New("the store is down")
		}
		return nil
	})
	// Its token says "done" once it has connected again, whatever became of the message; what counts is that it is sent.
	wait("publishing while the store is down", c.Publish("devices/air-1/x", 1, false, "two"))
	w.until("the message to be sent again", func() bool { return slices.Equal(w.desk.bodies(), []string{"one", "two"}) })
}

func TestPahoGoFive(t *testing.T) {
	w := start(t, Limits{})
	token := w.add("air-1")
	nc, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := paho.NewClient(paho.ClientConfig{ClientID: "go", Conn: nc})
	expiry := uint32(3600)
	ack, err := c.Connect(ctx, &paho.Connect{
		ClientID: "go", KeepAlive: 30, CleanStart: false, Username: "air-1", UsernameFlag: true, Password: []byte(token), PasswordFlag: true,
		Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := ack.Properties
	if ack.SessionPresent || p.RetainAvailable || p.WildcardSubAvailable || p.SubIDAvailable || p.SharedSubAvailable || p.MaximumQoS == nil || *p.MaximumQoS != 1 ||
		p.MaximumPacketSize == nil || *p.MaximumPacketSize != maxPacket || p.SessionExpiryInterval == nil || *p.SessionExpiryInterval != 0 || p.TopicAliasMaximum != nil && *p.TopicAliasMaximum != 0 {
		t.Errorf("CONNACK promises %+v", p)
	}
	publish := func(payload string) (*paho.PublishResponse, error) {
		return c.Publish(ctx, &paho.Publish{QoS: 1, Topic: "devices/air-1/x", Payload: []byte(payload), Properties: &paho.PublishProperties{ContentType: "application/cose"}})
	}
	if r, err := publish("one"); err != nil || r.ReasonCode != 0 {
		t.Errorf("got %+v %v", r, err)
	}
	w.desk.set(func(context.Context, intake.Message) error { return &intake.Quarantined{Reason: "out of range"} })
	if r, err := publish("two"); r == nil || r.ReasonCode != 0x99 {
		t.Errorf("a message in quarantine: %+v %v", r, err)
	}
	if got := w.desk.messages(); len(got) != 1 || got[0].ContentType != "application/cose" {
		t.Errorf("the desk took %v", got)
	}
	if err := c.Disconnect(&paho.Disconnect{}); err != nil {
		t.Error(err)
	}
}

// certificate is a self-signed one for this machine.
func certificate(t *testing.T) (cert tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// TestTLS serves both listeners at once, as a city does.
func TestTLS(t *testing.T) {
	pub := need.Tool(t, "mosquitto_pub")
	cert, file := certificate(t)
	w := found(t, Limits{Connect: time.Second})
	token := w.add("air-1")
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- w.edge.Serve(ctx, listeners[0], listeners[1], &tls.Config{Certificates: []tls.Certificate{cert}})
	}()
	for i, l := range listeners {
		host, port, _ := net.SplitHostPort(l.Addr().String())
		args := []string{"-h", host, "-p", port, "-u", "air-1", "-P", token, "-q", "1", "-t", "devices/air-1/x", "-m", strconv.Itoa(i)}
		if i == 1 {
			args = append(args, "--cafile", file)
		}
		if out, err := run(t, pub, args...); err != nil {
			t.Errorf("listener %d: %v: %s", i, err, out)
		}
	}
	if got := w.desk.bodies(); !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("the desk took %q", got)
	}
	// A client that never finishes its handshake, and one that speaks in the clear.
	w.address = listeners[1].Addr().String()
	w.dial(4).cut()
	w.wants("slow", 1)
	c := w.dial(4)
	c.send(connectPacket(4, true, 9, "c", "", "air-1", token))
	c.Close()
	w.wants("malformed", 1)
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it does not stop")
	}
}

func TestServeNeedsAListener(t *testing.T) {
	for name, serve := range map[string]func(*Edge) error{
		"none": func(e *Edge) error { return e.Serve(t.Context(), nil, nil, nil) },
		"TLS with no key at all": func(e *Edge) error {
			l, _ := net.Listen("tcp", "127.0.0.1:0")
			return e.Serve(t.Context(), nil, l, nil)
		},
	} {
		if err := serve(found(t, Limits{}).edge); err == nil {
			t.Errorf("%s: it serves", name)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("an edge without desk and devices")
	}
}
