package protocol

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"tribune"
)

// QuarterOf is the quarter of a moment, counted from 0 = January to March 1970, UTC.
func QuarterOf(t time.Time) uint32 {
	t = t.UTC()
	return uint32((t.Year()-1970)*4 + (int(t.Month())-1)/3)
}

// Quarter writes a quarter as people do: 2027-Q1.
func Quarter(q uint32) string { return fmt.Sprintf("%04d-Q%d", 1970+q/4, q%4+1) }

// ParseQuarter reads what Quarter writes, and nothing else.
func ParseQuarter(s string) (uint32, error) {
	var year, q uint32
	if n, err := fmt.Sscanf(s, "%4d-Q%1d", &year, &q); n != 2 || err != nil || year < 1970 || q < 1 || q > 4 || Quarter((year-1970)*4+q-1) != s {
		return 0, fmt.Errorf("%w: %q is no quarter; want one like 2027-Q1", tribune.ErrInvalid, s)
	}
	return (year-1970)*4 + q - 1, nil
}

// QuarterEnd is the first moment after a quarter.
func QuarterEnd(q uint32) time.Time {
	return time.Date(1970+int(q/4), time.Month(q%4*3+4), 1, 0, 0, 0, 0, time.UTC)
}

// Extension is the public part of a leaf of kind extension: the hidden chain stays hidden until a later day. Who does not know the
// pseudonym learns from it that some chain is extended, and not whose.
type Extension struct {
	Chain tribune.Hash `json:"chain"` // HiddenChain
	Until string       `json:"until"` // like 2027-01-31: the chain opens to its subject when that day begins, UTC

	// Warrant is the signed mandate that allows it, and Salt opens its name of this chain (WarrantChain): anybody can check both against
	// the law, and neither names the person.
	Salt    []byte `json:"salt"`
	Warrant []byte `json:"warrant"`
}

// HiddenChain is SHA-256(L(chain) || ID) of an identity of kind 4.
func HiddenChain(city string, id tribune.Identity) tribune.Hash {
	return sha256.Sum256(append(Label("chain"), id.Bytes(city)...))
}

// DecodeExtension reads the public part of a leaf of kind extension.
func DecodeExtension(public json.RawMessage) (e Extension, until time.Time, err error) {
	if err := DecodeJCS(public, &e); err != nil {
		return e, until, fmt.Errorf("extension: %w", err)
	}
	if until, err = time.Parse(time.DateOnly, e.Until); err != nil || until.Format(time.DateOnly) != e.Until {
		return e, until, fmt.Errorf("%w: extension until %q, want a day like 2027-01-31", tribune.ErrInvalid, e.Until)
	}
	return e, until, nil
}

// TraceKeys is what a person keeps: their trace key and those of hidden chains, as points D (3, 15). With it their uses on record are found, and
// nothing is opened. Its JSON is the file of tribune trace.
type TraceKeys struct {
	City string    `json:"city"`
	Keys []KeptKey `json:"keys"`
}

// KeptKey is one key of TraceKeys.
type KeptKey struct {
	D        []byte           `json:"d"` // 48 bytes
	Identity tribune.Identity `json:"identity"`
}

// DecodeTraceKeys reads such a file.
func DecodeTraceKeys(data []byte) (TraceKeys, error) {
	var k TraceKeys
	if len(data) > MaxDocument {
		return k, fmt.Errorf("trace keys: %w", tribune.ErrTooLarge)
	}
	if err := json.Unmarshal(data, &k); err != nil {
		return k, fmt.Errorf("%w: trace keys: not the JSON of such a file", tribune.ErrInvalid) // without the error: it quotes
	}
	if len(k.Keys) == 0 || len(k.Keys) > 1+MaxQuarters {
		return k, fmt.Errorf("%w: %d trace keys", tribune.ErrInvalid, len(k.Keys))
	}
	for _, one := range k.Keys {
		if len(one.D) != 48 || one.Identity.Kind != tribune.IdentityTrace && one.Identity.Kind != tribune.IdentityHidden {
			return k, fmt.Errorf("%w: trace keys: a key is not of a trace or of a hidden chain", tribune.ErrInvalid)
		}
	}
	return k, nil
}
