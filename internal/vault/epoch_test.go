package vault

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tribune"
	"tribune/internal/store"
)

func TestStoreWithoutItsEpochKeyDoesNotStart(t *testing.T) {
	f := newFixture(t)
	s := f.put(t, tribune.Place{}, subjectNo(1), "x")
	key := readFile(t, f.key)
	if len(bytes.TrimSpace(key)) != 64 {
		t.Fatalf("key file holds %d bytes, want 64 hex digits", len(key))
	}
	other := bytes.Repeat([]byte("0f"), 32)
	for name, spoil := range map[string]func() error{
		"lost":          func() error { return os.Remove(f.key) },
		"another":       func() error { return os.WriteFile(f.key, other, 0o600) },
		"empty":         func() error { return os.WriteFile(f.key, nil, 0o600) },
		"cut":           func() error { return os.WriteFile(f.key, key[:63], 0o600) },
		"not hex":       func() error { return os.WriteFile(f.key, bytes.Repeat([]byte("zz"), 32), 0o600) },
		"large":         func() error { return os.WriteFile(f.key, bytes.Repeat(key, 100), 0o600) },
		"open to group": func() error { return os.Chmod(f.key, 0o640) },
		"a directory":   func() error { return errors.Join(os.Remove(f.key), os.Mkdir(f.key, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			v, err := New(f.config())
			if err == nil {
				v.Close()
				t.Error("started")
			} else if bytes.Contains([]byte(err.Error()), key[:8]) {
				t.Errorf("the error shows the key: %v", err)
			}
			if name == "lost" {
				if tribune.HintOf(err) == "" {
					t.Errorf("no hint in %v", err)
				}
				if _, err := os.Stat(f.key); !errors.Is(err, os.ErrNotExist) {
					t.Error("a new key took the place of the lost one")
				}
			}
			if err := errors.Join(os.RemoveAll(f.key), os.WriteFile(f.key, key, 0o600)); err != nil {
				t.Fatal(err)
			}
		})
	}
	f.start(t)
	f.mustOpen(t, []string{"x"}, s)
}

func TestEpochKeyIsMadeOnceForItsOwnerOnly(t *testing.T) {
	f := newFixture(t)
	info, err := os.Stat(f.key)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	files, err := os.ReadDir(filepath.Dir(f.key))
	if err != nil || len(files) != 1 {
		t.Errorf("the key's directory holds %v, %v; want the key alone", files, err)
	}
	before := readFile(t, f.key)
	f.start(t)
	if !bytes.Equal(before, readFile(t, f.key)) {
		t.Error("a second start changed the key")
	}
	if _, err := createEpochKey(f.key); !errors.Is(err, os.ErrExist) {
		t.Errorf("making it again: got %v, want it to exist", err)
	}
	if !bytes.Equal(before, readFile(t, f.key)) {
		t.Error("making it again changed the key")
	}
}

// A crash after the file and before the mark must not strand the city.
func TestKeyFileWithoutMarkIsAdopted(t *testing.T) {
	f := newFixture(t)
	var b store.Batch
	b.Delete(store.Key("vault", tribune.Place{}, "epoch"))
	if err := f.store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, f.key)
	f.start(t)
	if !bytes.Equal(before, readFile(t, f.key)) {
		t.Error("the key was replaced")
	}
}

func TestWrappedDataCannotBeMovedOrAltered(t *testing.T) {
	f := newFixture(t)
	w, err := f.Wrap("way/opening/1", []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Unwrap("way/opening/1", w); err != nil || string(got) != "data" {
		t.Errorf("got %q, %v", got, err)
	}
	if again, err := f.Wrap("way/opening/1", []byte("data")); err != nil || bytes.Equal(again, w) {
		t.Errorf("the same data wrap to the same bytes: %v", err)
	}
	if got, err := f.Unwrap("way/opening/2", w); err == nil {
		t.Errorf("under another label: got %q", got)
	}
	for i := range w {
		bad := bytes.Clone(w)
		bad[i] ^= 1
		if got, err := f.Unwrap("way/opening/1", bad); err == nil {
			t.Errorf("byte %d altered: got %q", i, got)
		}
	}
	for n := range w {
		if got, err := f.Unwrap("way/opening/1", w[:n]); err == nil {
			t.Errorf("cut to %d bytes: got %q", n, got)
		}
	}
}

// A stolen store without the epoch key shows neither values nor headers nor trace keys.
func TestStoreAtRestShowsNothingClear(t *testing.T) {
	f := newFixture(t)
	const plate = "AB12 CDE"
	ps, err := f.Pseudonyms(t.Context(), "plate", []string{plate})
	if err != nil {
		t.Fatal(err)
	}
	sealed := f.put(t, tribune.Place{}, ps[0], "plate "+plate)
	trace := f.dealer.keys(t, tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: ps[0]})
	d := trace[tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: ps[0]}]
	if err := f.PutTrace(t.Context(), ps[0], d); err != nil {
		t.Fatal(err)
	}
	var header []byte
	for pair, err := range f.store.Scan(t.Context(), store.Prefix(headerPrefix(0, segmentOf(sealed)))) {
		if err != nil {
			t.Fatal(err)
		}
		if header, err = f.Unwrap(string(pair.Key), pair.Value); err != nil {
			t.Fatal(err)
		}
	}
	key := bytes.TrimSpace(readFile(t, f.key))
	rawKey, err := hex.DecodeString(string(key))
	if err != nil {
		t.Fatal(err)
	}
	dek := f.open.open[subject{testClass, ps[0]}][0].dek
	secrets := map[string][]byte{
		"plate": []byte(plate), "header": header[1:40], "trace key": d, "data key": dek[:], "epoch key": rawKey, "epoch key in hex": key,
	}
	find := func() (found []string) {
		for pair, err := range f.store.Scan(t.Context(), store.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			for name, s := range secrets {
				if bytes.Contains(pair.Key, s) || bytes.Contains(pair.Value, s) {
					found = append(found, name)
				}
			}
		}
		return found
	}
	if found := find(); found != nil {
		t.Errorf("the store shows %v", found)
	}
	var b store.Batch // the positive control
	b.Put([]byte("planted"), []byte("... "+plate+" ..."))
	if err := f.store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if found := find(); len(found) != 1 {
		t.Errorf("a planted plate: found %v", found)
	}
}

func FuzzUnwrap(f *testing.F) {
	e, err := openEpoch(newFixture(f).store, keyFiles{filepath.Join(f.TempDir(), "none")})
	if err == nil {
		f.Fatal("a store's key is lost and it opened")
	}
	v := newFixture(f)
	e = v.ring.Load()
	w := e.wrap("label", []byte("data"))
	f.Add("label", w)
	f.Add("other", w)
	f.Add("label", []byte{})
	f.Add("label", w[:wrapHead])
	f.Fuzz(func(t *testing.T, label string, wrapped []byte) {
		got, err := e.unwrap(label, wrapped)
		if err == nil && (label != "label" || !bytes.Equal(wrapped, w) || string(got) != "data") {
			t.Errorf("unwrapped %x under %q to %q", wrapped, label, got)
		}
	})
}
