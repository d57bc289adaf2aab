package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/client/mqtt"
)

const (
	lorises      = 100
	lorisEvery   = 200 * time.Millisecond // between two bytes
	lorisFor     = 8 * time.Second        // until when each is cut; the hub promises 5 s
	againEvery   = 100 * time.Millisecond // between two tries of an attack that is refused
	hugePayload  = 10 << 20
	hugeAccepted = 4 << 20 // bytes that buffers on the way may take from whoever is cut at once
	cutFor       = 5 * time.Second
	floodLines   = 4  // connections of the flooding device
	floodAhead   = 50 // messages it sends at once
)

// stranger is the address that attackers without a credential come from; the devices' own is another, as it would be.
var stranger = netip.AddrFrom4([4]byte{127, 0, 0, 2})

// attackers are whoever means the hub harm. They are machines of their own: here a process that takes what processor time the
// hub and the devices leave.
type attackers struct {
	Address string                `json:"address"`
	Victim  string                `json:"victim"` // topic of a device that behaves
	Bad     map[string]credential `json:"bad"`    // of the attackers' own devices

	tried   atomic.Int64 // attacks
	logins  atomic.Int64 // each is a client of its own, for the next of the same name would end it
	flooded atomic.Int64 // PUBACKs of the flooding device
}

type credential struct {
	ID    string `json:"id"`
	Token string `json:"token"`
	Topic string `json:"topic"`
}

// AttackersCommand is the hidden command of this program whose run is Attack.
const AttackersCommand = "drill-attackers"

// Attack does everything that a hub must withstand, as the description that comes first on in says, until in ends. Then it writes
// how much that was.
func Attack(ctx context.Context, in io.Reader, out io.Writer) error {
	from := json.NewDecoder(in)
	var a attackers
	if err := from.Decode(&a); err != nil {
		return fmt.Errorf("reading what to attack: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		io.Copy(io.Discard, in) // an error is an end
	}()
	a.attack(ctx)
	return json.NewEncoder(out).Encode(attacked{a.tried.Load(), a.flooded.Load()})
}

// attacked is what attackers say at the end.
type attacked struct {
	Tried   int64 `json:"tried"`
	Flooded int64 `json:"flooded"`
}

// apart lets the attackers attack from a process of their own until ctx ends.
func (a *attackers) apart(ctx context.Context, binary string) error {
	description, err := json.Marshal(a)
	if err != nil {
		return err
	}
	cmd := exec.Command("nice", "-n", "19", binary, AttackersCommand)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the attackers: %w", err)
	}
	defer context.AfterFunc(ctx, func() { in.Close() })()
	kill := time.AfterFunc(floodPart+callFor, func() { cmd.Process.Kill() })
	defer kill.Stop()
	_, told := in.Write(description)
	err = cmd.Wait()
	var did attacked
	if err := errors.Join(told, err, json.Unmarshal(out.Bytes(), &did)); err != nil {
		return fmt.Errorf("attackers: %w: %s", err, log.Bytes())
	}
	a.tried.Add(did.Tried)
	a.flooded.Add(did.Flooded)
	return nil
}

// attack does everything at once until ctx ends.
func (a *attackers) attack(ctx context.Context) {
	var all sync.WaitGroup
	for range floodLines {
		all.Go(func() { a.flood(ctx, a.Bad["flood"], floodFactor*steadyRate/floodLines) })
	}
	all.Go(func() { a.flood(ctx, a.Bad["beyond"], floodFactor) })
	all.Go(func() { a.loris(ctx, lorises) })
	for _, bad := range a.badThings() {
		all.Go(func() {
			for ctx.Err() == nil {
				bad.try(ctx) // what comes of it is held to before the rounds
				a.tried.Add(1)
				pause(ctx, againEvery)
			}
		})
	}
	all.Wait()
}

