package city

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

// Dir is a city's directory on disk. The hub's own part is Dir/hub; guardians, clients' keys and the simulated outside
// world live beside it, never inside: what a thief of the hub gets must open nothing.
type Dir string

func (d Dir) path(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

// The places of the hub.
func (d Dir) Store() string    { return d.path("hub", "store") }
func (d Dir) Log() string      { return d.path("hub", "log") }
func (d Dir) Law() string      { return d.path("hub", "law") }
func (d Dir) Outside() string  { return d.path("hub", "law", "outside.toml") }
func (d Dir) LogKey() string   { return d.path("hub", "keys", "log.key") }
func (d Dir) HubKey() string   { return d.path("hub", "keys", "hub.key") }
func (d Dir) EpochKey() string { return d.path("hub", "keys", "epoch.key") }
func (d Dir) Group() string    { return d.path("hub", "group.json") }
func (d Dir) Chain() string    { return d.path("hub", "chain.json") }
func (d Dir) Change() string   { return d.path("hub", "change.txt") }

// The places beside the hub.
func (d Dir) Trust() string               { return d.path("trust.txt") }
func (d Dir) Guardian(i int) string       { return d.path("guardians", fmt.Sprint(i)) }
func (d Dir) Person(name string) string   { return d.path("people", name+".key") }
func (d Dir) Profile(name string) string  { return d.path("people", name+".json") }
func (d Dir) Institution(n string) string { return d.path("institutions", n+".key") }
func (d Dir) Sim() string                 { return d.path("sim") }
func (d Dir) Address() string             { return d.path("address") }
func (d Dir) MQTT() string                { return d.path("mqtt") }

// prepare makes the folders that must exist, readable by their owner alone.
func (d Dir) prepare() error {
	for _, p := range []string{"hub/keys", "hub/store", "hub/log", "hub/law", "guardians", "people", "institutions", "sim"} {
		if err := os.MkdirAll(d.path(p), 0o700); err != nil {
			return fmt.Errorf("making the city's directory: %w", err)
		}
	}
	return nil
}

// writeFile writes a file whole or not at all: temporary, sync, rename.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(tmp.Chmod(mode), write(tmp, data), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func write(f *os.File, data []byte) error {
	_, err := f.Write(data)
	return err
}

// NewKey makes a key file that is not there yet, and its folder, and returns the public part: a note key of an institution
// where name is given, else the Ed25519 key of an office holder. The key of a file that is there is kept.
func NewKey(path, name string) (public string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("making a folder for the key: %w", err)
	}
	if name == "" {
		key, err := actorKey(path)
		if err != nil {
			return "", err
		}
		return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), nil
	}
	if _, public, err = noteKey(path, name); err != nil {
		return "", err
	}
	if got, _, _ := strings.Cut(public, "+"); got != name {
		return "", tribune.Hint(fmt.Errorf("%w: %s holds the key of %s", tribune.ErrConflict, path, got), "Choose another file for %s.", name)
	}
	return public, nil
}

// noteKey reads the note secret key at path, or makes one for name.
func noteKey(path, name string) (skey, vkey string, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if skey, _, err = protocol.NewKey(name); err != nil {
			return "", "", err
		}
		if err := writeFile(path, []byte(skey+"\n"), 0o600); err != nil {
			return "", "", fmt.Errorf("keeping a new key: %w", err)
		}
	} else if err != nil {
		return "", "", fmt.Errorf("reading a key: %w", err)
	} else {
		skey = strings.TrimSpace(string(data))
	}
	if vkey, err = protocol.VerifierOf(skey); err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	return skey, vkey, nil
}

// actorKey reads an actor's Ed25519 key (base64 of the 32-byte seed), or makes one.
func actorKey(path string) (ed25519.PrivateKey, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, err
		}
		if err := writeFile(path, []byte(base64.StdEncoding.EncodeToString(key.Seed())+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("keeping a new key: %w", err)
		}
		return key, nil
	}
	return client.ReadKey(path)
}
