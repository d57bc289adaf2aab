package outside

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/worker"
)

func idx(magic uint32, dims []uint32, data ...byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		out = binary.BigEndian.AppendUint32(out, d)
	}
	return append(out, data...)
}

var ( // as their publishers have them, in small
	location = `"3"` + strings.Repeat(",1,0", 223) + "\n" + `"30"` + strings.Repeat(",0", 446) + "\n"
	images   = idx(0x0803, []uint32{2, 1, 2}, 0, 255, 51, 1)
	labels   = idx(0x0801, []uint32{2}, 7, 0)
	purchase = "7" + strings.Repeat(",1,0", 300) + "\n"
	feats    = strings.Repeat("1,", 6_168) + "0\n"
	picture  = "\x09" + strings.Repeat("\x80", 3*32*32)
)

// sets are the data sets, read here and in a worker.
func sets() map[string][2]func(t *testing.T, w worker.Worker) (data.Set, error) {
	l := data.DefaultLimits()
	type reading = func(t *testing.T, w worker.Worker) (data.Set, error)
	text := func(s string) io.Reader { return strings.NewReader(s) }
	return map[string][2]reading{
		"location": {
			func(*testing.T, worker.Worker) (data.Set, error) { return data.Location(text(location), l) },
			func(t *testing.T, w worker.Worker) (data.Set, error) {
				return Location(t.Context(), w, text(location), l)
			}},
		"mnist": {
			func(*testing.T, worker.Worker) (data.Set, error) {
				return data.MNIST(bytes.NewReader(images), bytes.NewReader(labels), l)
			},
			func(t *testing.T, w worker.Worker) (data.Set, error) {
				return MNIST(t.Context(), w, bytes.NewReader(images), bytes.NewReader(labels), l)
			}},
		"purchase": {
			func(*testing.T, worker.Worker) (data.Set, error) { return data.Purchase(text(purchase), l) },
			func(t *testing.T, w worker.Worker) (data.Set, error) {
				return Purchase(t.Context(), w, text(purchase), l)
			}},
		"texas": {
			func(*testing.T, worker.Worker) (data.Set, error) { return data.Texas(text(feats), text("12\n"), l) },
			func(t *testing.T, w worker.Worker) (data.Set, error) {
				return Texas(t.Context(), w, text(feats), text("12\n"), l)
			}},
		"cifar-10": {
			func(*testing.T, worker.Worker) (data.Set, error) {
				return data.CIFAR([]io.Reader{text(picture), text(picture + picture)}, l)
			},
			func(t *testing.T, w worker.Worker) (data.Set, error) {
				return CIFAR(t.Context(), w, []io.Reader{text(picture), text(picture + picture)}, l)
			}},
	}
}

func TestRecordsFromAWorkerAreTheSameRecords(t *testing.T) {
	t.Parallel()
	for name, read := range sets() {
		want, err := read[0](t, worker.Worker{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := read[1](t, worker.Worker{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, want)
		}
	}
}

// What comes from outside is not read where the keys are: without a worker it is not read at all.
func TestWithoutAWorkerNothingIsRead(t *testing.T) {
	t.Parallel()
	for name, read := range sets() {
		if s, err := read[1](t, worker.Worker{Path: "/nonexistent/tribune"}); err == nil {
			t.Errorf("%s: %d records were read by nobody", name, s.X.Rows)
		}
	}
}

func TestDamageOfRecordsComesThrough(t *testing.T) {
	t.Parallel()
	_, err := Location(t.Context(), worker.Worker{}, strings.NewReader(strings.Replace(location, ",1", ",2", 1)), data.DefaultLimits())
	if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "row 1, column 2") {
		t.Errorf("got %v", err)
	}
	_, err = CIFAR(t.Context(), worker.Worker{}, []io.Reader{strings.NewReader(picture[:5])}, data.DefaultLimits())
	if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("got %v", err)
	}
}

func recordsAnswer(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	r := recordReaders()[readLocation]
	if err := r.job([]io.Reader{strings.NewReader(location)}, data.DefaultLimits(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// overflowing are four records of 2^62 + 3 numbers each, which is 12 numbers to whoever multiplies without care.
func overflowing() []byte {
	const text = `{"rows":4,"columns":4611686018427387907,"classes":["a","b"]}`
	b := append(binary.LittleEndian.AppendUint32([]byte(recordsMagic), uint32(len(text))), text...)
	return append(b, make([]byte, 4+4*3)...)
}

// The worker may be in the hands of the file: records that do not fit what was asked for are refused.
func TestRecordsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	good, r, l := recordsAnswer(t), recordReaders()[readLocation], data.DefaultLimits()
	if s, err := decodeRecords(good, r, l); err != nil || s.X.Rows != 2 || s.Y[1] != 29 {
		t.Fatalf("%d rows, %v", s.X.Rows, err)
	}
	for n := range good {
		if _, err := decodeRecords(good[:n], r, l); err == nil {
			t.Fatalf("cut at %d they pass", n)
		}
	}
	small := l
	small.Rows = 1
	for name, c := range map[string]struct {
		in     []byte
		limits data.Limits
		want   string
	}{
		"one byte more":     {append(bytes.Clone(good), 0), l, "bytes"},
		"more rows":         {bytes.Replace(good, []byte(`"rows":2`), []byte(`"rows":3`), 1), l, "bytes"},
		"rows without end":  {bytes.Replace(good, []byte(`"rows":2,"columns":446`), []byte(`"rows":8,"columns":-10`), 1), l, "numbers"},
		"over the limit":    {good, small, "2 records"},
		"columns past 2^63": {bytes.Replace(good, []byte(`"rows":2,"columns":446`), []byte(`"rows":2,"columns":9223372036854776254`), 1), l, ""},
		"columns past 2^64": {overflowing(), l, "numbers"},
		"a class of nobody": {bytes.Replace(good, []byte{2, 29}, []byte{2, 30}, 1), l, "record 2 is of no class"},
		"one class twice":   {bytes.Replace(good, []byte(`"28","29"`), []byte(`"29","29"`), 1), l, "names of"},
		"a name that rings": {bytes.Replace(good, []byte(`"29"`), []byte(`"\\a"`), 1), l, ""},
		"a feature less":    {bytes.Replace(good, []byte(`"place 1",`), bytes.Repeat([]byte(" "), len(`"place 1",`)), 1), l, "names of"},
		"a field more":      {bytes.Replace(good, []byte(`"rows":2`), []byte(`"r":2   `), 1), l, "header"},
	} {
		_, err := decodeRecords(c.in, r, c.limits)
		if err == nil || !strings.Contains(err.Error(), c.want) || name != "over the limit" && bytes.Equal(c.in, good) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func FuzzDecodeRecords(f *testing.F) {
	f.Add(recordsAnswer(f))
	f.Add(overflowing())
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{readLocation, readMNIST, readPurchase, readTexas, readCIFAR} { // in one order, or the fuzzer takes chance for news
			r := recordReaders()[name]
			s, err := decodeRecords(b, r, data.DefaultLimits())
			if err == nil && (len(s.Y) != s.X.Rows || len(s.X.Data) != s.X.Rows*s.X.Cols) {
				t.Errorf("%s: %d records, %d classes, %d numbers", r.name, s.X.Rows, len(s.Y), len(s.X.Data))
			}
		}
	})
}
