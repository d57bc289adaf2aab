package reproduce

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"tribune"
	"tribune/internal/explain/data"
)

func purchaseRow(class string) string { return class + strings.Repeat(",1,0", 300) + "\n" }

func TestPublishersFilesAreReadAndBrokenOnesNamed(t *testing.T) {
	good := fstest.MapFS{
		"purchase/purchase.csv": {Data: []byte(purchaseRow("7") + purchaseRow("7") + strings.Replace(purchaseRow("100"), ",1", ",0", 1))},
		"texas/100/feats":       {Data: []byte(strings.Repeat("1,", 6_168) + "0\n")},
		"texas/100/labels":      {Data: []byte("12\n")},
	}
	for i := range batches {
		good["cifar-10-batches-bin/data_batch_"+string(rune('1'+i))+".bin"] = &fstest.MapFile{Data: bytes.Repeat([]byte{9}, planes+1)}
	}
	good["cifar-10-batches-bin/test_batch.bin"] = &fstest.MapFile{Data: bytes.Repeat([]byte{3}, 2*(planes+1))}
	for name, want := range map[string][2]int{"purchase": {3, 2}, "texas": {1, 1}, "cifar-10": {7, 2}} {
		there, _, err := Request{Data: good, Datasets: []string{name}}.opened(func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		if p := there[0].pool; p.rows != want[0] || len(p.distinct) != want[1] {
			t.Errorf("%s: %d rows, %d of them distinct; want %v", name, p.rows, len(p.distinct), want)
		}
	}
	for name, c := range map[string]struct{ file, content, say string }{
		"class 0":                 {"purchase/purchase.csv", purchaseRow("0"), "row 1: not a class"},
		"a short row":             {"purchase/purchase.csv", purchaseRow("5") + "5,1\n", "row 2: 2 columns"},
		"a word":                  {"purchase/purchase.csv", strings.Replace(purchaseRow("5"), ",0", ",x", 1), "row 1, column 3"},
		"nothing":                 {"purchase/purchase.csv", "", "no rows"},
		"labels of another texas": {"texas/100/labels", "1\n2\n", "1 rows of feats, 2 labels"},
		"a cut picture":           {"cifar-10-batches-bin/test_batch.bin", "\x01\x02", "2 bytes"},
		"class 10":                {"cifar-10-batches-bin/test_batch.bin", "\x0a" + strings.Repeat("\x00", planes), "picture 1"},
	} {
		bad := fstest.MapFS{}
		for k, v := range good {
			bad[k] = v
		}
		bad[c.file] = &fstest.MapFile{Data: []byte(c.content)}
		which := map[byte]string{'p': "purchase", 't': "texas", 'c': "cifar-10"}[c.file[0]]
		_, _, err := Request{Data: bad, Datasets: []string{which}}.opened(func(string) bool { return true })
		if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want %q", name, err, c.say)
		}
	}
}

func FuzzBits(f *testing.F) {
	f.Add([]byte("1,0\n0,1\n"), uint8(1))
	f.Add([]byte("100\n"), uint8(0))
	f.Add([]byte("1,,0\r\n"), uint8(2))
	f.Fuzz(func(t *testing.T, raw []byte, commas uint8) {
		s, err := bits(bytes.NewReader(raw), int(commas))
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
				t.Errorf("%v", err)
			}
			return
		}
		if s.X.Rows < 1 || len(s.X.Data) != s.X.Rows*s.X.Cols || s.X.Cols != int(commas)+1 {
			t.Errorf("%d x %d with %d numbers", s.X.Rows, s.X.Cols, len(s.X.Data))
		}
	})
}

func FuzzPictures(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1}, planes+1))
	f.Add([]byte{9})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s data.Set
		s.X.Cols = planes
		if err := addPictures(&s, raw); err == nil && (len(s.Y) != s.X.Rows || len(s.X.Data) != s.X.Rows*planes) {
			t.Errorf("%d pictures, %d classes, %d numbers", s.X.Rows, len(s.Y), len(s.X.Data))
		}
	})
}
