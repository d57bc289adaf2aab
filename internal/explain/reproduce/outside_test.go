package reproduce

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"tribune/internal/explain/data/outside"
	"tribune/internal/worker"
)

// TestMain is the test binary as a worker, when an experiment has started it as one.
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

// publishers is a folder with one small data set of each kind, by the names their publishers give them.
func publishers() fstest.MapFS {
	row := strings.Repeat(",1,0", 300) + "\n"
	picture := "\x09" + strings.Repeat("\x80", 3*32*32)
	dir := fstest.MapFS{
		"bangkok":                             {Data: []byte(`"3"` + strings.Repeat(",1,0", 223) + "\n")},
		"data/train-images-idx3-ubyte":        {Data: []byte("\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x05\x06")},
		"data/train-labels-idx1-ubyte":        {Data: []byte("\x00\x00\x08\x01\x00\x00\x00\x02\x05\x06")},
		"purchase/purchase.csv":               {Data: []byte("7" + row + "7" + row + "100" + strings.Replace(row, ",1", ",0", 1))},
		"texas/100/feats":                     {Data: []byte(strings.Repeat("1,", 6_168) + "0\n")},
		"texas/100/labels":                    {Data: []byte("12\n")},
		"cifar-10-batches-bin/test_batch.bin": {Data: []byte(strings.Repeat(picture, 2))},
		"adult.data":                          {Data: []byte("39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, United-States, <=50K\n")},
		"adult.test":                          {Data: []byte("25, Private, 226802, 11th, 7, Never-married, Machine-op-inspct, Own-child, Black, Male, 0, 0, 40, United-States, >50K.\n")},
	}
	for i := range 5 {
		dir[fmt.Sprintf("cifar-10-batches-bin/data_batch_%d.bin", i+1)] = &fstest.MapFile{Data: []byte("\x03\x00" + picture[2:])}
	}
	return dir
}

// A hostile file must not be read by a process that has the user's files and network.
func TestAFolderIsReadInAWorkerAndOnlyThere(t *testing.T) {
	all := func(string) bool { return true }
	for name, want := range map[string][2]int{"location": {1, 1}, "mnist": {2, 2}, "purchase": {3, 2}, "texas": {1, 1}, "cifar-10": {7, 2}} {
		r := Request{Data: publishers(), Datasets: []string{name}}
		there, _, err := r.opened(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		if p := there[0].pool; p.rows != want[0] || len(p.distinct) != want[1] {
			t.Errorf("%s: %d rows, %d of them distinct; want %v", name, p.rows, len(p.distinct), want)
		}
		r.Worker.Path = "/nonexistent/tribune"
		if _, _, err := r.opened(t.Context(), all); err == nil {
			t.Errorf("%s was read without a worker", name)
		}
	}
	r := Request{Data: publishers(), Worker: worker.Worker{Path: "/nonexistent/tribune"}}
	for _, name := range []string{"adult", "hospital"} {
		r.Datasets = []string{name}
		if _, _, err := r.opened(t.Context(), all); err == nil {
			t.Errorf("%s: a table of the folder was read without a worker", name)
		}
	}
	record := Experiments()[0]
	if _, err := record.Run(context.Background(), Request{Data: publishers(), Worker: r.Worker, Quick: true}); err == nil {
		t.Error("the record experiments read tables of a folder without a worker")
	}
}
