package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/internal/client/mqtt"
)

// The MQTT bench: gateways hand in messages of 200 sensors, one reading each, at QoS 1. A message is SenML (RFC 8428) in JSON;
// each reading is of another public entity, and of another time than the one before.
const (
	mqttSensors  = 200
	mqttGateways = 32 // at most; each is a device of its own with one connection
	mqttAhead    = 4  // messages a gateway sends before the first is acknowledged
	mqttEntity   = "urn:ngsi-ld:AirQualityObserved:bench:"
	mqttType     = "https://uri.etsi.org/ngsi-ld/default-context/AirQualityObserved"
	mqttAttr     = "https://uri.etsi.org/ngsi-ld/default-context/pm25"
	mqttAlive    = time.Minute
)

// gateway is one device under measurement.
type gateway struct {
	n     int
	topic string
	conn  *mqtt.Conn
	from  time.Time // of its first reading; each message is a millisecond later
	turns int       // messages acknowledged

	body, packet []byte // of the message under way
}

func runMQTT(ctx context.Context, b *Bench) (measured, error) {
	n := min(b.cfg.Connections, mqttGateways)
	gateways, err := b.gateways(ctx, n)
	if err != nil {
		return measured{}, err
	}
	defer func() {
		for _, g := range gateways {
			g.conn.Close() // the hub cares as little as the bench
		}
	}()
	t, err := flow(ctx, gateways, b.cfg.Duration, b.city.meter())
	if err != nil {
		return measured{}, err
	}
	for _, g := range gateways {
		for _, sensor := range []int{0, mqttSensors - 1} {
			var e struct {
				Value int `json:"pm25"`
			}
			id := fmt.Sprintf("%s%d-%d", mqttEntity, g.n, sensor)
			if err := b.see(ctx, id, &e); err != nil {
				return measured{}, err
			}
			if want := reported(g.turns-1, sensor); e.Value < want {
				t.note(0, 0, fmt.Errorf("%w: %s reads %d, %d was acknowledged last", tribune.ErrInvalid, id, e.Value, want))
			}
		}
	}
	ceiling := func() (float64, error) { return b.mqttCeiling(ctx, n) }
	return measured{tally: t, connections: n, per: mqttSensors, ceiling: ceiling}, nil
}

// gateways registers n devices and connects them.
func (b *Bench) gateways(ctx context.Context, n int) ([]*gateway, error) {
	address, err := os.ReadFile(filepath.Join(b.city.dir, "mqtt"))
	if err != nil {
		return nil, fmt.Errorf("finding the hub's MQTT address: %w", err)
	}
	anyone, err := b.city.as("")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(b.cfg.Log, "registering %d gateways\n", n)
	all := make([]*gateway, n)
	err = each(ctx, n, func(i int) error {
		d := client.Device{ID: fmt.Sprintf("bench-%d-%d", b.calls, i), Entity: mqttEntity + "{1}", Type: mqttType, Attribute: mqttAttr, PerMinute: 1_000_000}
		token, err := anyone.Register(ctx, filepath.Join(b.city.dir, "institutions", "steward.key"), d)
		if err != nil {
			return err
		}
		c, err := mqtt.Dial(ctx, strings.TrimSpace(string(address)), netip.Addr{})
		if err == nil {
			err = c.Login("bench", d.ID, token, mqttAlive)
		}
		if err != nil {
			return err
		}
		all[i] = &gateway{n: i, topic: d.Topic(), conn: c, from: time.Now()}
		return all[i].found()
	})
	return all, err
}

// found has the gateway's entities come into being, which costs the hub more than a reading and happens once.
func (g *gateway) found() error {
	g.conn.SetDeadline(time.Now().Add(answerIn))
	_, err := g.conn.Write(g.next(0))
	if err == nil {
		_, err = g.conn.Acknowledged()
	}
	if err != nil {
		return fmt.Errorf("publishing for the first time: %w", err)
	}
	g.turns = 1
	return nil
}

// reported is what a sensor reads in a gateway's message: it never falls, so that a lost last message shows.
func reported(turn, sensor int) int { return turn*mqttSensors + sensor }

// next is the gateway's message of a turn, ready to be sent; it is valid until the one after it is asked for.
func (g *gateway) next(turn int) []byte {
	at := g.from.Add(time.Duration(turn) * time.Millisecond).UnixMilli()
	b := append(g.body[:0], `[{"bt":`...)
	b = append(strconv.AppendInt(b, at/1000, 10), '.')
	b = append(b, byte('0'+at/100%10), byte('0'+at/10%10), byte('0'+at%10))
	for sensor := range mqttSensors {
		if sensor == 0 {
			b = append(b, `,"n":"s/`...)
		} else {
			b = append(b, `,{"n":"s/`...)
		}
		b = append(strconv.AppendInt(b, int64(g.n), 10), '-')
		b = append(strconv.AppendInt(b, int64(sensor), 10), `","v":`...)
		b = append(strconv.AppendInt(b, int64(reported(turn, sensor)), 10), '}')
	}
	g.body = append(b, ']')
	g.packet = mqtt.AppendPublish(g.packet[:0], g.topic, packetID(turn), g.body)
	return g.packet
}

