package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
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

// attack does everything at once until ctx ends.
func (f *flood) attack(ctx context.Context) {
	var all sync.WaitGroup
	for range floodLines {
		all.Go(func() { f.flood(ctx, f.bad["flood"], floodFactor*steadyRate/floodLines) })
	}
	all.Go(func() { f.flood(ctx, f.bad["beyond"], floodFactor) })
	all.Go(func() { f.loris(ctx, lorises) })
	for _, bad := range f.badThings() {
		all.Go(func() {
			for ctx.Err() == nil {
				bad.try(ctx) // what comes of it is held to before the rounds
				f.tried.Add(1)
				pause(ctx, againEvery)
			}
		})
	}
	all.Wait()
}

// flood publishes so many messages a second on one connection, whether or not earlier ones are acknowledged.
func (f *flood) flood(ctx context.Context, who credential, perSecond int) {
	c, err := f.login(ctx, who, netip.Addr{})
	if err != nil {
		return
	}
	defer c.Conn.Close()
	go func() {
		for {
			if _, err := c.Acknowledged(); err != nil {
				return
			}
			f.flooded.Add(1)
		}
	}()
	began := time.Now()
	for sent := 0; ctx.Err() == nil; {
		var burst []byte
		for due := int(time.Since(began) * time.Duration(perSecond) / time.Second); sent < due && len(burst) < floodAhead<<7; sent++ {
			burst = mqtt.AppendPublish(burst, who.topic, uint16(sent%0xffff)+1, reading(who.id, sent))
		}
		c.SetWriteDeadline(time.Now().Add(floodPart))
		if _, err := c.Write(burst); err != nil {
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func (f *flood) login(ctx context.Context, who credential, from netip.Addr) (*mqtt.Conn, error) {
	c, err := mqtt.Dial(ctx, f.address, from)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(callFor))
	if err := c.Login(fmt.Sprint("bad-", f.logins.Add(1)), who.id, who.token, floodAlive); err != nil {
		c.Conn.Close()
		return nil, err
	}
	return c, nil
}

// loris opens n connections that send a CONNECT byte by byte, and returns how long the last of them lasted.
func (f *flood) loris(ctx context.Context, n int) (longest time.Duration, err error) {
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex // guards longest and err
	for range n {
		all.Go(func() {
			c, dialled := mqtt.Dial(ctx, f.address, stranger)
			if dialled == nil {
				defer c.Conn.Close()
				go drip(ctx, c)
				c.SetReadDeadline(began.Add(lorisFor))
				_, dialled = c.Read(make([]byte, 1))
			}
			mu.Lock()
			defer mu.Unlock()
			f.tried.Add(1)
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

func (f *flood) badThings() []badThing {
	publish := func(who, topic string, payload []byte) func(context.Context) error {
		return func(ctx context.Context) error {
			c, err := f.login(ctx, f.bad[who], netip.Addr{})
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
		{"10 MB payload", f.huge},
		{"bad UTF-8 in the topic", publish("spelling", own+"\xff\xfe", []byte("{}"))},
		{"wildcard in the topic", publish("spelling", own+"#", []byte("{}"))},
		{"another device's topic", publish("topics", f.devices[0].topic, []byte("[]"))},
		{"the server's topic", publish("topics", "$SYS/broker/version", []byte("{}"))},
		{"wrong token", func(ctx context.Context) error {
			return f.refused(ctx, credential{id: f.bad["topics"].id, token: f.bad["flood"].token})
		}},
		{"unknown device", func(ctx context.Context) error { return f.refused(ctx, credential{id: "nobody", token: "nothing"}) }},
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
func (f *flood) refused(ctx context.Context, who credential) error {
	c, err := f.login(ctx, who, stranger)
	if err == nil {
		c.Conn.Close()
		return fmt.Errorf("%w: it was let in", tribune.ErrInvalid)
	}
	return nil
}

// huge sends a payload of 10 MB as far as the hub takes it.
func (f *flood) huge(ctx context.Context) error {
	who := f.bad["large"]
	c, err := f.login(ctx, who, netip.Addr{})
	if err != nil {
		return err
	}
	defer c.Conn.Close()
	c.SetWriteDeadline(time.Now().Add(cutFor))
	if _, err := c.Write(mqtt.AppendPublishHead(nil, who.topic, 1, hugePayload)); err != nil {
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

// refusals tries each attack once by itself, and holds the hub to what it must do; the devices that behave are the control.
func (f *flood) refusals(ctx context.Context) error {
	var passed []string
	for _, bad := range f.badThings() {
		if err := bad.try(ctx); err != nil {
			passed = append(passed, bad.name+": "+err.Error())
		}
	}
	longest, err := f.loris(ctx, lorises)
	if err != nil {
		passed = append(passed, "slow-loris: "+err.Error())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p := f.city.play
	p.check(len(passed) == 0, "send what no device may send, and open connections that never say who they are", "each is cut without a PUBACK, or not let in",
		"passed: %s; the last of %d slow connections lasted %.1f s", some(passed), lorises, longest.Seconds())
	waited, err := f.part(ctx, func(context.Context) {})
	p.control(err == nil && len(waited) > 0, "send what devices may send, over the same surface", "each message has its PUBACK", "%d messages, %v", len(waited), err)
	return nil
}
