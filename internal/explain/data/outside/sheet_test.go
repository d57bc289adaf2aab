package outside

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/worker"
)

const sheetText = "\ufefftoken,value\n1f,\"Ghent, \"\"old\"\"\"\n\n,été\n"

func sheetLimits() data.Limits { return data.Limits{Bytes: 1 << 20, Rows: 3, Columns: 3, Record: 200} }

func TestSheetFromAWorkerSaysWhatTheFileSays(t *testing.T) {
	t.Parallel()
	s, err := ReadSheet(t.Context(), worker.Worker{}, strings.NewReader(sheetText), sheetLimits())
	if err != nil {
		t.Fatal(err)
	}
	got := []string{fmt.Sprintf("%q", s.Header)}
	for n, row := range s.Rows() {
		got = append(got, fmt.Sprintf("%d%q", n, row))
	}
	if want := []string{`["token" "value"]`, `1["1f" "Ghent, \"old\""]`, `2["" "été"]`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s, err := ReadSheet(t.Context(), worker.Worker{Path: "/nonexistent/tribune"}, strings.NewReader(sheetText), sheetLimits()); err == nil {
		t.Errorf("%q was read by nobody", s.Header)
	}
}

func TestDamageOfSheetsComesThroughWithItsPlaceAndNoCell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, says string
		is         error
	}{
		"empty":             {"", "the file is empty", tribune.ErrInvalid},
		"half a row":        {"a,b\nsecret\n", "row 1", tribune.ErrInvalid},
		"an open quote":     {"a,b\n\"secret,b\n", "row 1", tribune.ErrInvalid},
		"a terminal's word": {"a,b\nx,y\nx,secret\x1b[2J\n", "row 2, column 2: not printable", tribune.ErrInvalid},
		"no UTF-8":          {"a,b\nx,secret\xff\n", "row 1, column 2: not printable", tribune.ErrInvalid},
		"four columns":      {"a,b,c,secret\n", "4 columns", tribune.ErrTooLarge},
		"four rows":         {"a\nb\nc\nd\nsecret\n", "3 rows", tribune.ErrTooLarge},
		"a long row":        {"a,b\nsecret," + strings.Repeat("x", 200) + "\n", "row 1 is over 200 bytes", tribune.ErrTooLarge},
	} {
		_, err := ReadSheet(t.Context(), worker.Worker{}, strings.NewReader(c.text), sheetLimits())
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	short := sheetLimits()
	short.Bytes = 5
	if _, err := ReadSheet(t.Context(), worker.Worker{}, strings.NewReader("a\nb\nc\n"), short); !errors.Is(err, tribune.ErrTooLarge) || !strings.Contains(err.Error(), "over 5 bytes") {
		t.Errorf("six bytes of five: %v", err)
	}
}

// A line of commas is read as cells of sixteen bytes each: files of a hundred megabytes would take all memory.
func TestLinesWithoutEndAreRefusedEarly(t *testing.T) {
	t.Parallel()
	l := data.Limits{Bytes: 256 << 20, Rows: 1000, Columns: 64, Record: 64 << 10}
	for where, before := range map[string]string{"in the header": "token,value", "in a row": "token,value\na,1\n"} {
		file := &commas{}
		_, err := ReadSheet(t.Context(), worker.Worker{}, io.MultiReader(strings.NewReader(before), io.LimitReader(file, 64<<20)), l)
		if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("%s: got %v", where, err)
		}
		if read := file.read.Load(); read > 2<<20 {
			t.Errorf("%s: %d bytes were read of it", where, read)
		}
	}
}

type commas struct{ read atomic.Int64 }

func (c *commas) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ','
	}
	c.read.Add(int64(len(p)))
	return len(p), nil
}

func sheetAnswer(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sheetJob(strings.NewReader("a,b\nc,d\n,ef\n"), sheetLimits(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The worker may be in the hands of the file: a sheet that does not fit what was asked for is refused.
func TestSheetsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	good := sheetAnswer(t)
	if s, err := decodeSheet(good, sheetLimits()); err != nil || !slices.Equal(s.Header, []string{"a", "b"}) {
		t.Fatalf("%q %v", s.Header, err)
	}
	start := len(sheetMagic) + 4
	of := func(columns uint32, cells string) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(sheetMagic), columns), cells...)
	}
	long := string(binary.AppendUvarint(nil, 201)) + strings.Repeat("x", 201)
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"nothing":                      {nil, "begin"},
		"another answer":               {[]byte(magic + "\x02\x00\x00\x00"), "begin"},
		"cut before its columns":       {good[:start-1], "begin"},
		"no columns":                   {of(0, ""), "0 columns"},
		"no columns, rows without end": {of(0, "\x01a"), "0 columns"},
		"four columns":                 {of(4, "\x01a\x01b\x01c\x01d"), "4 columns"},
		"columns past all memory":      {of(1<<32-1, "\x01a"), "columns"},
		"no header":                    {good[:start], "row 0 is cut"},
		"half a header":                {good[:start+2], "row 0 is cut"},
		"half a row":                   {good[:len(good)-3], "row 2 is cut"},
		"one byte more":                {append(bytes.Clone(good), 0), "row 3 is cut"},
		"a cell past the end":          {of(1, "\x01a\x05b"), "row 1 is cut"},
		"a cell past 2^63":             {of(1, "\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01b"), "row 1 is cut"},
		"a length without end":         {of(1, "\x01a"+strings.Repeat("\xff", 20)), "row 1 is cut"},
		"a length in two ways":         {of(1, "\x01a\x81\x00b"), "row 1 is cut"},
		"a row over its bytes":         {of(1, "\x01a"+long), "over 200 bytes"},
		"a header over its bytes":      {of(1, long), "over 200 bytes"},
		"four rows":                    {of(1, "\x01a\x01b\x01c\x01d\x01e"), "over 3 rows"},
		"a name that rings":            {of(1, "\x01\a"), "row 0, column 1: not printable"},
		"a cell that plays on screen":  {of(2, "\x01a\x01b\x01c\x04\x1b[2J"), "row 1, column 2: not printable"},
		"letters that are none":        {of(1, "\x01a\x01\xff"), "row 1, column 1: not printable"},
	} {
		if _, err := decodeSheet(c.in, sheetLimits()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func FuzzDecodeSheet(f *testing.F) {
	f.Add(sheetAnswer(f))
	f.Add([]byte(sheetMagic + "\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := sheetLimits()
		s, err := decodeSheet(b, l)
		if err != nil {
			return
		}
		again := binary.LittleEndian.AppendUint32([]byte(sheetMagic), uint32(len(s.Header)))
		put := func(row []string) {
			for _, cell := range row {
				again = append(binary.AppendUvarint(again, uint64(len(cell))), cell...)
			}
		}
		put(s.Header)
		for n, row := range s.Rows() {
			if put(row); n > l.Rows {
				t.Errorf("row %d", n)
			}
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%q is also %q", b, again)
		}
	})
}

// FuzzSheet: whatever a file says, the worker's answer is one that its parent takes, within the bytes that it may have.
func FuzzSheet(f *testing.F) {
	f.Add(sheetText)
	f.Add("a,b\n\"\"\"\",\n")
	f.Fuzz(func(t *testing.T, text string) {
		var b bytes.Buffer
		if sheetJob(strings.NewReader(text), sheetLimits(), &b) != nil {
			return
		}
		if _, err := decodeSheet(b.Bytes(), sheetLimits()); err != nil || b.Len() > len(text)+len(text)/64+64 {
			t.Errorf("%q: %d bytes for %d: %v", text, b.Len(), len(text), err)
		}
	})
}