// flood publishes so many messages a second on one connection, whether or not earlier ones are acknowledged.
func (a *attackers) flood(ctx context.Context, who credential, perSecond int) {
	c, err := a.login(ctx, who, netip.Addr{})
	if err != nil {
		return
	}
	defer c.Conn.Close()
	go func() {
		for {
			if _, err := c.Acknowledged(); err != nil {
				return
			}
			a.flooded.Add(1)
		}
	}()
	began := time.Now()
	for sent := 0; ctx.Err() == nil; {
		var burst []byte
		for due := int(time.Since(began) * time.Duration(perSecond) / time.Second); sent < due && len(burst) < floodAhead<<7; sent++ {
			burst = mqtt.AppendPublish(burst, who.Topic, uint16(sent%0xffff)+1, reading(who.ID, sent))
		}
		c.SetWriteDeadline(time.Now().Add(floodPart))
		if _, err := c.Write(burst); err != nil {
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func (a *attackers) login(ctx context.Context, who credential, from netip.Addr) (*mqtt.Conn, error) {
	c, err := mqtt.Dial(ctx, a.Address, from)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(callFor))
	if err := c.Login(fmt.Sprint("bad-", a.logins.Add(1)), who.ID, who.Token, floodAlive); err != nil {
		c.Conn.Close()
		return nil, err
	}
	return c, nil
}

// loris opens n connections that send a CONNECT byte by byte, and returns how long the last of them lasted.
func (a *attackers) loris(ctx context.Context, n int) (longest time.Duration, err error) {
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex // guards longest and err
	for range n {
		all.Go(func() {
			c, dialled := mqtt.Dial(ctx, a.Address, stranger)
			if dialled == nil {
				defer c.Conn.Close()
				go drip(ctx, c)
				c.SetReadDeadline(began.Add(lorisFor))
				_, dialled = c.Read(make([]byte, 1))
			}
			mu.Lock()
			defer mu.Unlock()
			a.tried.Add(1)
			if longest = max(longest, time.Since(began)); timedOut(dialled) {
				err = dialled
			}
		})
	}
	all.Wait()
	return longest, err
}

func drip(ctx context.Context, c *mqtt.Conn) {
	for _, b := range mqtt.Connect("loris", "nobody", string(bytes.Repeat([]byte{'x'}, 200)), floodAlive) {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		pause(ctx, lorisEvery)
	}
}

func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// badThing is one thing that no device should do; try does it once and returns an error where the hub lets it pass.
type badThing struct {
	name string
	try  func(context.Context) error
}

func (a *attackers) badThings() []badThing {
	publish := func(who, topic string, payload []byte) func(context.Context) error {
		return func(ctx context.Context) error {
			c, err := a.login(ctx, a.Bad[who], netip.Addr{})
			if err != nil {
				return err
			}
			defer c.Conn.Close()
			c.Write(mqtt.AppendPublish(nil, topic, 1, payload)) // it may be cut before all is sent
			return cut(c)
		}
	}
	own := "devices/drill-bad-spelling/"
	return []badThing{
		{"10 MB payload", a.huge},
		{"bad UTF-8 in the topic", publish("spelling", own+"\xff\xfe", []byte("{}"))},
		{"wildcard in the topic", publish("spelling", own+"#", []byte("{}"))},
		{"another device's topic", publish("topics", a.Victim, []byte("[]"))},
		{"the server's topic", publish("topics", "$SYS/broker/version", []byte("{}"))},
		{"wrong token", func(ctx context.Context) error {
			return a.refused(ctx, credential{ID: a.Bad["topics"].ID, Token: a.Bad["flood"].Token})
		}},
		{"unknown device", func(ctx context.Context) error { return a.refused(ctx, credential{ID: "nobody", Token: "nothing"}) }},
	}
}

// cut is nil where the hub ends the connection without a PUBACK.
func cut(c *mqtt.Conn) error {
	c.SetReadDeadline(time.Now().Add(cutFor))
	_, err := c.Acknowledged()
	switch {
	case err == nil:
		return fmt.Errorf("%w: it was acknowledged", tribune.ErrInvalid)
	case timedOut(err):
		return fmt.Errorf("%w: the connection stays open", tribune.ErrInvalid)
	}
	return nil
}

// refused is nil where the hub does not let a device in, or is too busy with its likes to hear it.
func (a *attackers) refused(ctx context.Context, who credential) error {
	c, err := a.login(ctx, who, stranger)
	if err == nil {
		c.Conn.Close()
		return fmt.Errorf("%w: it was let in", tribune.ErrInvalid)
	}
	return nil
}

// huge sends a payload of 10 MB as far as the hub takes it.
func (a *attackers) huge(ctx context.Context) error {
	who := a.Bad["large"]
	c, err := a.login(ctx, who, netip.Addr{})
	if err != nil {
		return err
	}
	defer c.Conn.Close()
	c.SetWriteDeadline(time.Now().Add(cutFor))
	if _, err := c.Write(mqtt.AppendPublishHead(nil, who.Topic, 1, hugePayload)); err != nil {
		return nil
	}
	n, err := io.Copy(c.Conn, io.LimitReader(zeros{}, hugePayload))
	if err == nil || n > hugeAccepted {
		return fmt.Errorf("%w: the hub took %d bytes of it: %w", tribune.ErrTooLarge, n, err)
	}
	return cut(c)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
