package remote

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"tribune/internal/explain/matrix"
)

// FuzzJournal: whatever stands in the file, what is read of it fits in memory, and what is written after it is read again.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(journalMagic))
	f.Add([]byte(journalMagic + "s\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00cut"))
	f.Add([]byte("something else"))
	path := filepath.Join(f.TempDir(), "journal")
	open := func(t *testing.T) (*journal, int64, error) {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		j := &journal{file: file, answered: map[[sha256.Size]byte]int64{}}
		sent, err := j.load(sha256.Size + 8)
		return j, sent, err
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, before, err := open(t)
		if err != nil {
			return
		}
		x, p, got := matrix.New(1, 3), matrix.Matrix{Rows: 1, Cols: 2, Data: []float32{0.25, 0.75}}, matrix.New(1, 2)
		if err := j.sending(1); err != nil {
			t.Fatal(err)
		}
		if err := j.keep(fingerprint(x, p), p); err != nil {
			t.Fatal(err)
		}
		again, sent, err := open(t)
		if err != nil || sent != before+1 {
			t.Fatalf("%d records were sent, and then %d (%v)", before, sent, err)
		}
		if known, err := again.answer(fingerprint(x, p), got); !known || err != nil || got.Data[1] != 0.75 {
			t.Errorf("an answer that was kept: %v %v %v", known, err, got.Data)
		}
	})
}
