// Package export writes what a model is trained on, as Tribune encodes it, for trainers elsewhere; and finds the reference models that they have made of it.
//
// tribune explain export calls Write, an audit with --references calls Find. What is written, into one folder, for its owner alone:
//
//	export.json   how records were encoded, and which records, seed and references these are (Manifest)
//	records.csv   for each record its number from 1, its side ("train" or "test"), its class from 0, and every number that a model is given
//	halves.csv    for each record its number, and for each reference 1 if it is to be trained on the record, else 0
//
// A reference is put beside them as reference-1.onnx, .json or .model, and so on. What is promised: an audit takes a folder only if records, encoding, halves
// and number of references are its own, to the last bit. That each model was trained on its half and on nothing else is the word of whoever trained it.
package export

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/data"
)

// The files of a folder.
const (
	ManifestFile = "export.json"
	RecordsFile  = "records.csv"
	HalvesFile   = "halves.csv"
)

// Contents are what is written.
type Contents struct {
	Train, Test data.Set
	Inputs      []data.Input
	Scale       string
	Seed        uint64   // of the plan
	Halves      [][]bool // by reference and record: training records first, then test records
}

// Manifest says how records were encoded, and which these are.
type Manifest struct {
	Version    int          `json:"version"` // 1
	Data       string       `json:"data"`
	Scale      string       `json:"scale"`
	Classes    []string     `json:"classes"` // in the order of a model's answers
	Train      int          `json:"train"`   // records
	Test       int          `json:"test"`
	Records    tribune.Hash `json:"records"` // of the numbers and classes of all records, in order
	Seed       uint64       `json:"seed"`
	References int          `json:"references"`
	Halves     tribune.Hash `json:"halves"`
	Inputs     []data.Input `json:"inputs"` // in the order of a model's inputs
}

// maxManifest bounds a manifest in bytes: names of inputs come from the data.
const maxManifest = 64 << 20

// Manifest describes c.
func (c Contents) Manifest() Manifest {
	return Manifest{Version: 1, Data: c.Train.Name, Scale: c.Scale, Classes: c.Train.Classes, Train: c.Train.X.Rows, Test: c.Test.X.Rows, Records: c.records(),
		Seed: c.Seed, References: len(c.Halves), Halves: c.halves(), Inputs: c.Inputs}
}

// records names what models are given, whatever file it came from.
func (c Contents) records() (sum tribune.Hash) {
	h := sha256.New()
	b := bufio.NewWriter(h) // a hash takes everything
	word := func(v uint32) { b.Write(binary.LittleEndian.AppendUint32(nil, v)) }
	b.WriteString("tribune/explain/records\x00")
	for _, s := range []data.Set{c.Train, c.Test} {
		word(uint32(s.X.Rows))
		word(uint32(s.X.Cols))
		for i, y := range s.Y {
			for _, v := range s.X.Row(i) {
				word(math.Float32bits(v))
			}
			word(uint32(y))
		}
	}
	b.Flush()
	h.Sum(sum[:0])
	return sum
}

func (c Contents) halves() (sum tribune.Hash) {
	h := sha256.New()
	b := bufio.NewWriter(h)
	b.WriteString("tribune/explain/halves\x00")
	for _, half := range c.Halves {
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(half))))
		for _, in := range half {
			b.WriteByte(bit(in))
		}
	}
	b.Flush()
	h.Sum(sum[:0])
	return sum
}

func bit(in bool) byte {
	if in {
		return '1'
	}
	return '0'
}

// Write writes the three files. The manifest comes last: a folder without it is no export.
func Write(dir string, c Contents) error {
	if err := c.makeRoom(dir); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if err := stream(filepath.Join(dir, RecordsFile), c.writeRecords); err != nil {
		return fmt.Errorf("exporting records: %w", err)
	}
	if err := stream(filepath.Join(dir, HalvesFile), c.writeHalves); err != nil {
		return fmt.Errorf("exporting halves: %w", err)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // a class may be called <=50K
	e.SetIndent("", " ")
	if err := e.Encode(c.Manifest()); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if err := durable.Write(filepath.Join(dir, ManifestFile), text.Bytes()); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	return nil
}

// makeRoom has a folder without an older manifest, which must not stand beside new halves. References that were trained on other halves than these would
// pass for trained on them: they are left alone, and nothing is exported.
func (c Contents) makeRoom(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, ManifestFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	found, err := references(dir)
	if err != nil {
		return err
	}
	if old, err := read(path); len(found) > 0 && (err != nil || !old.same(c.Manifest())) {
		return tribune.Hint(fmt.Errorf("%w: %s holds %d references that were trained on other halves", tribune.ErrInvalid, dir, len(found)), "another folder, or remove them")
	}
	return os.Remove(path)
}

// same reports whether references of one export are references of the other.
func (m Manifest) same(o Manifest) bool {
	return m.Records == o.Records && m.Seed == o.Seed && m.References == o.References && m.Halves == o.Halves
}

// stream writes a file that may be too long for memory, for its owner alone.
func stream(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		f.Close()
		return err
	}
	if err := b.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (c Contents) writeRecords(out io.Writer) error {
	w := csv.NewWriter(out)
	line := append([]string{"record", "side", "class"}, c.Train.Features...)
	if err := w.Write(line); err != nil {
		return err
	}
	number := 0
	for _, side := range []struct {
		name string
		set  data.Set
	}{{"train", c.Train}, {"test", c.Test}} {
		for i, y := range side.set.Y {
			number++
			line = append(line[:0], strconv.Itoa(number), side.name, strconv.Itoa(y))
			for _, v := range side.set.X.Row(i) {
				line = append(line, strconv.FormatFloat(float64(v), 'g', -1, 32)) // read as float32 it is the same again
			}
			if err := w.Write(line); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}

func (c Contents) writeHalves(out io.Writer) error {
	line := []byte("record")
	for r := range c.Halves {
		line = fmt.Appendf(line, ",reference-%d", r+1)
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		return err
	}
	for i := range c.Train.X.Rows + c.Test.X.Rows {
		line = strconv.AppendInt(line[:0], int64(i+1), 10)
		for _, half := range c.Halves {
			line = append(line, ',', bit(half[i]))
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}
