package remote_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tribune"
	"tribune/internal/explain/model/remote"
)

func TestWhatWasAnsweredBeforeAnInterruptionIsNeitherAskedNorSpentAgain(t *testing.T) {
	t.Parallel()
	e := &endpoint{}
	path := filepath.Join(t.TempDir(), "endpoint")
	open := func(budget int64) *remote.Remote {
		cfg := config(e)
		cfg.Batch, cfg.Budget = 2, budget
		r, err := remote.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Keep(path); err != nil {
			t.Fatal(err)
		}
		return r
	}
	x := records(5)
	first := open(100)
	if _, err := first.Predict(t.Context(), x.Slice(0, 4)); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("a\xff\x00\x00\x00killed in the middle of an entry"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	again := open(5)
	p, err := again.Predict(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	check(t, x, p)
	if want := []int{2, 2, 1}; !slices.Equal(e.batches, want) || again.Queries() != 5 {
		t.Errorf("batches %v, %d records count; want %v and 5", e.batches, again.Queries(), want)
	}
	if _, err := again.Predict(t.Context(), records(7).Slice(6, 7)); !errors.Is(err, remote.ErrBudget) {
		t.Errorf("past the budget of both runs: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if third := open(5); third.Queries() != 5 {
		t.Errorf("a third run counts %d records", third.Queries())
	}
	smaller := config(e)
	smaller.Batch, smaller.Budget = 1, 100
	if r, err := remote.Open(t.Context(), smaller); err != nil || r.Keep(path) != nil || r.Queries() != 5 {
		t.Errorf("a run of smaller batches forgets what was spent (%v)", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("answers about people have mode %v (%v)", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("something else that is long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := remote.Open(t.Context(), config(e))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Keep(path); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("another file was taken for answers: %v", err)
	}
}
