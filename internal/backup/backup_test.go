package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"tribune"
)

const (
	aLogKey   = "PRIVATE+KEY+city.example/record+1a2b3c4d+c2VjcmV0LW9mLXRoZS1sb2c"
	anEpoch   = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
	aLawFile  = "# the law\n"
	fewLeaves = 300
)

// aHub is DIR/hub as a hub leaves it.
func aHub(t *testing.T) (dir string, s Source) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"hub/law/classes.toml": aLawFile, "hub/law/policies/a.cedar": "permit", "hub/group.json": "{}", "hub/devices/car.toml": "id",
		"hub/keys/log.key": aLogKey, "hub/keys/hub.key": "c2VlZA==", "hub/keys/epoch.key": anEpoch, "hub/store/000001.sst": "live", "hub/log/checkpoint": "live",
		"hub/admin.sock.tmp": "x", "hub/.backup-1/store/x": "left over", "hub/deep/other.key": "another key", "trust.txt": "log x\n",
	} {
		put(t, filepath.Join(dir, name), text)
	}
	return dir, Source{
		City: "city.example", Origin: "city.example/record", Version: "v1", Hub: filepath.Join(dir, "hub"),
		Beside: map[string]string{"trust.txt": filepath.Join(dir, "trust.txt"), "city.toml": filepath.Join(dir, "city.toml")},
		Store: func(ctx context.Context, to string) error {
			put(t, filepath.Join(to, "000001.sst"), "copied")
			put(t, filepath.Join(to, "MANIFEST-000001"), "copied, too")
			return nil
		},
		Leaves: func(context.Context) (uint64, []byte, func(func([]byte, error) bool)) {
			return fewLeaves, []byte("checkpoint"), func(yield func([]byte, error) bool) {
				for i := range fewLeaves + 5 { // it grows
					if !yield(fmt.Appendf(nil, "leaf %d", i), nil) {
						return
					}
				}
			}
		},
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func archive(t *testing.T, s Source, recipients ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := Write(t.Context(), &out, s, recipients); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestBackupComesBackWhole(t *testing.T) {
	dir, s := aHub(t)
	id := identity(t)
	data := archive(t, s, id.Recipient())
	to := filepath.Join(t.TempDir(), "new")
	m, err := Restore(Restoring{Archive: bytes.NewReader(data), Dir: to, Identities: []age.Identity{id}, EpochKey: filepath.Join(dir, "hub", "keys", "epoch.key"), Without: []string{"lost.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"hub/law/classes.toml": aLawFile, "hub/law/policies/a.cedar": "permit", "hub/devices/car.toml": "id", "hub/store/000001.sst": "copied", "hub/store/MANIFEST-000001": "copied, too",
		"hub/keys/log.key": aLogKey, "hub/keys/epoch.key": anEpoch, "trust.txt": "log x\n", "hub/restore/log/checkpoint": "checkpoint",
	} {
		got, err := os.ReadFile(filepath.Join(to, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, want)
		}
		if info, err := os.Stat(filepath.Join(to, name)); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others may read it: %v", name, info.Mode())
		}
	}
	for _, name := range []string{"hub/admin.sock.tmp", "hub/.backup-1", "hub/log", "hub/deep/other.key", "city.toml"} {
		if _, err := os.Stat(filepath.Join(to, name)); err == nil {
			t.Errorf("%s came along", name)
		}
	}
	marker, err := Marked(filepath.Join(to, "hub"))
	if err != nil || marker == nil || marker.Leaves != fewLeaves || fmt.Sprint(marker.Without) != "[lost.example]" || m.Leaves != fewLeaves {
		t.Errorf("the marker is %+v (%v)", marker, err)
	}
	if left, _ := filepath.Glob(filepath.Join(to, ".restore-*")); len(left) > 0 {
		t.Errorf("it leaves %v behind", left)
	}
	if err := Unmark(filepath.Join(to, "hub")); err != nil {
		t.Fatal(err)
	}
	if marker, err := Marked(filepath.Join(to, "hub")); marker != nil || err != nil {
		t.Errorf("after the rebuilding: %+v, %v", marker, err)
	}
}

func TestNoKeyIsInABackupInClearAndTheEpochKeyNotAtAll(t *testing.T) {
	_, s := aHub(t)
	id := identity(t)
	for name, data := range map[string][]byte{"without keys": archive(t, s), "with keys": archive(t, s, id.Recipient())} {
		for _, secret := range []string{aLogKey, "c2VlZA==", strings.TrimSpace(anEpoch), "another key", "epoch.key"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s: %q is in it", name, secret)
			}
		}
		if !bytes.Contains(data, []byte(aLawFile)) {
			t.Errorf("%s: the search does not even find the law", name)
		}
	}
	// Who holds the identity finds the hub's keys, and no epoch key among them.
	var keys map[string][]byte
	_, err := Verify(bytes.NewReader(archive(t, s, id.Recipient())), func(name string, from io.Reader) error {
		if name != keysName {
			return nil
		}
		plain, err := age.Decrypt(from, id)
		if err != nil {
			return err
		}
		return json.NewDecoder(plain).Decode(&keys)
	})
	if err != nil || len(keys) != 2 || string(keys["log.key"]) != aLogKey || keys["epoch.key"] != nil {
		t.Errorf("keys.age holds %d keys (%v)", len(keys), err)
	}
	s.Store = func(_ context.Context, to string) error { put(t, filepath.Join(to, "epoch.key"), anEpoch); return nil }
	var integrity *tribune.IntegrityError
	if _, err := Write(t.Context(), io.Discard, s, nil); !errors.As(err, &integrity) {
		t.Errorf("an epoch key in the store: %v", err)
	}
}

// Every archive that is not exactly what was written is refused, and nothing is put in place.
func TestAlteredBackupsPutNothingInPlace(t *testing.T) {
	dir, s := aHub(t)
	id := identity(t)
	good := archive(t, s, id.Recipient())
	restore := func(data []byte) (string, error) {
		to := filepath.Join(t.TempDir(), "new")
		_, err := Restore(Restoring{Archive: bytes.NewReader(data), Dir: to, Identities: []age.Identity{id}, EpochKey: filepath.Join(dir, "hub", "keys", "epoch.key")})
		return to, err
	}
	if _, err := restore(good); err != nil {
		t.Fatalf("control: %v", err)
	}
	retar := func(change func(h *tar.Header, data []byte) (*tar.Header, []byte)) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for r := tar.NewReader(bytes.NewReader(good)); ; {
			h, err := r.Next()
			if err != nil {
				break
			}
			data, _ := io.ReadAll(r)
			if h, data = change(h, data); h == nil {
				continue
			}
			h.Size = int64(len(data))
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			w.Write(data)
		}
		w.Close()
		return out.Bytes()
	}
	rename := func(from, to string) []byte {
		return retar(func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			if h.Name == from {
				h.Name = to
				data = bytes.Clone(data)
			}
			return h, data
		})
	}
	const law = "hub/law/classes.toml"
	cases := map[string][]byte{
		"empty": nil, "cut in the middle": good[:len(good)/2], "cut before its manifest's end": good[:len(good)-1400],
		"one byte of a file":       bytes.Replace(good, []byte(aLawFile), []byte("# The law\n"), 1),
		"one byte of the manifest": bytes.Replace(good, []byte(`"leaves": 300`), []byte(`"leafs":  300`), 1),
		"a file missing": retar(func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			if h.Name == law {
				return nil, nil
			}
			return h, data
		}),
		"a file out of the directory": rename(law, "../classes.toml"),
		"a file out, by its middle":   rename(law, "hub/../../classes.toml"),
		"an absolute name":            rename(law, "/etc/classes.toml"),
		"an epoch key":                rename(law, "hub/keys/epoch.key"),
		"a key in clear":              rename(law, "hub/keys/log.key"),
		"a file beside, in a folder":  rename(law, "beside/people/x.json"),
		"a file of nowhere":           rename(law, "guardians/1/shares.json"),
		"the manifest first": retar(func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			if h.Name == law {
				h.Name = manifestName
			}
			return h, data
		}),
		"a link": retar(func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			if h.Name == law {
				h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
				return h, nil
			}
			return h, data
		}),
		"another format": bytes.Replace(good, []byte("tribune-backup/1"), []byte("tribune-backup/9"), 1),
	}
	for name, data := range cases {
		if bytes.Equal(data, good) {
			t.Fatalf("%s: the test changes nothing", name)
		}
		to, err := restore(data)
		if err == nil || tribune.HintOf(err) == "" {
			t.Errorf("%s: %v, want an error with a hint", name, err)
		}
		if left, _ := os.ReadDir(to); len(left) > 0 {
			t.Errorf("%s: it leaves %v", name, left)
		}
	}
}
