package drill

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
	files   memory   // the log
	used    []string // files that the receipt rests on
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
	e.files = memory{}
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
		e.files[filepath.ToSlash(rel)] = data
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

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
