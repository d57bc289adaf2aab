package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tribune"
)

// lab is where the laboratory keeps everything.
func (b *broker) lab() string { return filepath.Join(b.cfg.Dir, "lab") }

// labLog is what it has written since it was started last.
func (b *broker) labLog() string { return filepath.Join(b.cfg.Dir, "lab.log") }

// start starts the laboratory, on what an earlier one has left, and waits until it answers.
func (b *broker) start(ctx context.Context) (err error) {
	if err := os.MkdirAll(b.lab(), 0o700); err != nil {
		return fmt.Errorf("making a laboratory: %w", err)
	}
	if b.address == "" {
		if b.address, err = freeAddress(); err != nil {
			return err
		}
	}
	args := []string{"serve", "--lab", "--dir", b.lab(), "--http", b.address}
	if b.cfg.Profile != "" {
		args = append(args, "--cpuprofile", b.cfg.Profile)
	}
	var environment []string
	if b.bc.Soak > 0 {
		environment = []string{"GODEBUG=" + collections}
	}
	if b.proc, err = spawnWith(ctx, environment, b.cfg.Binary, b.labLog(), args...); err != nil {
		return err
	}
	b.pid = b.proc.pid()
	lean := make([]byte, 0, 256)
	return b.proc.until(ctx, startFor, "the laboratory to answer", func() error {
		c, err := dial(ctx, b.address)
		if err != nil {
			return err
		}
		defer c.close()
		c.nc.SetDeadline(time.Now().Add(callFor))
		status, _, err := c.do(appendRequest(lean[:0], http.MethodGet, entities+"?type=Sensor&limit=1", "", nil))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%w: it answers %d", tribune.ErrBusy, status)
		}
		return err
	})
}

// empty replaces the laboratory by one that holds nothing. Another broker keeps what it has.
func (b *broker) empty(ctx context.Context) error {
	if b.proc == nil {
		return nil
	}
	if err := b.proc.stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(b.lab()); err != nil {
		return fmt.Errorf("emptying the laboratory: %w", err)
	}
	b.held, b.points = 0, 0
	return b.start(ctx)
}

func (b *broker) close() error {
	var err error
	if b.proc != nil {
		err = b.proc.stop()
	}
	return errors.Join(err, b.Close())
}

// A broker still sorts what it was given when everything is acknowledged. Where that goes on for longer than settleFor, what is
// measured then is measured beside it.
const (
	settleFor = 30 * time.Second
	settled   = 0.05 // cores
	settleIn  = time.Second
)

// settle waits until the broker does nothing.
func (b *broker) settle(ctx context.Context) {
	for end := time.Now().Add(settleFor); b.pid != 0 && time.Now().Before(end) && ctx.Err() == nil; {
		m := b.meter()
		m.start()
		sleep(ctx, settleIn)
		if m.stop().Hub < settled {
			return
		}
	}
}
