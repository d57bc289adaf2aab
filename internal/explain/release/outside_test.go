package release

import (
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/explain/data/outside"
	"tribune/internal/worker"
)

// TestMain is the test binary as a worker, when Run has started it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == worker.Command {
		if err := worker.Serve(worker.Jobs{outside.Name: outside.Job}, os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sheet is what a worker would say of a text; false, where it would refuse it.
func sheet(text string) (header []string, rows iter.Seq2[int, []string], ok bool) {
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(all) == 0 {
		return nil, nil, false
	}
	return all[0], func(yield func(int, []string) bool) {
		for i, row := range all[1:] {
			if !yield(i+1, row) {
				return
			}
		}
	}, true
}

// held is an index of which nothing is known yet.
func held(t testing.TB, rows int) *Held {
	t.Helper()
	h := &Held{}
	for i := range rows {
		if err := h.Add("plates", "t", fmt.Sprint(i), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// What comes from outside is parsed where no keys are: without a worker it is not parsed at all.
func TestWithoutAWorkerNothingIsRead(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(w worker.Worker) error{
		"a table": func(w worker.Worker) error {
			_, err := ReadTable(t.Context(), w, strings.NewReader("age,count\n20..30,4\n"))
			return err
		},
		"an index": func(w worker.Worker) error {
			_, err := ReadIndex(t.Context(), w, strings.NewReader("token,value\n1f,Ghent\n"))
			return err
		},
		"values": func(w worker.Worker) error {
			_, _, err := held(t, 2).Join(t.Context(), w, strings.NewReader("index,entry,value\nplates,1,Ghent\n"))
			return err
		},
	} {
		if err := read(worker.Worker{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if read(worker.Worker{Path: "/nonexistent/tribune"}) == nil {
			t.Errorf("%s was read by nobody", name)
		}
	}
}

// A row that breaks the format ends in its place, and what stands there, a secret, in no error.
func TestErrorsOfIndexesNameTheRowAndNoValue(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"token,value\n1f,a\n\"2f,secret\n":       "row 2",
		"token,value\n1f,a\n2f,secret\x07\n":     "row 2, column 2",
		"token,value,seen\n1f,secret,secret\n":   "row 1: ",
		"value,token,secret\nsecret,1f,secret\n": "its header",
	} {
		_, err := ReadIndex(t.Context(), worker.Worker{}, strings.NewReader(text))
		if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
}
