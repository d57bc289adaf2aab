package release

import (
	"errors"
	"io"
	"strings"
	"testing"

	"tribune"
)

// A line of commas is read as cells of sixteen bytes each: files of a hundred megabytes would take all memory.
func TestLinesWithoutEndAreRefusedEarly(t *testing.T) {
	for name, c := range map[string]struct {
		head string
		read func(io.Reader) error
	}{
		"an index": {"token,value", func(r io.Reader) error { _, err := ReadIndex(r); return err }},
		"a table":  {"district,count", func(r io.Reader) error { _, err := ReadTable(r); return err }},
	} {
		for where, before := range map[string]string{"in the header": c.head, "in a row": c.head + "\na,1\n"} {
			file := &commas{}
			if err := c.read(io.MultiReader(strings.NewReader(before), io.LimitReader(file, 64<<20))); !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
				t.Errorf("%s, %s: got %v", name, where, err)
			}
			if file.read > 1<<20 {
				t.Errorf("%s, %s: %d bytes were read of it", name, where, file.read)
			}
		}
	}
}

type commas struct{ read int }

func (c *commas) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ','
	}
	c.read += len(p)
	return len(p), nil
}
