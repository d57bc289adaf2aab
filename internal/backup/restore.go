package backup

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"tribune"
	"tribune/protocol"
)

// Restoring says where an archive goes and where the keys come from that it does not hold.
type Restoring struct {
	Archive io.Reader
	Dir     string // the city's directory; its hub must not be there

	Identities []age.Identity // that open keys.age; none: Keys must be given
	Keys       string         // folder with log.key and hub.key; "" = from keys.age

	EpochKey        string // file; it is kept apart from every backup
	WithoutEpochKey bool   // what was sealed stays closed, and nothing new can be sealed under this store

	Without []string // guardians that the restored hub need not hear before it goes on with the record
}

// stagePrefix names the folder in the city's directory where everything is before it is put in place.
const stagePrefix = ".restore-"

// removeStages deletes what a restoration that was killed has left: all keys are in it.
func removeStages(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, stagePrefix+"*"))
	for _, stage := range left {
		err = errors.Join(err, os.RemoveAll(stage))
	}
	return err
}

// Restore puts an archive in place, all of it or nothing.
func Restore(r Restoring) (Manifest, error) {
	m, err := r.restore()
	if err != nil {
		return Manifest{}, fmt.Errorf("restoring: %w", err)
	}
	return m, nil
}

func (r Restoring) restore() (m Manifest, err error) {
	if err := r.check(); err != nil {
		return m, err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return m, err
	}
	if err := removeStages(r.Dir); err != nil {
		return m, err
	}
	stage, err := os.MkdirTemp(r.Dir, stagePrefix)
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(stage)
	if m, err = Verify(r.Archive, func(name string, from io.Reader) error { return extract(stage, name, from) }); err != nil {
		return m, err
	}
	if err := r.keys(stage, m); err != nil {
		return m, err
	}
	if err := r.mark(stage, m); err != nil {
		return m, err
	}
	return m, r.place(stage)
}

func (r Restoring) check() error {
	hub := filepath.Join(r.Dir, "hub")
	entries, err := os.ReadDir(hub)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return tribune.Hint(fmt.Errorf("%w: %s is not empty", tribune.ErrConflict, hub), "A backup goes where no hub is. Move this one away, or choose another directory.")
	}
	if r.EpochKey == "" && !r.WithoutEpochKey {
		return tribune.Hint(fmt.Errorf("%w: the epoch key is in no backup", tribune.ErrInvalid),
			"Name its file with --epoch-key, from where you keep it. With --without-epoch-key the hub serves public data only: what was sealed stays closed.")
	}
	return nil
}

// extract writes one file of the archive below stage.
func extract(stage, name string, from io.Reader) error {
	if name == keysName {
		return save(filepath.Join(stage, keysName), io.LimitReader(from, maxKeys))
	}
	return save(filepath.Join(stage, filepath.FromSlash(name)), from)
}

func save(path string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Sync(), f.Close())
}

