package city

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/internal/guardian"
	"tribune/protocol"
)

// Guardians that come later have folders of their own, behind those of the most founders there can be; as many as a group can
// have, twice: some may have left.
const (
	firstLater       = 10
	maxDemoGuardians = 27
)

// startLater starts the guardians that came to a demo by a change: those beside the founders' folders.
func (d *demo) startLater(ctx context.Context) error {
	if !d.hub.Keyed() {
		return nil
	}
	for i := firstLater; i <= maxDemoGuardians; i++ {
		dir := d.Dir.Guardian(i)
		f, err := guardian.ReadFile(filepath.Join(dir, guardianConfig))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("configuring guardian %d: %w", i, err)
		}
		if err := d.configure(dir); err != nil {
			return fmt.Errorf("configuring guardian %d: %w", i, err)
		}
		vkey, err := guardian.Init(f.Dir, "")
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(vkey, "+")
		p, err := startGuardian(ctx, name, dir, d.Log)
		if err != nil {
			return err
		}
		d.processes = append(d.processes, p)
		d.hub.cfg.Guardians = append(d.hub.cfg.Guardians, Guardian{Name: name, Key: vkey, URL: p.Address})
	}
	return nil
}

// JoinDemo prepares the folder of one more guardian of a demo, and returns its key and its configuration file.
func JoinDemo(d Dir, name, listen string) (vkey, config string, err error) {
	f, err := guardian.ReadFile(filepath.Join(d.Guardian(1), guardianConfig))
	if err != nil {
		return "", "", tribune.Hint(fmt.Errorf("the demo's first guardian: %w", err), "Only a demo's folder holds its guardians. An institution runs guardian init and guardian serve on a machine of its own.")
	}
	for i := firstLater; i <= maxDemoGuardians; i++ {
		dir, err := filepath.Abs(d.Guardian(i))
		if err != nil {
			return "", "", err
		}
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if vkey, err = guardian.Init(dir, name); err != nil {
			return "", "", err
		}
		f.Dir, f.Listen = dir, listen
		var text bytes.Buffer
		if err := toml.NewEncoder(&text).Encode(f); err != nil {
			return "", "", err
		}
		config = filepath.Join(dir, guardianConfig)
		return vkey, config, writeFile(config, text.Bytes(), 0o600)
	}
	return "", "", fmt.Errorf("%w: a demo has at most %d guardians, of now and before", tribune.ErrTooLarge, maxDemoGuardians)
}

// AcceptDemo has every guardian of a demo that the change is about accept it: one person signs for all institutions, which a
// demo may and no city should.
func AcceptDemo(d Dir, doc []byte, out io.Writer) error {
	accepted := 0
	for i := 1; i <= maxDemoGuardians; i++ {
		f, err := guardian.ReadFile(filepath.Join(d.Guardian(i), guardianConfig))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		change, err := protocol.OpenChange(doc, f.Council)
		if err != nil {
			return err
		}
		vkey, err := guardian.Init(f.Dir, "")
		if err != nil {
			return err
		}
		if _, err := guardian.ShowChange(io.Discard, f, vkey, doc); err != nil {
			fmt.Fprintf(out, "  %s does not accept: %v\n", vkey[:strings.Index(vkey, "+")], err)
			continue
		}
		if err := guardian.AcceptChange(out, f, vkey, change, doc); err != nil {
			return err
		}
		accepted++
	}
	if accepted == 0 {
		return fmt.Errorf("%w: %s is no demo's folder", tribune.ErrNotFound, d)
	}
	return nil
}

// PresentGroup is the group that a hub's folder goes by.
func PresentGroup(d Dir) (protocol.Group, error) {
	g, err := loadGroup(d)
	if err == nil && g == nil {
		err = tribune.Hint(fmt.Errorf("%w: %s holds no group of guardians yet", tribune.ErrNotFound, d), "The guardians' ceremony makes it, when the city is first started.")
	}
	if err != nil {
		return protocol.Group{}, err
	}
	return *g, nil
}