func packetID(turn int) uint16 { return uint16(turn%0xffff) + 1 } // 0 is no packet identifier

// flow has every gateway send as fast as its messages are acknowledged.
func flow(ctx context.Context, gateways []*gateway, d time.Duration, m *meter) (tally, error) {
	from := time.Now().Add(warming(d))
	until := from.Add(d)
	tallies := make([]tally, len(gateways))
	var all sync.WaitGroup
	for i, g := range gateways {
		g.conn.SetDeadline(until.Add(answerIn))
		all.Go(func() { g.report(from, until, &tallies[i]) })
	}
	sleep(ctx, time.Until(from))
	m.start()
	sleep(ctx, time.Until(until))
	sum := tally{within: -1, elapsed: d, cpu: m.stop()}
	all.Wait()
	for i := range tallies {
		sum.merge(&tallies[i])
	}
	return sum, ctx.Err()
}

// report counts what is acknowledged between from and until. A gateway that is cut off has lost its connection for good.
func (g *gateway) report(from, until time.Time, t *tally) {
	var sent [mqttAhead]time.Time
	for turn := g.turns; ; {
		for time.Now().Before(until) && turn < g.turns+mqttAhead {
			packet := g.next(turn)
			sent[turn%mqttAhead] = time.Now()
			if _, err := g.conn.Write(packet); err != nil {
				t.note(0, 0, fmt.Errorf("publishing: %w", err))
				return
			}
			turn++
		}
		if turn == g.turns {
			return
		}
		id, err := g.conn.Acknowledged()
		end := time.Now()
		if err == nil && id != packetID(g.turns) {
			err = fmt.Errorf("%w: PUBACK of %d, want %d", tribune.ErrInvalid, id, packetID(g.turns))
		}
		if err != nil {
			t.note(0, 0, fmt.Errorf("waiting for PUBACK: %w", err))
			return
		}
		if !end.Before(from) && !end.After(until) {
			t.note(end.Sub(sent[g.turns%mqttAhead]), 0, nil)
		}
		g.turns++
	}
}

// mqttCeiling is how many readings a second this machine moves where the same messages are acknowledged by a server that
// does nothing else: it finds the ends of packets and throws them away.
func (b *Bench) mqttCeiling(ctx context.Context, n int) (float64, error) {
	at, stop, err := b.ceilingServer(ctx, 0)
	if err != nil {
		return 0, err
	}
	gateways := make([]*gateway, n)
	for i := range gateways {
		c, err := mqtt.Dial(ctx, at.MQTT, netip.Addr{})
		if err == nil {
			err = c.Login("bench", "bench", "bench", mqttAlive)
		}
		if err != nil {
			return 0, errors.Join(fmt.Errorf("measuring the ceiling: %w", err), stop())
		}
		defer c.Close()
		gateways[i] = &gateway{n: i, topic: client.Device{ID: "bench-0-0"}.Topic(), conn: c, from: time.Now()}
	}
	t, err := flow(ctx, gateways, min(b.cfg.Duration, ceilingFor), &meter{})
	if stopped := stop(); err == nil {
		err = stopped
	}
	if err == nil && (t.errors > 0 || t.ops() == 0) {
		err = fmt.Errorf("%d answers, %d wrong: %w", t.ops(), t.errors, t.first)
	}
	if err != nil {
		return 0, fmt.Errorf("measuring the ceiling: %w", err)
	}
	return t.rate(), nil
}

// acknowledge answers CONNECT and PUBLISH at QoS 1, and ends with anything else.
func acknowledge(c net.Conn) {
	defer c.Close()
	for r := bufio.NewReaderSize(c, 64<<10); ; {
		first, err := r.ReadByte()
		if err != nil {
			return
		}
		length, err := binary.ReadUvarint(r) // MQTT's remaining length is the same code
		if err != nil || length > maxReady {
			return
		}
		answer := []byte{0x20, 2, 0, 0}
		switch first >> 4 {
		case 1:
			_, err = r.Discard(int(length))
		case 3:
			var topic [2]byte
			if _, err = io.ReadFull(r, topic[:]); err != nil {
				return
			}
			skip := int(binary.BigEndian.Uint16(topic[:]))
			answer[0] = 0x40
			if _, err = r.Discard(skip); err == nil {
				_, err = io.ReadFull(r, answer[2:])
			}
			if rest := int(length) - 4 - skip; err == nil && rest >= 0 {
				_, err = r.Discard(rest)
			}
		default:
			return
		}
		if err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
