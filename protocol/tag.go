package protocol

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"

	"tribune"
)

// TraceKeySize is the size of a trace key in bytes.
const TraceKeySize = 32

// TraceKey is k = HKDF-SHA256(D(trace ID), no salt, info L(tracekey)); d is the compressed G1 point, 48 bytes (15).
func TraceKey(d []byte) ([]byte, error) {
	k, err := hkdf.Key(sha256.New, d, nil, string(Label("tracekey")), TraceKeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving trace key: %w", err)
	}
	return k, nil
}

// UseTag is HMAC-SHA256(k, L(tag) || n u64)[:16], the tag of a subject's n-th use, n = 1, 2, ... (16).
func UseTag(k []byte, n uint64) tribune.Tag { return tag(k, "tag", n) }

// ErasedTag is HMAC-SHA256(k, L(erased) || m u64)[:16], the tag of a subject's m-th erasure, m = 1, 2, ... (32).
func ErasedTag(k []byte, m uint64) tribune.Tag { return tag(k, "erased", m) }

func tag(k []byte, label string, n uint64) tribune.Tag {
	h := hmac.New(sha256.New, k)
	h.Write(binary.BigEndian.AppendUint64(Label(label), n))
	return tribune.Tag(h.Sum(nil)[:16])
}

// PseudonymOf is p = SHA-256(L(name) || lp(idtype) || y)[:16]; y is the compressed unblinded NAME output, 48 bytes (5).
func PseudonymOf(idtype string, y []byte) tribune.Pseudonym {
	h := sha256.Sum256(append(AppendLP(Label("name"), []byte(idtype)), y...))
	return tribune.Pseudonym(h[:16])
}

// NameInput is what is hashed to the curve and blinded for the NAME evaluation:
// L(nameinput) || lp(city) || lp(idtype) || lp(NormalName(idtype, name)).
func NameInput(city, idtype, name string) []byte {
	b := AppendLP(Label("nameinput"), []byte(city))
	b = AppendLP(b, []byte(idtype))
	return AppendLP(b, []byte(NormalName(idtype, name)))
}

// NormalName is the one spelling of a name under which a subject is known: of a plate, its letters in upper case and its
// digits and nothing else, so that "ab12 cde" and "AB12CDE" are one vehicle; of every other idtype the name as it is.
func NormalName(idtype, name string) string {
	if idtype != "plate" {
		return name
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, name)
}
