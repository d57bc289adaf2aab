package ibe

import (
	"bytes"
	"errors"
	"testing"

	"tribune"
)

func TestHeadersOpenUnderEitherKeyAndNoOther(t *testing.T) {
	d := deal("seal", 2, 4)
	m := d.master(t)
	dek, segment, day, other := testDEK(), []byte("segment"), []byte("day"), []byte("other")
	hs, err := m.Headers(dek, segment, day)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range [][]byte{segment, day} {
		if len(hs[i]) != HeaderSize {
			t.Errorf("header %d has %d bytes, want %d", i, len(hs[i]), HeaderSize)
		}
		got, err := m.OpenHeader(d.key(t, id), id, hs[i])
		if err != nil || !bytes.Equal(got, dek) {
			t.Errorf("header %d: got %x, %v, want %x", i, got, err, dek)
		}
		for _, wrong := range []struct {
			name    string
			key, id []byte
		}{
			{"another identity's key", d.key(t, other), id},
			{"another identity", d.key(t, id), other},
			{"the sibling's key", d.key(t, [][]byte{day, segment}[i]), id},
			{"the sibling's key and identity", d.key(t, [][]byte{day, segment}[i]), [][]byte{day, segment}[i]},
			{"one share instead of the key", d.parts(t, [][]byte{id}, 1)[0].Points[0], id},
		} {
			if got, err := m.OpenHeader(wrong.key, wrong.id, hs[i]); !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("header %d with %s: got %x, %v, want ErrInvalid", i, wrong.name, got, err)
			}
		}
	}
	if bytes.Equal(hs[0][1+G2Size:], hs[1][1+G2Size:]) {
		t.Error("two identities share a key encryption key")
	}
}

func TestHeaderOfAnotherCityKeyDoesNotOpen(t *testing.T) {
	a, b := deal("seal", 2, 4), deal("other", 2, 4)
	id := []byte("id")
	h, err := a.master(t).Header(id, testDEK())
	if err != nil {
		t.Fatal(err)
	}
	// PK is in the key derivation: even the right D does not open under another master key.
	if _, err := b.master(t).OpenHeader(a.key(t, id), id, h); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func TestEveryBitOfAHeaderCounts(t *testing.T) {
	d := deal("seal", 2, 4)
	m := d.master(t)
	id := []byte("id")
	key := d.key(t, id)
	h, err := m.Header(id, testDEK())
	if err != nil {
		t.Fatal(err)
	}
	for i := range h {
		for bit := range 8 {
			bad := bytes.Clone(h)
			bad[i] ^= 1 << bit
			if _, err := m.OpenHeader(key, id, bad); !errors.Is(err, tribune.ErrInvalid) {
				t.Fatalf("bit %d of byte %d flipped: got %v, want ErrInvalid", bit, i, err)
			}
		}
	}
	for _, bad := range [][]byte{nil, h[:len(h)-1], append(bytes.Clone(h), 0)} {
		if _, err := m.OpenHeader(key, id, bad); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("header of %d bytes: got %v, want ErrInvalid", len(bad), err)
		}
	}
}

func TestHeadersAreFresh(t *testing.T) {
	m := deal("seal", 2, 4).master(t)
	a, err := m.Header([]byte("id"), testDEK())
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Header([]byte("id"), testDEK())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a[1:1+G2Size], b[1:1+G2Size]) {
		t.Error("two headers share U: with a zero nonce that reuses a key encryption key")
	}
}

func TestOnlyKeysOf32BytesAreSealed(t *testing.T) {
	m := deal("seal", 2, 4).master(t)
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := m.Header([]byte("id"), make([]byte, n)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%d bytes: got %v, want ErrInvalid", n, err)
		}
	}
}

// MillerLoopFixedQ works in place on its lines: a shared copy would make the second header garbage, and a race.
func TestMasterIsSafeForConcurrentUse(t *testing.T) {
	d := deal("seal", 2, 4)
	m := d.master(t)
	id := []byte("id")
	key := d.key(t, id)
	err := each(16, func(int) error {
		h, err := m.Header(id, testDEK())
		if err != nil {
			return err
		}
		_, err = m.OpenHeader(key, id, h)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
