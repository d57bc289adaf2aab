package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// alterations counts what was altered, what of it went unnoticed (mute), and what was refused without a word (silent).
type alterations struct{ tried, mute, silent int }

func (a *alterations) note(err error) {
	a.tried++
	switch {
	case err == nil:
		a.mute++
	case strings.TrimSpace(err.Error()) == "":
		a.silent++
	}
}

func (a *alterations) add(b alterations) {
	a.tried, a.mute, a.silent = a.tried+b.tried, a.mute+b.mute, a.silent+b.silent
}

// each alters n places, on all cores.
func each(ctx context.Context, n int, alter func(i int, all *alterations)) (all alterations, err error) {
	workers := runtime.GOMAXPROCS(0)
	parts := make([]alterations, workers)
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < n; i += workers {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				alter(i, &parts[w])
			}
			return nil
		})
	}
	err = group.Wait()
	for _, p := range parts {
		all.add(p)
	}
	return all, err
}

func (a alterations) held() bool { return a.tried > 0 && a.mute == 0 && a.silent == 0 }

func (a alterations) String() string {
	return fmt.Sprintf("%d alterations, %d unnoticed, %d without a reason", a.tried, a.mute, a.silent)
}

// flips are what each byte becomes in turn: one bit, and the case or digit that lenient parsers take for the same.
var flips = [...]byte{0x01, 0x20, 0x80}

func (e *exhibit) alterReceipt(ctx context.Context) error {
	all, err := each(ctx, len(e.receipt), func(i int, all *alterations) {
		for _, flip := range flips {
			bad := bytes.Clone(e.receipt)
			bad[i] ^= flip
			_, err := e.trust.Receipt(bad)
			all.note(err)
		}
		_, err := e.trust.Receipt(slices.Delete(bytes.Clone(e.receipt), i, i+1))
		all.note(err)
	})
	if err != nil {
		return err
	}
	e.play.check(all.held(), fmt.Sprintf("alter each of the receipt's %d bytes in turn, three ways, and leave it out", len(e.receipt)), "each refused with a reason", "%s", all)

	var sample alterations
	last := ""
	for k := range sampled {
		bad := bytes.Clone(e.receipt)
		bad[k*(len(bad)-1)/(sampled-1)] ^= 0x01
		out, code, err := e.run(ctx, bad, filepath.Join(e.dir, "log"))
		if err != nil {
			return err
		}
		sample.note(outcome(out, code))
		last = firstLine(out)
	}
	e.play.check(sample.held(), fmt.Sprintf("the same of %d bytes by tribune verify itself", sampled), "exit 3 with a reason", "%s, the last: %s", sample, last)
	return nil
}

// outcome is a command's refusal as an error; nil where it did not refuse with exit code 3.
func outcome(out string, code int) error {
	if code != 3 {
		return nil
	}
	return errors.New(strings.TrimSpace(out))
}

func (e *exhibit) alterLog(ctx context.Context) error {
	v, err := e.trust.Receipt(e.receipt)
	if err != nil {
		return err
	}
	var all alterations
	bytesUsed := 0
	for _, name := range e.used {
		honest := e.files[name]
		bytesUsed += len(honest)
		altered := func(data []byte) error {
			files := maps.Clone(e.files)
			files[name] = data
			return e.trust.Log(v, files)
		}
		every := e.play.cfg.Every
		one, err := each(ctx, (len(honest)+every-1)/every, func(i int, all *alterations) {
			bad := bytes.Clone(honest)
			bad[i*every] ^= flips[i%len(flips)]
			all.note(altered(bad))
		})
		if err != nil {
			return err
		}
		all.add(one)
		all.note(altered(honest[:len(honest)-1]))
	}
	e.play.check(all.held() && len(e.used) >= 3, fmt.Sprintf("alter %s of %d bytes of the %d log files it rests on (%s) in turn, and cut each file", nth(e.play.cfg.Every), bytesUsed, len(e.used), strings.Join(e.used, ", ")),
		"each refused with a reason; checkpoint, entries and hashes among them", "%s", all)
	e.play.control(e.trust.Log(v, e.files) == nil, "the log as it was", "holds", "%s", orHolds(e.trust.Log(v, e.files)))

	var sample alterations
	last := ""
	for _, name := range e.used {
		path := filepath.Join(e.dir, "log", filepath.FromSlash(name))
		honest := e.files[name]
		bad := bytes.Clone(honest)
		bad[len(bad)/2] ^= 0x01
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			return fmt.Errorf("altering the log: %w", err)
		}
		out, code, err := e.run(ctx, e.receipt, filepath.Join(e.dir, "log"))
		if err != nil {
			return err
		}
		sample.note(outcome(out, code))
		last = firstLine(out)
		if err := os.WriteFile(path, honest, 0o600); err != nil {
			return fmt.Errorf("altering the log: %w", err)
		}
	}
	e.play.check(sample.held(), "one byte of each of these files, by tribune verify itself", "exit 3 with a reason", "%s, the last: %s", sample, last)
	return nil
}

func orHolds(err error) string {
	if err == nil {
		return "holds"
	}
	return err.Error()
}

func nth(n int) string {
	if n == 1 {
		return "each"
	}
	return fmt.Sprintf("every %d-th", n)
}
