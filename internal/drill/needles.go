package drill

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf16"
)

// needles are words to be found in bytes, in every form in which a careless program leaves them: raw, in upper and
// lower case, without spaces, URL-encoded, hex, UTF-16, base64 at all three alignments, and any of these inside gzip or
// zlib streams. A form shorter than minForm would be found in random bytes, and is left out.
type needles struct {
	forms []form
	begin map[uint32][]int32 // first four bytes of a form -> forms
	maybe [1 << 16 / 64]uint64
}

// form is one spelling of a word.
type form struct {
	bytes      []byte
	word, kind string
}

// hit is a word that was found.
type hit struct {
	where, word, kind string
}

func (h hit) String() string { return fmt.Sprintf("%q as %s in %s", h.word, h.kind, h.where) }

const (
	minForm    = 7       // bytes
	maxInflate = 4 << 20 // of what a compressed stream holds
)

func newNeedles(words []string) *needles {
	n := &needles{begin: map[uint32][]int32{}}
	seen := map[string]bool{}
	for _, w := range words {
		if seen[w] {
			continue
		}
		seen[w] = true
		n.spell(w)
	}
	return n
}

func (n *needles) spell(word string) {
	for _, plain := range [][2]string{
		{word, "text"}, {strings.ToLower(word), "lower case"}, {strings.ToUpper(word), "upper case"},
		{strings.ReplaceAll(word, " ", ""), "text without spaces"}, {url.QueryEscape(word), "URL encoding"}, {url.PathEscape(word), "URL encoding"},
	} {
		text, kind := plain[0], plain[1]
		raw := []byte(text)
		n.add(raw, word, kind)
		n.add([]byte(hex.EncodeToString(raw)), word, kind+", hex")
		n.add([]byte(strings.ToUpper(hex.EncodeToString(raw))), word, kind+", hex")
		little, big := []byte{}, []byte{}
		for _, u := range utf16.Encode([]rune(text)) {
			little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
		}
		n.add(little, word, kind+", UTF-16")
		n.add(big, word, kind+", UTF-16")
		for shift := range 3 {
			for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				coded := enc.EncodeToString(append(make([]byte, shift), raw...))
				// Characters that also hold bits of the neighbours are cut off.
				n.add([]byte(coded[(shift*8+5)/6:(shift+len(raw))*8/6]), word, kind+", base64")
			}
		}
	}
}

func (n *needles) add(b []byte, word, kind string) {
	if len(b) < minForm {
		return
	}
	key := binary.BigEndian.Uint32(b)
	for _, i := range n.begin[key] {
		if bytes.Equal(n.forms[i].bytes, b) {
			return
		}
	}
	n.begin[key] = append(n.begin[key], int32(len(n.forms)))
	n.forms = append(n.forms, form{b, word, kind})
	n.maybe[key>>16/64] |= 1 << (key >> 16 % 64)
}

// find returns what data holds, each form once.
func (n *needles) find(where string, data []byte) []hit {
	hits := n.scan(where, data)
	for _, inner := range inflate(data) {
		hits = append(hits, n.scan(where+" (compressed)", inner)...)
	}
	return hits
}

func (n *needles) scan(where string, data []byte) (hits []hit) {
	found := map[int32]bool{}
	for at := 0; at+4 <= len(data); at++ {
		first := uint32(data[at])<<8 | uint32(data[at+1])
		if n.maybe[first/64]&(1<<(first%64)) == 0 {
			continue
		}
		for _, i := range n.begin[binary.BigEndian.Uint32(data[at:])] {
			f := n.forms[i]
			if !found[i] && bytes.HasPrefix(data[at:], f.bytes) {
				found[i] = true
				hits = append(hits, hit{where, f.word, f.kind})
			}
		}
	}
	return hits
}

// inflate is what the gzip and zlib streams inside data hold.
func inflate(data []byte) (inner [][]byte) {
	for at := 0; at+3 <= len(data); at++ {
		var r io.ReadCloser
		var err error
		switch {
		case data[at] == 0x1f && data[at+1] == 0x8b && data[at+2] == 8:
			r, err = gzip.NewReader(bytes.NewReader(data[at:]))
		case data[at] == 0x78 && (data[at+1] == 0x01 || data[at+1] == 0x9c || data[at+1] == 0xda):
			r, err = zlib.NewReader(bytes.NewReader(data[at:]))
		default:
			continue
		}
		if err != nil {
			continue
		}
		out, _ := io.ReadAll(io.LimitReader(r, maxInflate)) // what could be read of a torn stream counts
		r.Close()
		if len(out) > 0 {
			inner = append(inner, out)
		}
	}
	return inner
}

// words are every plate and every name.
func words(people []person) (all []string) {
	for _, p := range people {
		all = append(all, p.plate, p.driver)
	}
	return all
}

// listed shows the first few hits.
func listed(hits []hit) string {
	if len(hits) == 0 {
		return "nothing"
	}
	text := fmt.Sprintf("%d found:", len(hits))
	for i, h := range hits {
		if i == 3 {
			return text + " ..."
		}
		text += " " + h.String() + ";"
	}
	return strings.TrimSuffix(text, ";")
}
