package record

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/verify"
)

// copyOf is the rig's log as a copy, cut to size leaves where that is not 0.
func (g *rig) copyOf(t *testing.T, name string, size uint64) Copy {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(g.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	c := Copy{Name: name, Size: size, Fetch: verify.Dir(os.DirFS(dir))}
	if size == 0 {
		c.Checkpoint = msg
	}
	return c
}

// at is the checkpoint of the first size leaves, as the log signed it when it had no more.
func (g *rig) at(t *testing.T, size uint64) []byte {
	t.Helper()
	msg, err := os.ReadFile(filepath.Join(g.cfg.Dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	head, err := g.trust.Checkpoint(msg)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := verify.OpenTree(head.Size, head.Root, verify.OrFull(verify.Dir(os.DirFS(g.cfg.Dir))))
	if err != nil {
		t.Fatal(err)
	}
	root, err := tree.RootAt(size)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(g.cfg.Key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", testOrigin, size, base64.StdEncoding.EncodeToString(root[:]))}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// The backup is old, one guardian is further than the others: the rebuilt log is the one that all have signed, and goes on.
func TestRestoredLogCatchesUpBeforeItAppendsAndIsNotForked(t *testing.T) {
	for _, backed := range []int{0, 1, 200, 256, 300} {
		t.Run(fmt.Sprint(backed), func(t *testing.T) {
			g := newRig(t)
			g.fill(t, 0, max(backed, 1))
			backup := g.copyOf(t, "backup", uint64(backed))
			if backed == 0 {
				backup = Copy{Name: "backup", Fetch: backup.Fetch}
			}
			g.fill(t, backed+1, 350)
			guardian := g.copyOf(t, "guardian", 0)
			slow := Copy{Name: "slow guardian", Checkpoint: g.at(t, 300), Fetch: guardian.Fetch}

			before := g.cfg.Dir
			g.cfg.Dir = t.TempDir()
			scratch := t.TempDir()
			for range 2 { // again, as after a crash
				size, err := Rebuild(t.Context(), g.cfg, scratch, []Copy{backup, slow, guardian})
				if err != nil || size != uint64(max(backed, 1)+350) {
					t.Fatalf("rebuilt %d leaves, want %d: %v", size, max(backed, 1)+350, err)
				}
			}
			r, err := Open(t.Context(), g.cfg) // under the same four guardians, who would refuse another history
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			eventually(t, "the guardians to co-sign the rebuilt log", r.Quorum)
			if took := time.Since(began); took > RepublishInterval/2 {
				t.Errorf("publishing the rebuilt log took %s", took)
			}
			for i := range 3 {
				if _, err := r.Seal(t.Context(), testLeaf(t, 10_000+i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			old, err := g.trust.Checkpoint(guardian.Checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := os.ReadFile(filepath.Join(g.cfg.Dir, "checkpoint"))
			if err != nil {
				t.Fatal(err)
			}
			now, err := g.trust.Checkpoint(msg)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := verify.OpenTree(now.Size, now.Root, verify.OrFull(verify.Dir(os.DirFS(g.cfg.Dir))))
			if err != nil {
				t.Fatal(err)
			}
			if err := tree.Extends(old.Size, old.Root); err != nil || now.Size != old.Size+3 {
				t.Errorf("%d leaves after %d: %v", now.Size, old.Size, err)
			}
			if before == g.cfg.Dir {
				t.Fatal("the log was not lost at all")
			}
		})
	}
}

func TestCopiesOfTwoHistoriesAreNotMixed(t *testing.T) {
	var integrity *tribune.IntegrityError
	g := newRig(t)
	g.fill(t, 0, 300)
	guardian := g.copyOf(t, "guardian", 0)

	flipped := g.copyOf(t, "altered backup", 280)
	honest := flipped.Fetch
	flipped.Fetch = func(path string) ([]byte, error) {
		raw, err := honest(path)
		if err == nil && path == "tile/entries/000" {
			raw[40] ^= 1
		}
		return raw, err
	}
	gone := Copy{Name: "short", Size: 400, Fetch: guardian.Fetch}
	lying := guardian
	lying.Checkpoint = append([]byte(nil), guardian.Checkpoint...)
	lying.Checkpoint[len(testOrigin)+1] ^= 1
	for name, c := range map[string]struct {
		copies    []Copy
		integrity bool
	}{
		"a backup that was altered":                 {[]Copy{flipped, guardian}, true},
		"a copy that holds less than it says":       {[]Copy{gone, guardian}, false},
		"a checkpoint that the log has not signed":  {[]Copy{lying}, false},
		"a guardian whose leaves nobody hands over": {[]Copy{{Name: "guardian", Checkpoint: guardian.Checkpoint, Fetch: func(string) ([]byte, error) { return nil, os.ErrNotExist }}}, false},
	} {
		cfg := g.cfg
		cfg.Dir = t.TempDir()
		_, err := Rebuild(t.Context(), cfg, t.TempDir(), c.copies)
		if err == nil || errors.As(err, &integrity) != c.integrity {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(cfg.Dir, "tile")); err == nil {
			t.Errorf("%s: leaves were written all the same", name)
		}
	}
	// A log that holds more than all copies is newer than they: nothing to rebuild it from.
	if _, err := Rebuild(t.Context(), g.cfg, t.TempDir(), []Copy{g.copyOf(t, "backup", 200)}); !errors.As(err, &integrity) {
		t.Errorf("a log that is longer than its copies: %v", err)
	}
}
