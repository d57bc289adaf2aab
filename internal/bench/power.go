package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/client"
)

// maxInFlight bounds the acts under way: an act is answered once it is published, so at 800 a second and 700 ms as many
// as 560 wait at once, each on a connection of its own.
const maxInFlight = 2048

// runAct offers acts of power at a steady rate. An answer is 201 only once the act is published, so the latency is the
// publication's. The acts are signed before the run: their actors do that, not the hub.
func runAct(ctx context.Context, b *Bench) (measured, error) {
	inspector, err := b.city.as("inspector-ward")
	if err != nil {
		return measured{}, err
	}
	total := int((b.cfg.Duration+warming(b.cfg.Duration))*time.Duration(b.cfg.Rate)/time.Second) + 1
	fmt.Fprintf(b.cfg.Log, "signing %d acts\n", total)
	acts := make([][]byte, total)
	if err := each(ctx, total, func(i int) (err error) {
		acts[i], err = signed(ctx, inspector, fmt.Sprintf("Penalty notice %d of a benchmark", i+1))
		return err
	}); err != nil {
		return measured{}, fmt.Errorf("signing acts: %w", err)
	}
	before, err := b.city.published(ctx)
	if err != nil {
		return measured{}, err
	}
	w := work{
		address: b.city.address,
		next:    func(buf []byte, _, i int) []byte { return append(buf, acts[i]...) },
		check:   want(http.StatusCreated),
	}
	t, connections, err := offered(ctx, w, b.cfg.Rate, maxInFlight, b.cfg.Duration, b.city.meter())
	if err != nil {
		return measured{}, err
	}
	after, err := b.city.published(ctx)
	if err != nil {
		return measured{}, err
	}
	if after-before < t.ops() {
		t.note(0, 0, fmt.Errorf("%w: %d acts were answered as published, but the record grew by %d", tribune.ErrInvalid, t.ops(), after-before))
	}
	return measured{tally: t, connections: connections, offered: b.cfg.Rate, request: acts[0]}, nil
}

// signed is the request that the client would send for an act of power, as ready bytes.
func signed(ctx context.Context, c *client.Client, note string) ([]byte, error) {
	var kept bytes.Buffer
	copied := *c
	copied.HTTP = &http.Client{Transport: keep{&kept}}
	_, err := copied.Exercise(ctx, note)
	return kept.Bytes(), err
}

// keep writes a request down instead of sending it.
type keep struct{ to *bytes.Buffer }

func (k keep) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Fprintf(k.to, "%s %s HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n", r.Method, r.URL.RequestURI(), r.ContentLength)
	if err := r.Header.Write(k.to); err != nil {
		return nil, err
	}
	k.to.WriteString("\r\n")
	if _, err := io.Copy(k.to, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody, Header: http.Header{}}, nil
}

// published is the size of the record's newest published checkpoint (C2SP tlog-checkpoint: its second line).
func (c *city) published(ctx context.Context) (int, error) {
	anyone, err := c.as("")
	if err != nil {
		return 0, err
	}
	a, err := ok(anyone.Do(ctx, http.MethodGet, "/log/checkpoint", nil, nil))
	if err != nil {
		return 0, fmt.Errorf("reading the checkpoint: %w", err)
	}
	lines := strings.SplitN(string(a.Body), "\n", 3)
	if len(lines) < 3 {
		return 0, fmt.Errorf("%w: a checkpoint of %d lines", tribune.ErrInvalid, len(lines))
	}
	return strconv.Atoi(lines[1])
}
