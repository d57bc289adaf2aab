package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"

	"tribune/verify"
)

const (
	// receiptReads makes enough leaves that a proof has some height.
	receiptReads = 3
	// sampled bytes are altered for the binary itself; the library does all of them.
	sampled = 12
)

// playReceipt takes a receipt and a copy of the log to another place, verifies them there, then alters every byte.
func playReceipt(ctx context.Context, p *play) error {
	c := p.newCity("city")
	if err := c.start(ctx); err != nil {
		return err
	}
	e, err := c.exhibit(ctx)
	if err != nil {
		return err
	}
	if err := c.proc.stop(); err != nil {
		return err
	}
	// What follows knows nothing of the city any more.
	if err := os.Rename(c.dir, c.dir+".gone"); err != nil {
		return fmt.Errorf("taking the city away: %w", err)
	}
	if err := e.honest(ctx); err != nil {
		return err
	}
	if err := e.alterReceipt(ctx); err != nil {
		return err
	}
	return e.alterLog(ctx)
}

// exhibit is what an auditor takes home: a receipt, the trust file and a copy of the log.
type exhibit struct {
	play    *play
	dir     string
	receipt []byte
	trust   *verify.Trust
	files   fstest.MapFS // the log
	used    []string     // files that the receipt rests on
}

func (c *city) exhibit(ctx context.Context) (*exhibit, error) {
	people, err := c.populace()
	if err != nil {
		return nil, err
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return nil, err
	}
	e := &exhibit{play: c.play, dir: c.play.scratch("home")}
	for i := range receiptReads {
		if err := c.park(ctx, sessionID(i), people[i]); err != nil {
			return nil, err
		}
		a, err := c.ask(ctx, inspector, people[i].plate)
		if err != nil {
			return nil, err
		}
		if !tells(a, sessionID(i), people[i]) {
			return nil, fmt.Errorf("%w: an inspector's question was answered with %s", errDrill, shown(a))
		}
		if e.receipt, err = c.receipt(ctx, a); err != nil {
			return nil, err
		}
	}
	if e.trust, err = c.trust(); err != nil {
		return nil, err
	}
	if err := settled(ctx); err != nil {
		return nil, err
	}
	if err := copyLog(c.path("hub", "log"), filepath.Join(e.dir, "log")); err != nil {
		return nil, err
	}
	if err := copyFile(c.path("trust.txt"), filepath.Join(e.dir, "trust.txt")); err != nil {
		return nil, fmt.Errorf("copying the trust file: %w", err)
	}
	return e, e.load()
}

// copyLog copies a log that grows: the checkpoint first, so that every tile below it is there already.
func copyLog(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("copying the log: %w", err)
	}
	if err := copyFile(filepath.Join(from, "checkpoint"), filepath.Join(to, "checkpoint")); err != nil {
		return fmt.Errorf("copying the log: %w", err)
	}
	if err := copyDir(filepath.Join(from, "tile"), filepath.Join(to, "tile")); err != nil {
		return fmt.Errorf("copying the log: %w", err)
	}
	return nil
}

// load reads the log into memory, and finds which of its files the receipt rests on.
func (e *exhibit) load() error {
	e.files = fstest.MapFS{}
	dir := filepath.Join(e.dir, "log")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		e.files[filepath.ToSlash(rel)] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the copied log: %w", err)
	}
	v, err := e.trust.Receipt(e.receipt)
	if err != nil {
		return fmt.Errorf("the receipt: %w", err)
	}
	seen := recorder{inner: e.files}
	if err := e.trust.Log(v, &seen); err != nil {
		return fmt.Errorf("the log: %w", err)
	}
	e.used = seen.opened
	return nil
}

// recorder notes which files are opened.
type recorder struct {
	inner  fs.FS
	opened []string
}

// Open opens a file and notes its name.
func (r *recorder) Open(name string) (fs.File, error) {
	f, err := r.inner.Open(name)
	if err == nil && !slices.Contains(r.opened, name) {
		r.opened = append(r.opened, name)
	}
	return f, err
}

// run is `tribune verify` at home.
func (e *exhibit) run(ctx context.Context, receipt []byte, log string) (string, int, error) {
	file := filepath.Join(e.dir, "receipt.tlog")
	if err := os.WriteFile(file, receipt, 0o600); err != nil {
		return "", 0, fmt.Errorf("writing a receipt: %w", err)
	}
	return e.play.command(ctx, "verify", "--trust", filepath.Join(e.dir, "trust.txt"), "--log", log, file)
}

func (e *exhibit) honest(ctx context.Context) error {
	out, code, err := e.run(ctx, e.receipt, filepath.Join(e.dir, "log"))
	if err != nil {
		return err
	}
	e.play.control(code == 0 && strings.Contains(out, "This receipt holds") && strings.Contains(out, "parking-inspector"), "tribune verify, with trust file and log copied elsewhere, the city gone", "exit 0, the act in words", "exit %d: %s", code, firstLine(out))
	return nil
}

// mute are alterations that were not noticed, and silent those whose message says nothing.
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

func (a alterations) held() bool { return a.tried > 0 && a.mute == 0 && a.silent == 0 }

func (a alterations) String() string {
	return fmt.Sprintf("%d alterations, %d unnoticed, %d without a reason", a.tried, a.mute, a.silent)
}

// flips are what each byte becomes in turn: one bit, and the case or digit that lenient parsers take for the same.
var flips = [...]byte{0x01, 0x20, 0x80}

func (e *exhibit) alterReceipt(ctx context.Context) error {
	var all alterations
	for i := range e.receipt {
		for _, flip := range flips {
			bad := bytes.Clone(e.receipt)
			bad[i] ^= flip
			_, err := e.trust.Receipt(bad)
			all.note(err)
		}
		_, err := e.trust.Receipt(slices.Delete(bytes.Clone(e.receipt), i, i+1))
		all.note(err)
		if err := ctx.Err(); err != nil {
			return err
		}
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
		honest := e.files[name].Data
		bytesUsed += len(honest)
		for i := range honest {
			bad := bytes.Clone(honest)
			bad[i] ^= flips[i%len(flips)]
			e.files[name] = &fstest.MapFile{Data: bad}
			all.note(e.trust.Log(v, e.files))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		e.files[name] = &fstest.MapFile{Data: honest[:len(honest)-1]}
		all.note(e.trust.Log(v, e.files))
		e.files[name] = &fstest.MapFile{Data: honest}
	}
	e.play.check(all.held() && len(e.used) >= 3, fmt.Sprintf("alter each of %d bytes of the %d log files it rests on (%s) in turn, and cut each file", bytesUsed, len(e.used), strings.Join(e.used, ", ")),
		"each refused with a reason; checkpoint, entries and hashes among them", "%s", all)
	e.play.control(e.trust.Log(v, e.files) == nil, "the log as it was", "holds", "%v", e.trust.Log(v, e.files))

	var sample alterations
	last := ""
	for _, name := range e.used {
		path := filepath.Join(e.dir, "log", filepath.FromSlash(name))
		honest := e.files[name].Data
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

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
