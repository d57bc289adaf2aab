package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"tribune"
)

// What a worker says: frames of a kind byte, a length (uint32, big endian) and a body, in the order Protections, Data..., Done or Refusal, end of file.
const (
	kindProtections = 'P' // 1 byte
	kindData        = 'D' // 1..maxFrame bytes of the answer
	kindDone        = 'Z' // empty: the answer is whole
	kindRefusal     = 'E' // a sentinel's byte, the length of the text (uint16), the text, the hint

	maxFrame = 1 << 20
	maxText  = 2000 // bytes of an error's text and of its hint
)

// errBroken: the worker ended or left the grammar before its answer was whole.
var errBroken = errors.New("the reader broke off")

// sentinels are the errors that keep their meaning on the way out of a worker; others arrive as ErrInvalid.
func sentinels() []error {
	return []error{tribune.ErrInvalid, tribune.ErrTooLarge, tribune.ErrUnsupported}
}

// frames writes a worker's answer. Its Write is what a Job gets.
type frames struct {
	to   io.Writer
	left int64 // bytes that the answer may still have
}

func (f *frames) Write(p []byte) (n int, err error) {
	if int64(len(p)) > f.left {
		return 0, fmt.Errorf("the answer is longer than allowed: %w", tribune.ErrTooLarge)
	}
	f.left -= int64(len(p))
	for len(p) > 0 {
		part := p[:min(len(p), maxFrame)]
		if err := f.frame(kindData, part); err != nil {
			return n, err
		}
		n, p = n+len(part), p[len(part):]
	}
	return n, nil
}

func (f *frames) frame(kind byte, body []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)))
	_, err := f.to.Write(append(head, body...))
	return err
}

func (f *frames) refuse(err error) error {
	code := byte(0)
	for i, s := range sentinels() {
		if errors.Is(err, s) {
			code = byte(i)
		}
	}
	text, hint := printable(err.Error()), printable(tribune.HintOf(err))
	body := binary.BigEndian.AppendUint16([]byte{code}, uint16(len(text)))
	return f.frame(kindRefusal, append(append(body, text...), hint...))
}

// answer reads what a worker says, and believes none of it.
type answer struct {
	from io.Reader
	left int64
}

func newAnswer(from io.Reader, limit int64) *answer { return &answer{from: from, left: limit} }

func (a *answer) protections() (Protections, error) {
	kind, body, err := a.next()
	if err != nil {
		return 0, err
	}
	if kind == kindRefusal {
		return 0, refusal(body)
	}
	if kind != kindProtections || len(body) != 1 {
		return 0, fmt.Errorf("%w: it did not say how it is protected", errBroken)
	}
	return Protections(body[0]), nil
}

func (a *answer) rest() (data []byte, err error) {
	for {
		kind, body, err := a.next()
		switch {
		case err != nil:
			return nil, err
		case kind == kindData && len(body) > 0:
			if a.left -= int64(len(body)); a.left < 0 {
				return nil, fmt.Errorf("%w: its answer is longer than allowed", errBroken)
			}
			data = append(data, body...)
		case kind == kindRefusal:
			return nil, refusal(body)
		case kind == kindDone && len(body) == 0:
			if _, err := io.ReadFull(a.from, make([]byte, 1)); err != io.EOF {
				return nil, fmt.Errorf("%w: it went on after its end", errBroken)
			}
			return data, nil
		default:
			return nil, fmt.Errorf("%w: frame %q of %d bytes", errBroken, kind, len(body))
		}
	}
}

func (a *answer) next() (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(a.from, head[:]); err != nil {
		return 0, nil, fmt.Errorf("%w before its end: %w", errBroken, err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", errBroken, n)
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(a.from, body); err != nil {
		return 0, nil, fmt.Errorf("%w within a frame: %w", errBroken, err)
	}
	return head[0], body, nil
}

// refusal is the error that a job ended with. Its text quotes hostile documents: it is made printable here, whatever the child did.
func refusal(body []byte) error {
	if len(body) < 3 {
		return fmt.Errorf("%w: a refusal without text", errBroken)
	}
	known, n := sentinels(), int(binary.BigEndian.Uint16(body[1:]))
	if int(body[0]) >= len(known) || n > len(body)-3 || len(body) > 3+2*maxText {
		return fmt.Errorf("%w: a refusal that is none", errBroken)
	}
	sentinel, text, hint := known[body[0]], printable(string(body[3:3+n])), printable(string(body[3+n:]))
	var err error = &told{text: text, kind: sentinel}
	if hint != "" {
		err = tribune.Hint(err, "%s", hint)
	}
	return err
}

// told is a job's own error, with its text as it was and the sentinel it wrapped.
type told struct {
	text string
	kind error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.kind }

// printable cuts s to maxText bytes and replaces what could play tricks on a terminal or in a log.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len("...")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
