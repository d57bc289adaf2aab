package drill

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/client"
)

// mqttAddress is where the city listens for MQTT.
func (c *city) mqttAddress() (string, error) {
	data, err := os.ReadFile(c.path("mqtt"))
	if err != nil {
		return "", fmt.Errorf("finding the hub's MQTT address: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// The devices of the MQTT drills report free spaces of car parks of their own.
const (
	mqttPrefix = "urn:ngsi-ld:OffStreetParking:drill:mqtt:"
	vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"
)

// device registers a device of the drill's.
func (c *city) device(ctx context.Context, id string, perMinute int) (d client.Device, token string, err error) {
	anyone, err := c.as("")
	if err != nil {
		return d, "", err
	}
	d = client.Device{ID: id, Entity: mqttPrefix + "{1}", Type: vocabulary + typePark, Attribute: vocabulary + crashAttr, PerMinute: perMinute}
	token, err = anyone.Register(ctx, c.path("institutions", "steward.key"), d)
	return d, token, err
}

// publisher is a real MQTT client, a process of its own that lives through all the kills. It reads a message a line and
// publishes it at QoS 1; it keeps what is not acknowledged and sends it again by itself.
type publisher struct {
	name     string
	numbered bool // it does not tell its messages' packet identifiers: they count from 1
	cmd      *exec.Cmd
	in       io.WriteCloser
	done     chan struct{}

	mu      sync.Mutex // guards the rest
	said    []byte     // the beginning of a line
	last    string     // line that means nothing here
	ids     []int      // packet identifier of each message, where it tells
	acked   map[int]bool
	again   int // messages it sent another time, where it tells
	refused int // PUBACKs with another reason than success
}

// mosquitto is mosquitto_pub, which says in its debugging lines what it sends and hears. It numbers its messages from 1.
func mosquitto(ctx context.Context, address, version string, d client.Device, token string) (*publisher, error) {
	path, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: mosquitto_pub is not installed", errDrill), "Run scripts/setup, or: apt-get install mosquitto-clients")
	}
	lines, err := exec.LookPath("stdbuf") // into a pipe it says nothing before its end
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: stdbuf is not installed", errDrill), "It is part of GNU coreutils.")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the hub's MQTT address: %w", err)
	}
	return publish(ctx, "mosquitto_pub, MQTT "+version, true, lines, "-oL", path, "-V", version, "-h", host, "-p", port, "-i", d.ID, "-u", d.ID, "-P", token, "-q", "1", "-k", "20", "-t", d.Topic(), "-l", "-d")
}

// pythonPublisher is a device in Python with Eclipse Paho.
const pythonPublisher = `
import os, sys, paho.mqtt.client as m
def say(word, n):
    os.write(1, b"%s %d\n" % (word, n))  # two threads speak, and lines stay whole
host, port, user, token, topic, version = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6]
args = {"client_id": user, "protocol": m.MQTTv5 if version == "5" else m.MQTTv311}
if version != "5":
    args["clean_session"] = False
if hasattr(m, "CallbackAPIVersion"):
    args["callback_api_version"] = m.CallbackAPIVersion.VERSION1
c = m.Client(**args)
c.username_pw_set(user, token)
c.reconnect_delay_set(1, 1)
c.on_publish = lambda *a: say(b"ack", a[2])
c.connect_async(host, port, 20)
c.loop_start()
last = None
for line in sys.stdin:
    last = c.publish(topic, line.strip(), qos=1)
    say(b"mid", last.mid)
if last is not None:
    last.wait_for_publish(30)
c.disconnect()
c.loop_stop()
`

func python(ctx context.Context, address, version string, d client.Device, token string) (*publisher, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the hub's MQTT address: %w", err)
	}
	for _, name := range []string{"python3", "/usr/bin/python3"} { // Debian's own has the module where another comes first in PATH
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(ctx, path, "-c", "import paho.mqtt.client").Run() == nil {
			return publish(ctx, "Paho for Python, MQTT "+version, false, path, "-c", pythonPublisher, host, port, d.ID, token, d.Topic(), version)
		}
	}
	return nil, tribune.Hint(fmt.Errorf("%w: python3 has no module paho.mqtt", errDrill), "Run scripts/setup, or: apt-get install python3-paho-mqtt")
}

// publish starts a client and follows what it says.
func publish(ctx context.Context, name string, numbered bool, path string, args ...string) (*publisher, error) {
	p := &publisher{name: name, numbered: numbered, cmd: exec.CommandContext(ctx, path, args...), done: make(chan struct{}), acked: map[int]bool{}}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	var err error
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.cmd.Wait() // how it ended is told by what was acknowledged
		close(p.done)
	}()
	return p, nil
}

// Write follows what the client says.
func (p *publisher) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, b...)
	for {
		line, rest, whole := bytes.Cut(p.said, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		p.hear(string(line))
		p.said = rest
	}
}

var (
	mosquittoSends = regexp.MustCompile(` sending PUBLISH \(d(\d), q1, r0, m\d+,`)
	mosquittoHears = regexp.MustCompile(` received PUBACK \(Mid: (\d+), RC:(\d+)\)`)
	pythonSays     = regexp.MustCompile(`^(mid|ack) (\d+)$`)
)

func (p *publisher) hear(line string) {
	sends, hears, says := mosquittoSends.FindStringSubmatch(line), mosquittoHears.FindStringSubmatch(line), pythonSays.FindStringSubmatch(line)
	switch {
	case sends != nil && sends[1] == "1":
		p.again++
	case sends != nil:
	case hears != nil && hears[2] != "0":
		p.refused++
	case hears != nil:
		p.acked[number(hears[1])] = true
	case says != nil && says[1] == "mid":
		p.ids = append(p.ids, number(says[2]))
	case says != nil:
		p.acked[number(says[2])] = true
	default:
		p.last = line
	}
}

// number reads digits that an expression has found.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// line publishes one more message.
func (p *publisher) line(text []byte) error {
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("%w: %s is gone: %w", errDrill, p.name, err)
	}
	return nil
}

// heard reports whether the n-th line, from 0, has its PUBACK.
func (p *publisher) heard(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.numbered {
		return p.acked[n+1]
	}
	return n < len(p.ids) && p.acked[p.ids[n]]
}

// end lets the client end by itself, or ends it.
func (p *publisher) end() error {
	p.in.Close() // it may have ended already
	select {
	case <-p.done:
		return nil
	case <-time.After(stopFor):
	}
	p.cmd.Process.Kill()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Errorf("%w: %s does not end; it said: %s", errDrill, p.name, p.last)
}
