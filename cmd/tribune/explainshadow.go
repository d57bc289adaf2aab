package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/explain/release"
	"tribune/internal/worker"
)

// The files of a folder of halves: what each shadow generator is given, what it made of it, and what they are halves of.
const (
	halvesFile = "halves.json"
	halfFile   = "half-%03d.csv"
	madeFile   = "made-%03d.csv"
	maxHalves  = 256
	maxNote    = 1 << 16
)

// halves say what a folder of halves was cut from, so that they are not held against other people.
type halves struct {
	Version int          `json:"version"` // 1
	Number  int          `json:"halves"`
	Seed    uint64       `json:"seed"`
	People  int          `json:"people"`
	Source  tribune.Hash `json:"source"` // of the members' and the others' bytes, and which of them stand in the halves
}

func (r *released) halves(d *explainFlags, people release.People, number int) halves {
	h := sha256.New()
	fmt.Fprintf(h, "tribune/explain/release/halves\n%s %s\n%v %v\n%v\n", r.members.Source, r.others.Source, r.from, r.to, people.Of)
	out := halves{Version: 1, Number: number, Seed: d.seed, People: len(people.Member)}
	h.Sum(out.Source[:0])
	return out
}

// writeHalves writes what the owner of a generator runs it on: as many halves of members and others, for shadows of the release.
func writeHalves(ctx context.Context, d *explainFlags, out io.Writer) error {
	n := d.release.halves
	if n < 4 || n > maxHalves {
		return fmt.Errorf("%w: %d halves; 4 to %d", errUsage, n, maxHalves)
	}
	sides, err := openPeople(ctx, d)
	if err != nil {
		return err
	}
	people, err := release.Known(sides.members, sides.others, d.seed)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.out, 0o700); err != nil {
		return fmt.Errorf("making the folder of halves: %w", err)
	}
	for i, in := range people.Halves(d.seed, n) {
		var text bytes.Buffer
		if err := sides.write(&text, people, in); err != nil {
			return err
		}
		if err := durable.Write(filepath.Join(d.out, fmt.Sprintf(halfFile, i+1)), text.Bytes()); err != nil {
			return fmt.Errorf("writing a half: %w", err)
		}
	}
	note, err := json.MarshalIndent(sides.halves(d, people, n), "", " ")
	if err != nil {
		return fmt.Errorf("writing what the halves are of: %w", err)
	}
	if err := durable.Write(filepath.Join(d.out, halvesFile), append(note, '\n')); err != nil {
		return fmt.Errorf("writing what the halves are of: %w", err)
	}
	fmt.Fprintf(out, "%d halves of %d records in %s. Run the generator on each, with the settings it had: "+halfFile+" gives "+madeFile+", with as many\nrecords as the release. Then: tribune explain release --kind synthetic --shadow %s, with the same --train, --test and --seed.\n", n, len(people.Member), d.out, 1, 1, d.out)
	return nil
}

// write writes the people who are marked as the files were that they came from.
func (r *released) write(w io.Writer, people release.People, in []bool) error {
	var a, b []int
	for row, is := range in {
		if of := people.Of[row]; !is {
			continue
		} else if of < len(r.from) {
			a = append(a, r.from[of])
		} else {
			b = append(b, r.to[of-len(r.from)])
		}
	}
	if r.a == r.b {
		return r.a.WriteCSV(w, r.schema, append(a, b...))
	}
	if err := r.a.WriteCSV(w, r.schema, a); err != nil {
		return err
	}
	var second bytes.Buffer
	if err := r.b.WriteCSV(&second, r.schema, b); err != nil {
		return err
	}
	_, after, _ := bytes.Cut(second.Bytes(), []byte("\n")) // one header
	_, err := w.Write(after)
	return err
}

// attackByShadows attacks by what the generator made of the halves.
func attackByShadows(ctx context.Context, d *explainFlags, sides *released, people release.People) ([]release.Scores, int, error) {
	raw, err := readBounded(filepath.Join(d.release.shadow, halvesFile), maxNote)
	if err != nil {
		return nil, 0, err
	}
	var note halves
	if err := json.Unmarshal(raw, &note); err != nil || note.Number < 1 || note.Number > maxHalves {
		return nil, 0, fmt.Errorf("%s: %w: it does not say what the halves are of", halvesFile, tribune.ErrInvalid)
	}
	if note != sides.halves(d, people, note.Number) {
		return nil, 0, tribune.Hint(fmt.Errorf("%s: %w: the halves are of other people, or drawn by another seed", d.release.shadow, tribune.ErrInvalid), "the same --train, --test and --seed as --halves had")
	}
	var made []data.Set
	for n := 1; n <= note.Number; n++ {
		set, err := sides.openMade(ctx, filepath.Join(d.release.shadow, fmt.Sprintf(madeFile, n)))
		if err != nil {
			return nil, 0, err
		}
		made = append(made, set)
	}
	scores, err := release.Shadow(ctx, people, sides.synthetic, made, people.Halves(d.seed, note.Number))
	return scores, note.Number, err
}

// openMade reads synthetic records, in a worker.
func (r *released) openMade(ctx context.Context, path string) (data.Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return data.Set{}, err
	}
	defer f.Close()
	t, err := outside.CSV(ctx, worker.Worker{}, f, r.schema, data.DefaultLimits())
	if err != nil {
		return data.Set{}, fmt.Errorf("%s: %w", path, err)
	}
	set, err := r.encoding.Apply(t, t.All())
	if err != nil {
		return set, fmt.Errorf("%s: %w", path, err)
	}
	return set, nil
}
