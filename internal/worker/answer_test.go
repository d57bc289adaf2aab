package worker

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tribune"
)

func said(build func(*frames)) []byte {
	var b bytes.Buffer
	build(&frames{to: &b, left: 1 << 20})
	return b.Bytes()
}

// The child may be in the hands of the document: what it says is believed only when every byte fits.
func TestAnswerGrammar(t *testing.T) {
	hello := func(f *frames) { f.frame(kindProtections, []byte{7}) }
	good := said(func(f *frames) { hello(f); f.Write([]byte("ab")); f.Write([]byte("c")); f.frame(kindDone, nil) })
	for _, c := range []struct {
		name string
		in   []byte
		want string // of the answer; "" = broken
	}{
		{"whole", good, "abc"},
		{"cut", good[:len(good)-1], ""},
		{"goes on", append(bytes.Clone(good), 0), ""},
		{"no end", said(func(f *frames) { hello(f); f.Write([]byte("abc")) }), ""},
		{"no protections", said(func(f *frames) { f.Write([]byte("abc")); f.frame(kindDone, nil) }), ""},
		{"empty data", said(func(f *frames) { hello(f); f.frame(kindData, nil); f.frame(kindDone, nil) }), ""},
		{"body of the end", said(func(f *frames) { hello(f); f.frame(kindDone, []byte("x")) }), ""},
		{"unknown kind", said(func(f *frames) { hello(f); f.frame('X', nil) }), ""},
		{"frame too long", append(said(hello), kindData, 0xff, 0xff, 0xff, 0xff), ""},
		{"more than allowed", said(func(f *frames) { hello(f); f.Write(make([]byte, 11)); f.frame(kindDone, nil) }), ""},
		{"refusal of no kind", said(func(f *frames) { hello(f); f.frame(kindRefusal, []byte{9, 0, 0}) }), ""},
		{"refusal longer than itself", said(func(f *frames) { hello(f); f.frame(kindRefusal, []byte{0, 0, 9, 'x'}) }), ""},
	} {
		got, err := whole(c.in, 10)
		if string(got) != c.want || (c.want == "") != errors.Is(err, errBroken) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func whole(in []byte, limit int64) ([]byte, error) {
	a := newAnswer(bytes.NewReader(in), limit)
	if _, err := a.protections(); err != nil {
		return nil, err
	}
	return a.rest()
}

func TestLongErrorsAreCutAtARune(t *testing.T) {
	in := said(func(f *frames) {
		f.frame(kindProtections, []byte{1})
		f.refuse(fmt.Errorf("%s: %w", strings.Repeat("ä", 5000), tribune.ErrTooLarge))
	})
	_, err := whole(in, 10)
	if !errors.Is(err, tribune.ErrTooLarge) || len(err.Error()) > maxText || strings.ContainsRune(err.Error(), '?') {
		t.Errorf("%d bytes: %v", len(err.Error()), err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(said(func(f *frames) { f.frame(kindProtections, []byte{7}); f.Write([]byte("abc")); f.frame(kindDone, nil) }))
	f.Add(said(func(f *frames) { f.frame(kindProtections, []byte{7}); f.refuse(tribune.ErrInvalid) }))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := whole(in, 100)
		if err == nil && len(got) > 100 {
			t.Errorf("%d bytes of 100", len(got))
		}
		if err != nil && !errors.Is(err, errBroken) && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("unprintable: %q", err)
		}
	})
}
