package backup

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune"
	"tribune/protocol"
)

// After a rotation the key that is there does not open what a backup from before holds, and a hub must not find that out by itself.
func TestBackupFromBeforeARotationIsToldFromItsKey(t *testing.T) {
	dir, s := aHub(t)
	key, now := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	s.Epoch = func() []byte { return protocol.EpochMark(1, key) }
	before := archive(t, s)
	file := func(key []byte) string {
		path := filepath.Join(t.TempDir(), "epoch.key")
		put(t, path, hex.EncodeToString(key)+"\n")
		return path
	}
	to := t.TempDir()
	_, err := Restore(Restoring{Archive: bytes.NewReader(before), Dir: to, Keys: filepath.Join(dir, "hub", "keys"), EpochKey: file(now)})
	if err == nil || !strings.Contains(err.Error(), "key of epoch 1") || !strings.Contains(tribune.HintOf(err), "nothing sealed in this backup opens") {
		t.Errorf("with the key from after: %v, hint %q", err, tribune.HintOf(err))
	}
	if err != nil && strings.Contains(err.Error(), hex.EncodeToString(now)[:8]) {
		t.Error("the error shows the key")
	}
	if _, err := os.Stat(filepath.Join(to, "hub")); err == nil {
		t.Error("something is in place")
	}
	for name, r := range map[string]Restoring{
		"with the key of before": {EpochKey: file(key)},
		"for public data alone":  {WithoutEpochKey: true},
	} {
		r.Archive, r.Dir, r.Keys = bytes.NewReader(before), t.TempDir(), filepath.Join(dir, "hub", "keys")
		if _, err := Restore(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if bytes.Contains(before, key) || bytes.Contains(before, []byte(hex.EncodeToString(key))) {
		t.Error("the key is in the backup")
	}
}

// Half of a store under one key and half under the next would open under neither alone.
func TestNoBackupWhileTheEpochKeyIsReplaced(t *testing.T) {
	_, s := aHub(t)
	one, two := protocol.EpochMark(1, bytes.Repeat([]byte{7}, 32)), protocol.EpochMark(2, bytes.Repeat([]byte{8}, 32))
	marks := [][]byte{append(bytes.Clone(one), two...)}
	s.Epoch = func() []byte { return marks[0] }
	if _, err := Write(context.Background(), io.Discard, s, nil); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("under way: %v", err)
	}
	marks = [][]byte{one, two}
	s.Epoch = func() (mark []byte) { mark, marks = marks[0], marks[1:]; return mark }
	if _, err := Write(context.Background(), io.Discard, s, nil); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("replaced while the store was copied: %v", err)
	}
}
