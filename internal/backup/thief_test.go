package backup

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"tribune"
)

// A crash while the epoch key is made leaves it under a second name; an operator makes a third before an upgrade. None of them may travel, not
// even encrypted.
func TestEpochKeyUnderAnotherNameIsInNoBackup(t *testing.T) {
	dir, s := aHub(t)
	for _, name := range []string{"epoch.key.123456.new", "epoch.key.bak", "epoch.key~", "old.key", "log.key.bak"} {
		text := anEpoch
		if name == "log.key.bak" {
			text = aLogKey
		}
		put(t, filepath.Join(dir, "hub", "keys", name), text)
	}
	id := identity(t)
	var keys map[string][]byte
	m, err := Verify(bytes.NewReader(archive(t, s, id.Recipient())), func(name string, from io.Reader) error {
		if name != keysName {
			return nil
		}
		plain, err := age.Decrypt(from, id)
		if err != nil {
			return err
		}
		return json.NewDecoder(plain).Decode(&keys)
	})
	if err != nil || len(keys) != 2 || len(m.Keys) != 2 {
		t.Errorf("keys.age holds %v (%v), want log.key and hub.key", m.Keys, err)
	}
	for name, data := range keys {
		if strings.Contains(string(data), strings.TrimSpace(anEpoch)) {
			t.Errorf("%s is the epoch key", name)
		}
	}
}

// What an operator has copied to a place that a backup takes as it is must end the backup and not go with it in clear.
func TestKeyCopiedIntoTheHubsFoldersIsInNoBackupInClear(t *testing.T) {
	for name, text := range map[string]string{"hub/law/remember.txt": "the epoch key is " + anEpoch, "hub/devices/x.toml": aLogKey, "trust.txt": anEpoch} {
		dir, s := aHub(t)
		put(t, filepath.Join(dir, name), text)
		var out bytes.Buffer
		_, err := Write(t.Context(), &out, s, nil)
		var integrity *tribune.IntegrityError
		if !errors.As(err, &integrity) || !strings.Contains(err.Error(), filepath.Base(name)) || strings.Contains(err.Error(), strings.TrimSpace(text)) {
			t.Errorf("%s: %v, want an error that names the file and not the key", name, err)
		}
		if bytes.Contains(out.Bytes(), []byte(strings.TrimSpace(text))) {
			t.Errorf("%s is in it", name)
		}
	}
	for _, name := range []string{"hub/epoch.key.bak", "hub/law/log.key~", "hub/hub.key.old"} {
		dir, s := aHub(t)
		put(t, filepath.Join(dir, name), "of another time")
		if bytes.Contains(archive(t, s), []byte("of another time")) {
			t.Errorf("%s is in it", name)
		}
	}
}

// A law folder on another disk, by a link, would be missing in the archive, and nobody would know before the restoration.
func TestLinkInTheHubEndsTheBackup(t *testing.T) {
	dir, s := aHub(t)
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "hub", "uploads")); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), io.Discard, s, nil); tribune.HintOf(err) == "" {
		t.Errorf("a folder that is a link: %v, want an error with a hint", err)
	}
}

// A sparse file is a few bytes in the archive and fills every disk when it is written out.
func TestSparseFileDoesNotFillTheDisk(t *testing.T) {
	const claimed = 1 << 40
	block := func(s string) string { return s + strings.Repeat("\x00", (512-len(s)%512)%512) }
	record := func(k, v string) string {
		for n := len(k) + len(v) + 3; ; n++ {
			if line := strconv.Itoa(n) + " " + k + "=" + v + "\n"; len(line) == n {
				return line
			}
		}
	}
	pax := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", "hub/store/000001.sst") + record("GNU.sparse.realsize", strconv.Itoa(claimed))
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: int64(len(pax))})
	w.Write([]byte(pax))
	w.Flush()
	head := raw.Bytes()
	head[156] = 'x' // an extended header
	sum := 0
	copy(head[148:156], "        ")
	for _, b := range head[:512] {
		sum += int(b)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	body := block("0\n") // no data at all: one hole
	var file bytes.Buffer
	w = tar.NewWriter(&file)
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "y", Size: int64(len(body)), Format: tar.FormatUSTAR})
	w.Write([]byte(body))
	w.Flush()
	data := append(append([]byte(nil), head...), file.Bytes()...)

	if h, err := tar.NewReader(bytes.NewReader(data)).Next(); err != nil || h.Size != claimed || h.Typeflag != tar.TypeReg {
		t.Fatalf("control: %+v, %v", h, err)
	}
	given := false
	_, err := Verify(bytes.NewReader(data), func(name string, from io.Reader) error {
		given = true
		n, _ := io.CopyN(io.Discard, from, 1<<20)
		t.Errorf("%d bytes and more of %s come out of %d", n, name, len(data))
		return io.ErrUnexpectedEOF
	})
	if err == nil || given {
		t.Errorf("given out: %v, %v", given, err)
	}
}

// The log is rebuilt and never taken from an archive as it is: its state would be whatever the archive's maker likes.
func TestArchiveBringsNoLogOfItsOwn(t *testing.T) {
	for _, name := range []string{"hub/log/.state/treeState", "hub/log/checkpoint", "hub/log"} {
		if legal(name) {
			t.Errorf("%s can be in an archive", name)
		}
	}
}
