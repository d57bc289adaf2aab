package senml

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Major types of CBOR (RFC 8949, 3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

const (
	indefinite = 31   // additional information of an item without a length
	breakCode  = 0xff // ends it
)

var errCBOR = errors.New("not well-formed CBOR")

// cborReader reads items one after the other.
type cborReader struct {
	b  []byte
	at int
}

// head reads the head of an item: its major type, its additional information and its argument.
func (r *cborReader) head() (major, info byte, arg uint64, err error) {
	if r.at >= len(r.b) {
		return 0, 0, 0, errCBOR
	}
	major, info = r.b[r.at]>>5, r.b[r.at]&31
	r.at++
	size := 0
	switch {
	case info < 24:
		return major, info, uint64(info), nil
	case info < 28:
		size = 1 << (info - 24)
	case info == indefinite && major != majorUint && major != majorNegative && major != majorTag:
		return major, info, 0, nil
	default:
		return 0, 0, 0, errCBOR
	}
	if len(r.b)-r.at < size {
		return 0, 0, 0, errCBOR
	}
	var wide [8]byte
	copy(wide[8-size:], r.b[r.at:r.at+size])
	r.at += size
	return major, info, binary.BigEndian.Uint64(wide[:]), nil
}

// bytes are the next n bytes.
func (r *cborReader) bytes(n uint64) ([]byte, error) {
	if n > uint64(len(r.b)-r.at) {
		return nil, errCBOR
	}
	r.at += int(n)
	return r.b[r.at-int(n) : r.at], nil
}

// more reports whether another item of an array or map follows; n counts down where the length is definite.
func (r *cborReader) more(info byte, n *uint64) bool {
	if info != indefinite {
		if *n == 0 {
			return false
		}
		*n--
		return true
	}
	if r.at < len(r.b) && r.b[r.at] == breakCode {
		r.at++
		return false
	}
	return true
}

// ParseCBOR reads a pack in CBOR.
func (p *Pack) ParseCBOR(body []byte) error {
	p.reset()
	r := &cborReader{b: body}
	major, info, n, err := r.head()
	if err != nil || major != majorArray {
		return &Error{0, "not a CBOR array"}
	}
	for r.more(info, &n) {
		if err := p.room(); err != nil {
			return err
		}
		if err := p.cborRecord(r); err != nil {
			return p.fail(err)
		}
	}
	switch {
	case r.at != len(body):
		return &Error{0, "bytes after the pack"}
	case len(p.Records) == 0:
		return &Error{0, "no records"}
	}
	return nil
}

func (p *Pack) cborRecord(r *cborReader) error {
	major, info, n, err := r.head()
	if err != nil || major != majorMap {
		return errors.New("not a CBOR map")
	}
	var f fields
	for r.more(info, &n) {
		bit, err := p.cborLabel(r)
		if err != nil {
			return err
		}
		if bit == 0 {
			if err := r.skip(0); err != nil {
				return err
			}
			continue
		}
		if err := f.take(bit); err != nil {
			return err
		}
		if err := p.cborField(&f, bit, r); err != nil {
			return err
		}
	}
	return p.resolve(&f)
}

// Fields by their CBOR label: from 0 up, and from -1 down (table 4).
var (
	labels     = [...]uint32{fieldName, fieldUnit, fieldValue, fieldText, fieldBool, fieldSum, fieldTime, fieldUpdate, fieldData}
	baseLabels = [...]uint32{fieldVersion, fieldBaseName, fieldBaseTime, fieldBaseUnit, fieldBaseValue, fieldBaseSum}
)

// cborLabel reads a label: 0 is a field to be ignored. Texts are extensions only: what has a number is not spelled.
func (p *Pack) cborLabel(r *cborReader) (uint32, error) {
	major, info, n, err := r.head()
	switch {
	case err != nil:
		return 0, err
	case major == majorUint && n < uint64(len(labels)):
		return labels[n], nil
	case major == majorNegative && n < uint64(len(baseLabels)):
		return baseLabels[n], nil
	case major == majorText && info != indefinite:
		text, err := r.bytes(n)
		if err != nil || !utf8.Valid(text) {
			return 0, errCBOR
		}
		if bitOf(text) != 0 || len(text) > 0 && text[len(text)-1] == '_' {
			return 0, errUnknown
		}
		return 0, nil
	}
	return 0, errUnknown
}

func (p *Pack) cborField(f *fields, bit uint32, r *cborReader) error {
	if bit&^(fieldName|fieldUnit|fieldBaseName|fieldBaseUnit|fieldText|fieldBool|fieldData) != 0 {
		return p.cborNumber(f, bit, r)
	}
	major, info, n, err := r.head()
	if err != nil {
		return err
	}
	if bit == fieldBool {
		if major != majorSimple || info != 20 && info != 21 {
			return errType
		}
		f.kind, f.json = Bool, p.keep(strconv.AppendBool(nil, info == 21))
		return nil
	}
	want := byte(majorText)
	if bit == fieldData {
		want = majorBytes
	}
	if major != want || info == indefinite {
		return errType
	}
	b, err := r.bytes(n)
	if err != nil {
		return err
	}
	switch {
	case bit == fieldData:
		f.kind, f.json = Data, p.quote(base64.RawURLEncoding.AppendEncode(nil, b))
	case !utf8.Valid(b):
		return errCBOR
	case bit == fieldText:
		f.kind, f.json = Text, p.quote(b)
	default:
		p.setText(f, bit, p.keep(b))
	}
	return nil
}

// quote appends valid UTF-8 as a JSON string.
func (p *Pack) quote(text []byte) []byte {
	n := len(p.arena)
	arena, err := jsontext.AppendQuote(p.arena, text)
	if err != nil {
		panic("senml: quoting valid text: " + err.Error()) // it was checked
	}
	p.arena = arena
	return p.arena[n:len(p.arena):len(p.arena)]
}

// skip goes past one item.
func (r *cborReader) skip(depth int) error {
	if depth > maxDepth {
		return errCBOR
	}
	major, info, n, err := r.head()
	if err != nil {
		return err
	}
	switch major {
	case majorBytes, majorText:
		if info == indefinite {
			return errCBOR
		}
		b, err := r.bytes(n)
		if err == nil && major == majorText && !utf8.Valid(b) {
			err = errCBOR
		}
		return err
	case majorArray, majorMap:
		for r.more(info, &n) {
			if err := r.skip(depth + 1); err != nil {
				return err
			}
			if major == majorMap {
				if err := r.skip(depth + 1); err != nil {
					return err
				}
			}
		}
	case majorTag:
		return r.skip(depth + 1)
	case majorSimple:
		if info == indefinite || info == 24 && n < 32 {
			return errCBOR
		}
	}
	return nil
}
