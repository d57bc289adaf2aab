package data

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"tribune"
)

func purchaseRow(class string) string {
	return class + strings.Repeat(",1,0", purchaseFeatures/2) + "\n"
}

func TestPublishersFilesAreReadAndTheirDamageNamed(t *testing.T) {
	read := map[string]func(string) (Set, error){
		"purchase": func(in string) (Set, error) { return Purchase(strings.NewReader(in), DefaultLimits()) },
		"texas labels": func(in string) (Set, error) {
			return Texas(strings.NewReader(strings.Repeat("1,", texasFeatures-1)+"0\n"), strings.NewReader(in), DefaultLimits())
		},
		"cifar": func(in string) (Set, error) {
			return CIFAR([]io.Reader{strings.NewReader("\x09" + strings.Repeat("\xff", planes)), strings.NewReader(in)}, DefaultLimits())
		},
	}
	for name, c := range map[string]struct {
		reader, in string
		rows, last int // the class of the last
	}{
		"purchase": {"purchase", purchaseRow("7") + purchaseRow("100"), 2, 99},
		"texas":    {"texas labels", "12\n", 1, 11},
		"cifar":    {"cifar", strings.Repeat("\x03"+strings.Repeat("\x00", planes), 2), 3, 3},
	} {
		s, err := read[c.reader](c.in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.X.Rows != c.rows || len(s.Row) != c.rows || s.Y[c.rows-1] != c.last || s.X.Row(0)[0] != 1 || s.Source == (tribune.Hash{}) {
			t.Errorf("%s: %d rows, classes %v, first number %v", name, s.X.Rows, s.Y, s.X.Row(0)[0])
		}
	}
	for name, c := range map[string]struct{ reader, in, say string }{
		"class 0":                 {"purchase", purchaseRow("0"), "row 1: not a class"},
		"a short row":             {"purchase", purchaseRow("5") + "5,1\n", "row 2: 2 columns"},
		"a word":                  {"purchase", strings.Replace(purchaseRow("5"), ",0", ",x", 1), "row 1, column 3"},
		"nothing":                 {"purchase", "", "no rows"},
		"labels of another texas": {"texas labels", "1\n2\n", "1 rows of feats, 2 labels"},
		"a cut picture":           {"cifar", "\x01\x02", "file 2: 2 bytes"},
		"class 10":                {"cifar", "\x0a" + strings.Repeat("\x00", planes), "picture 1"},
	} {
		_, err := read[c.reader](c.in)
		if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want %q", name, err, c.say)
		}
	}
	if _, err := CIFAR([]io.Reader{io.LimitReader(&endless{1 << 40}, 2*CIFARBatch)}, DefaultLimits()); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("a file of CIFAR-10 that is twice as long: %v", err)
	}
}

func FuzzBits(f *testing.F) {
	f.Add([]byte("1,0\n0,1\n"), uint8(2))
	f.Add([]byte("100\n"), uint8(1))
	f.Add([]byte("1,,0\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, raw []byte, columns uint8) {
		m, err := bits(bytes.NewReader(raw), int(columns))
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
				t.Errorf("%v", err)
			}
			return
		}
		if m.Rows < 1 || len(m.Data) != m.Rows*m.Cols || m.Cols != int(columns) {
			t.Errorf("%d x %d with %d numbers", m.Rows, m.Cols, len(m.Data))
		}
	})
}

func FuzzCIFAR(f *testing.F) {
	f.Add([]byte("\x09" + strings.Repeat("\xff", planes)))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := CIFAR([]io.Reader{bytes.NewReader(raw)}, tight)
		if err == nil && (len(s.Y) != s.X.Rows || len(s.X.Data) != s.X.Rows*s.X.Cols) {
			t.Errorf("%d rows, %d classes, %d numbers", s.X.Rows, len(s.Y), len(s.X.Data))
		}
	})
}
