package protocol

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"tribune"
)

// The vectors were computed by an independent implementation (Python's hmac, hashlib and struct).
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Tag []struct {
			Key string
			N   uint64
			Tag string
		}
		Erased     string
		TraceKey   struct{ D, Key string }
		Pseudonym  struct{ IDType, Y, Pseudonym string }
		Commitment struct{ Salt, Data, Com string }
		Identity   []struct {
			City     string
			Identity tribune.Identity
			Bytes    string
		}
		LeafHash struct{ Leaf, Hash string }
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	for _, c := range v.Tag {
		check("tag", UseTag(unhex(t, c.Key), c.N).String(), c.Tag)
	}
	check("erased tag", ErasedTag(unhex(t, v.Tag[0].Key), 1).String(), v.Erased)
	k, err := TraceKey(unhex(t, v.TraceKey.D))
	if err != nil {
		t.Fatal(err)
	}
	check("trace key", hex.EncodeToString(k), v.TraceKey.Key)
	check("pseudonym", PseudonymOf(v.Pseudonym.IDType, unhex(t, v.Pseudonym.Y)).String(), v.Pseudonym.Pseudonym)
	com, err := Commitment(unhex(t, v.Commitment.Salt), []byte(v.Commitment.Data))
	if err != nil {
		t.Fatal(err)
	}
	check("commitment", com.String(), v.Commitment.Com)
	for _, c := range v.Identity {
		check("identity", hex.EncodeToString(c.Identity.Bytes(c.City)), c.Bytes)
	}
	check("leaf hash", LeafHash([]byte(v.LeafHash.Leaf)).String(), v.LeafHash.Hash)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
