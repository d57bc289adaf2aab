package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"tribune"
)

const (
	// minSecret is the shortest text that counts as a key: every key of ours is longer.
	minSecret = 32
	// maxSearched is how far into a file keys are searched for: documents are shorter.
	maxSearched = 1 << 20
)

// learn reads the hub's keys, so that they are known wherever somebody has copied them.
func (w *writer) learn(ctx context.Context, s Source) error {
	dir := filepath.Join(s.Hub, "keys")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > maxKeys { // a link leads to the epoch key's device, which may be away
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if data = bytes.TrimSpace(data); len(data) >= minSecret {
			w.secrets = append(w.secrets, data)
			if e.Name() == epochKeyFile {
				w.epoch = data
			}
		}
	}
	return nil
}

func (w *writer) forget() {
	for _, secret := range w.secrets {
		clear(secret)
	}
}

// searched refuses a file that holds a key of the hub: somebody has copied it to where a backup takes it in clear. The store and the log
// are written by the hub alone.
func (w *writer) searched(name string, size int64, from io.Reader) (io.Reader, error) {
	if strings.HasPrefix(name, storeDir) || strings.HasPrefix(name, logDir) || name == keysName {
		return from, nil
	}
	length := int(min(size, maxSearched))
	whole := bufio.NewReaderSize(from, length)
	head, _ := whole.Peek(length) // who reads on finds the error
	if slices.ContainsFunc(w.secrets, func(secret []byte) bool { return bytes.Contains(head, secret) }) {
		err := &tribune.IntegrityError{What: "a backup", Err: fmt.Errorf("%w: %s holds a key of the hub", tribune.ErrInvalid, name)}
		return nil, tribune.Hint(err, "Move that copy away from the city's directory; no backup is made while it is there.")
	}
	return whole, nil
}

// namesKey reports whether a file is a key by its name, or what somebody or a crash has left of one: log.key, epoch.key.bak, hub.key~.
func namesKey(base string) bool {
	parts := strings.Split(base, ".")
	return slices.ContainsFunc(parts[1:], func(part string) bool { return strings.TrimRight(part, "~") == "key" })
}

// keys encrypts every key of the hub but the epoch key, under whatever name it lies there.
func (w *writer) keys(s Source, recipients []age.Recipient) error {
	if len(recipients) == 0 {
		return nil
	}
	keys := map[string][]byte{}
	entries, err := os.ReadDir(filepath.Join(s.Hub, "keys"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == epochKeyFile || strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".key" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(s.Hub, "keys", e.Name()))
		if err != nil {
			return err
		}
		if w.epoch != nil && bytes.Contains(data, w.epoch) {
			continue
		}
		keys[e.Name()] = data
		w.manifest.Keys = append(w.manifest.Keys, e.Name())
	}
	plain, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	defer clear(plain)
	var sealed bytes.Buffer
	to, err := age.Encrypt(&sealed, recipients...)
	if err != nil {
		return fmt.Errorf("encrypting the hub's keys: %w", err)
	}
	if _, err := to.Write(plain); err != nil {
		return fmt.Errorf("encrypting the hub's keys: %w", err)
	}
	if err := to.Close(); err != nil {
		return fmt.Errorf("encrypting the hub's keys: %w", err)
	}
	return w.bytes(keysName, sealed.Bytes())
}
