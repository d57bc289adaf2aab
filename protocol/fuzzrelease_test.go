package protocol

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"testing"

	"tribune"
)

// Whatever comes as a box of shares: it opens to what was sealed for this leaf and epoch, or not at all.
func FuzzOpenShares(f *testing.F) {
	r, err := NewRecipient()
	if err != nil {
		f.Fatal(err)
	}
	leaf, shares := LeafHash([]byte("leaf")), bytes.Repeat([]byte{7}, 96)
	box, err := SealShares(r.Public(), leaf, 1, shares)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(box, uint32(1), leaf[:])
	f.Add(box, uint32(2), leaf[:])
	f.Add(box[:31], uint32(1), leaf[:])
	f.Add([]byte{}, uint32(1), []byte{})
	f.Add(append(bytes.Clone(box), 0), uint32(1), leaf[:])
	f.Fuzz(func(t *testing.T, b []byte, epoch uint32, l []byte) {
		var of tribune.Hash
		copy(of[:], l)
		got, err := r.OpenShares(b, of, epoch)
		if err == nil && (!bytes.Equal(b, box) || epoch != 1 || of != leaf || !bytes.Equal(got, shares)) {
			t.Errorf("opened %x for epoch %d", b, epoch)
		}
	})
}

// An answer of a guardian that nobody has signed is no answer, whatever it says.
func FuzzAnswer(f *testing.F) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	st := &Statement{Guardian: "court.example", Leaf: LeafHash([]byte("leaf")), Epoch: 1, Time: 1_800_000_000}
	st.Sign(key)
	no := &Refusal{Guardian: "court.example", Leaf: st.Leaf, Reason: "the act is of the future", Time: 1_800_000_000}
	no.Sign(key)
	for _, a := range []Answer{{Box: []byte("box"), Statement: st}, {Refusal: no}, {}} {
		raw, err := json.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"refusal":{"reason":"` + string(bytes.Repeat([]byte("x"), 1<<16)) + `"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a Answer
		if json.Unmarshal(raw, &a) != nil {
			return
		}
		if s := a.Statement; s != nil && s.Verify(public) == nil && !(s.Guardian == st.Guardian && s.Leaf == st.Leaf && s.IDs == st.IDs && s.Epoch == st.Epoch && s.Time == st.Time) {
			t.Errorf("a statement that nobody signed verifies: %+v", s)
		}
		if r := a.Refusal; r != nil && r.Verify(public) == nil && !(r.Guardian == no.Guardian && r.Leaf == no.Leaf && r.Reason == no.Reason && r.Veto == no.Veto && r.Time == no.Time) {
			t.Errorf("a refusal that nobody signed verifies: %+v", r)
		}
	})
}

// The header that names a body's digest is read before anything is known of who sends it.
func FuzzContentDigest(f *testing.F) {
	f.Add(ContentDigest([]byte("body")))
	f.Add("sha-256=::")
	f.Add("sha-512=:AAAA:")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		if digest, err := ParseContentDigest(header); err == nil {
			if again, err := ParseContentDigest(header); err != nil || again != digest {
				t.Errorf("%q is read in two ways", header)
			}
		}
	})
}
