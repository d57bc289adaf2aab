package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"tribune"
)

// MaxCheckpoint bounds a checkpoint in bytes: three lines and at most maxWitnesses+1 signatures.
const MaxCheckpoint = 16 << 10

// Checkpoint is a verified signed tree head.
type Checkpoint struct {
	Origin       string
	Size         uint64
	Root         tribune.Hash
	Cosignatures []Cosignature // in the order of their lines
	Note         []byte        // the signed note itself
}

// Cosignature is one guardian's word that it holds the log up to a checkpoint and saw it only grow.
type Cosignature struct {
	Name string
	Time time.Time // whole seconds, UTC
}

// Checkpoint verifies a published checkpoint: OpenCheckpoint and Quorum.
func (t *Trust) Checkpoint(msg []byte) (*Checkpoint, error) {
	c, err := t.OpenCheckpoint(msg)
	if err != nil {
		return nil, err
	}
	return c, t.Quorum(c)
}

// OpenCheckpoint verifies the log's signature and every co-signature on a checkpoint, however few they are. It refuses
// lines by unknown keys, although the signed-note format would have them ignored: bytes that nobody vouches for could be
// altered unseen.
func (t *Trust) OpenCheckpoint(msg []byte) (*Checkpoint, error) {
	if len(msg) > MaxCheckpoint {
		return nil, fmt.Errorf("checkpoint of %d bytes, at most %d: %w", len(msg), MaxCheckpoint, tribune.ErrTooLarge)
	}
	// The text comes first: its errors are plainer than "the signature does not fit".
	c, err := t.parseTreeHead(msg)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	n, err := note.Open(msg, t.known)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", noteError(err))
	}
	if len(n.UnverifiedSigs) > 0 {
		s := n.UnverifiedSigs[0]
		return nil, fmt.Errorf("%w: checkpoint: signature line by a key that is not trusted: %s+%08x", tribune.ErrInvalid, s.Name, s.Hash)
	}
	again := n.Text + "\n"
	signed := false
	for _, s := range n.Sigs {
		// Standard base64 lets the last character vary; the strict decoder does not.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, fmt.Errorf("%w: checkpoint: signature of %s is not in canonical base64", tribune.ErrInvalid, s.Name)
		}
		again += "\u2014 " + s.Name + " " + s.Base64 + "\n"
		if s.Name == t.log.Name() && s.Hash == t.log.KeyHash() {
			signed = true
			continue
		}
		at, err := fnote.CoSigV1Timestamp(s)
		if err != nil {
			return nil, fmt.Errorf("%w: checkpoint: co-signature of %s: %w", tribune.ErrInvalid, s.Name, err)
		}
		c.Cosignatures = append(c.Cosignatures, Cosignature{Name: s.Name, Time: at.UTC()})
	}
	if !signed {
		return nil, fmt.Errorf("%w: checkpoint: the log %s has not signed it", tribune.ErrInvalid, t.Origin())
	}
	if again != string(msg) {
		return nil, fmt.Errorf("%w: checkpoint: signature lines are repeated or not in canonical form", tribune.ErrInvalid)
	}
	c.Note = bytes.Clone(msg)
	return c, nil
}

// Quorum checks that enough guardians have co-signed c.
func (t *Trust) Quorum(c *Checkpoint) error {
	signed := map[string]bool{}
	for _, s := range c.Cosignatures {
		signed[s.Name] = true
	}
	if t.quorum.satisfied(signed) {
		return nil
	}
	var have, lack []string
	for _, g := range t.guardians {
		if signed[g.name] {
			have = append(have, g.name)
		} else {
			lack = append(lack, g.name)
		}
	}
	return fmt.Errorf("%w: checkpoint of size %d: %d of %d guardians have co-signed (%s); missing for quorum %q: %s", tribune.ErrNoQuorum,
		c.Size, len(have), len(t.guardians), orNone(have), t.quorum.alias, orNone(lack))
}

// parseTreeHead reads the three signed lines: origin, size, root. Extension lines are refused: this log has none.
func (t *Trust) parseTreeHead(msg []byte) (*Checkpoint, error) {
	text, _, ok := strings.Cut(string(msg), "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) != 3 {
		return nil, fmt.Errorf("%w: want three lines (origin, size, root), an empty line and signatures", tribune.ErrInvalid)
	}
	if lines[0] != t.Origin() {
		return nil, fmt.Errorf("%w: origin is %q, want %q", tribune.ErrInvalid, lines[0], t.Origin())
	}
	size, err := parseDecimal(lines[1])
	if err != nil {
		return nil, fmt.Errorf("%w: size: %w", tribune.ErrInvalid, err)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return nil, fmt.Errorf("%w: root: %w", tribune.ErrInvalid, err)
	}
	if size == 0 && root != emptyRoot() {
		return nil, fmt.Errorf("%w: root of an empty log is not the empty hash", tribune.ErrInvalid)
	}
	return &Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

func noteError(err error) error {
	var unverified *note.UnverifiedNoteError
	var wrong *note.InvalidSignatureError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%w: signature of %s does not fit", tribune.ErrInvalid, wrong.Name)
	case errors.As(err, &unverified):
		return fmt.Errorf("%w: no trusted key has signed it", tribune.ErrInvalid)
	}
	return fmt.Errorf("%w: signatures: %w", tribune.ErrInvalid, err)
}

// LeafTime is the t-th smallest co-signature time of the receipt's checkpoint: at least one honest guardian among t says
// the leaf was on record by then. Where fewer than t have signed it is 1970-01-01, before anything that may be opened.
func LeafTime(v *Verified, t int) time.Time {
	times := make([]time.Time, 0, len(v.Checkpoint.Cosignatures))
	for _, s := range v.Checkpoint.Cosignatures {
		times = append(times, s.Time)
	}
	if t < 1 || t > len(times) {
		return time.Unix(0, 0).UTC()
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[t-1]
}

func emptyRoot() tribune.Hash { return tribune.Hash(rfc6962.DefaultHasher.EmptyRoot()) }

// parseDecimal reads a number in its one spelling: no sign, no leading zero.
func parseDecimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63) // signed 64 bits are what other tools can hold
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%q is not a decimal number in its shortest form", clip(s))
	}
	return n, nil
}

// parseHash reads 32 bytes of base64 in its one spelling.
func parseHash(s string) (h tribune.Hash, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(h) || len(s) != base64.StdEncoding.EncodedLen(len(h)) {
		return h, fmt.Errorf("%q is not %d bytes in canonical base64", clip(s), len(h))
	}
	return tribune.Hash(raw), nil
}

// clip keeps hostile input from filling an error.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