// keys puts the hub's keys into the stage.
func (r Restoring) keys(stage string, m Manifest) error {
	keys := map[string][]byte{}
	switch {
	case r.Keys != "":
		entries, err := os.ReadDir(r.Keys)
		if err != nil {
			return fmt.Errorf("reading the hub's keys: %w", err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && filepath.Ext(e.Name()) == ".key" && e.Name() != epochKeyFile {
				if keys[e.Name()], err = os.ReadFile(filepath.Join(r.Keys, e.Name())); err != nil {
					return fmt.Errorf("reading the hub's keys: %w", err)
				}
			}
		}
	case len(m.Keys) == 0:
		return tribune.Hint(fmt.Errorf("%w: this backup holds no keys", tribune.ErrInvalid), "Name the folder that holds log.key and hub.key with --keys. Without them this is another city, and its guardians will not know it.")
	case len(r.Identities) == 0:
		return tribune.Hint(fmt.Errorf("%w: the hub's keys in this backup are encrypted", tribune.ErrInvalid), "Name an age identity with --identity, or a folder with the keys with --keys.")
	default:
		var err error
		if keys, err = r.decrypt(filepath.Join(stage, keysName)); err != nil {
			return err
		}
	}
	for _, name := range []string{"log.key", "hub.key"} {
		if len(keys[name]) == 0 {
			return fmt.Errorf("%w: %s is missing among the hub's keys", tribune.ErrNotFound, name)
		}
	}
	for name, data := range keys {
		if name != filepath.Base(name) || !filepath.IsLocal(name) || name == epochKeyFile {
			return fmt.Errorf("%w: %q is not the name of a key", tribune.ErrInvalid, name)
		}
		if err := save(filepath.Join(stage, "hub", "keys", name), bytes.NewReader(data)); err != nil {
			return err
		}
	}
	if r.EpochKey == "" {
		return nil
	}
	epoch, err := os.ReadFile(r.EpochKey)
	if err != nil {
		return fmt.Errorf("reading the epoch key: %w", err)
	}
	defer clear(epoch)
	if err := fits(epoch, m); err != nil {
		return err
	}
	return save(filepath.Join(stage, "hub", "keys", epochKeyFile), bytes.NewReader(epoch))
}

// fits refuses an epoch key under which the backup's store does not open. Archives of older releases do not say which does.
func fits(text []byte, m Manifest) error {
	if len(m.Epoch) < protocol.EpochMarkSize {
		return nil
	}
	mark := m.Epoch[len(m.Epoch)-protocol.EpochMarkSize:]
	key := make([]byte, hex.DecodedLen(len(bytes.TrimSpace(text))))
	defer clear(key)
	if _, err := hex.Decode(key, bytes.TrimSpace(text)); err != nil {
		return fmt.Errorf("%w: the epoch key's file is not hex", tribune.ErrInvalid) // without the offending byte
	}
	id := binary.BigEndian.Uint32(mark)
	if bytes.Equal(protocol.EpochMark(id, key), mark) {
		return nil
	}
	return tribune.Hint(fmt.Errorf("%w: this backup of %s is wrapped under the key of epoch %d, and the key given is another one", tribune.ErrInvalid, m.Made.Format(time.RFC3339), id),
		"If the epoch key was replaced since (tribune erase rotate, or 30 days after an erasure), its old one is destroyed and nothing sealed in this backup opens any more, neither what was erased nor the rest: take a backup from after that. Public data alone come back with --without-epoch-key.")
}

func (r Restoring) decrypt(path string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := age.Decrypt(f, r.Identities...)
	if err != nil {
		return nil, fmt.Errorf("%w: decrypting the hub's keys: %w", tribune.ErrInvalid, err)
	}
	data, err := io.ReadAll(io.LimitReader(plain, maxKeys))
	if err != nil {
		return nil, fmt.Errorf("%w: decrypting the hub's keys: %w", tribune.ErrInvalid, err)
	}
	defer clear(data)
	keys := map[string][]byte{}
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("%w: the hub's keys in this backup cannot be read", tribune.ErrInvalid)
	}
	return keys, nil
}

// mark leaves what the hub must know when it rebuilds its record.
func (r Restoring) mark(stage string, m Manifest) error {
	data, err := json.Marshal(Marker{Leaves: m.Leaves, Without: append([]string{}, r.Without...)})
	if err != nil {
		return err
	}
	path := filepath.Join(stage, filepath.FromSlash(markerName))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return save(path, bytes.NewReader(data))
}

// place moves the stage to where it belongs. The hub itself is the last rename: before it, nothing counts.
func (r Restoring) place(stage string) error {
	beside, err := os.ReadDir(filepath.Join(stage, "beside"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range beside {
		there, err := os.ReadFile(filepath.Join(r.Dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		ours, err2 := os.ReadFile(filepath.Join(stage, "beside", e.Name()))
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if !bytes.Equal(there, ours) {
			return tribune.Hint(fmt.Errorf("%w: %s is another one than the backup's", tribune.ErrConflict, filepath.Join(r.Dir, e.Name())), "Move it away, or choose another directory.")
		}
	}
	for _, e := range beside {
		if err := os.Rename(filepath.Join(stage, "beside", e.Name()), filepath.Join(r.Dir, e.Name())); err != nil {
			return err
		}
	}
	if err := syncTree(filepath.Join(stage, "hub")); err != nil {
		return err
	}
	hub := filepath.Join(r.Dir, "hub")
	if err := os.Remove(hub); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty one
		return err
	}
	if err := os.Rename(filepath.Join(stage, "hub"), hub); err != nil {
		return err
	}
	return syncDir(r.Dir)
}

// syncTree makes the names of all files durable; their contents are.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Marked reads the marker of a hub that comes from a backup; nil where there is none. hub is DIR/hub.
func Marked(hub string) (*Marker, error) {
	data, err := os.ReadFile(filepath.Join(hub, "restore", "restore.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m Marker
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: the marker of a restored hub: %w", tribune.ErrInvalid, err)
	}
	return &m, nil
}

// Log is the folder with the leaves that came from the backup; Scratch is where more are gathered.
func Log(hub string) string {
	return filepath.Join(hub, filepath.FromSlash(strings.TrimPrefix(logDir, hubDir)))
}
func Scratch(hub string) string { return filepath.Join(hub, "restore", "gathered") }

// Unmark ends the restoration: the record is whole. The marker goes first; what is left without it counts for nothing.
func Unmark(hub string) error {
	err := errors.Join(os.Remove(filepath.Join(hub, "restore", "restore.json")), syncDir(filepath.Join(hub, "restore")))
	if err != nil {
		return err // a marker that came back after the record has grown would keep the hub from starting
	}
	return os.RemoveAll(filepath.Join(hub, "restore"))
}
