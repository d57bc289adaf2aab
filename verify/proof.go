package verify

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"tribune"
	"tribune/protocol"
)

// Bounds of a receipt.
const (
	MaxReceipt = 128 << 10 // a whole leaf in base64 (88 KiB), a proof, a checkpoint
	maxPath    = 63        // hashes of an inclusion proof
)

const proofHeader = "c2sp.org/tlog-proof@v1"

// Proof is a parsed C2SP tlog-proof, nothing in it verified yet. Its text is
//
//	c2sp.org/tlog-proof@v1
//	extra BASE64            the leaf itself, where the receipt is kept as a file
//	index N
//	HASH                    zero or more lines of base64, leaf to root
//
//	CHECKPOINT              a signed note, to the end
//
// The parser is our own because the one of transparency-dev/formats stops at lines of 64 KiB, which a large leaf exceeds,
// and lets several spellings of one proof pass.
type Proof struct {
	Index      uint64
	Hashes     []tribune.Hash
	Checkpoint []byte
	Extra      []byte // nil = no extra line
}

// Marshal writes the one spelling of p.
func (p Proof) Marshal() tribune.Receipt {
	var b bytes.Buffer
	b.Grow(128 + base64.StdEncoding.EncodedLen(len(p.Extra)) + 45*len(p.Hashes) + len(p.Checkpoint))
	b.WriteString(proofHeader + "\n")
	if p.Extra != nil {
		b.WriteString("extra ")
		b.WriteString(base64.StdEncoding.EncodeToString(p.Extra))
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "index %d\n", p.Index)
	for _, h := range p.Hashes {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof reads a tlog-proof in its one spelling: what Marshal writes, and nothing else.
func ParseProof(receipt []byte) (Proof, error) {
	var p Proof
	if len(receipt) > MaxReceipt {
		return p, fmt.Errorf("receipt of %d bytes, at most %d: %w", len(receipt), MaxReceipt, tribune.ErrTooLarge)
	}
	head, checkpoint, ok := strings.Cut(string(receipt), "\n\n")
	if !ok {
		return p, fmt.Errorf("%w: receipt: no empty line between proof and checkpoint", tribune.ErrInvalid)
	}
	lines := strings.Split(head, "\n")
	if lines[0] != proofHeader {
		return p, fmt.Errorf("%w: receipt: header is %q, want %q", tribune.ErrInvalid, clip(lines[0]), proofHeader)
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		extra, err := base64.StdEncoding.Strict().DecodeString(lines[0][len("extra "):])
		if err != nil || len(extra) > protocol.MaxLeaf {
			return p, fmt.Errorf("%w: receipt: extra line is not a leaf in canonical base64", tribune.ErrInvalid)
		}
		p.Extra = append([]byte{}, extra...)
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return p, fmt.Errorf("%w: receipt: index line is missing", tribune.ErrInvalid)
	}
	var err error
	if p.Index, err = parseDecimal(lines[0][len("index "):]); err != nil {
		return p, fmt.Errorf("%w: receipt: index: %w", tribune.ErrInvalid, err)
	}
	lines = lines[1:]
	if len(lines) > maxPath {
		return p, fmt.Errorf("%w: receipt: proof of %d hashes, at most %d", tribune.ErrInvalid, len(lines), maxPath)
	}
	for i, l := range lines {
		h, err := parseHash(l)
		if err != nil {
			return p, fmt.Errorf("%w: receipt: hash %d of the proof: %w", tribune.ErrInvalid, i+1, err)
		}
		p.Hashes = append(p.Hashes, h)
	}
	p.Checkpoint = []byte(checkpoint)
	if !bytes.Equal(p.Marshal(), receipt) {
		return p, fmt.Errorf("%w: receipt is not in canonical form", tribune.ErrInvalid)
	}
	return p, nil
}
