package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// Evidence is what an incident rests on, for somebody who trusts neither the city nor the watcher: Check holds it against a trust
// file of their own. Which fields count depends on Kind. Seen is the watcher's word, and marked as such in what Check answers.
type Evidence struct {
	Version     int                 `json:"version"`
	ID          string              `json:"id"`
	Kind        Kind                `json:"kind"`
	Text        string              `json:"text"`
	At          time.Time           `json:"at"`
	Checkpoints []Seen              `json:"checkpoints,omitempty"`
	Consistency *consistency        `json:"consistency,omitempty"` // of the largest checkpoint
	Receipts    []string            `json:"receipts,omitempty"`    // C2SP tlog-proof with the leaf
	Leaves      []uint64            `json:"leaves,omitempty"`      // places in the record, where receipts would be too many
	Law         map[string][]byte   `json:"law,omitempty"`         // the policy set's signed files
	Pins        *policy.Trust       `json:"pins,omitempty"`        // by which the watcher read the law
	Mandate     []byte              `json:"mandate,omitempty"`     // the signed document
	Statement   *protocol.Statement `json:"statement,omitempty"`
	Other       *protocol.Statement `json:"other,omitempty"`
	Entries     [][]byte            `json:"entries,omitempty"` // what a guardian served instead of the leaves
}

// Seen is a checkpoint and where it was shown.
type Seen struct {
	From string    `json:"from"`
	At   time.Time `json:"at"`
	Note string    `json:"note"`
}

// Bounds of an evidence file, which comes from anybody.
const (
	maxEvidence = 32 << 20
	maxReceipts = 64
)

// ReadEvidence reads an evidence file.
func ReadEvidence(r io.Reader) (*Evidence, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxEvidence+1))
	if err != nil {
		return nil, fmt.Errorf("reading the evidence: %w", err)
	}
	if len(raw) > maxEvidence {
		return nil, fmt.Errorf("reading the evidence: %w: more than %d bytes", tribune.ErrTooLarge, maxEvidence)
	}
	return parseEvidence(raw)
}

func parseEvidence(raw []byte) (*Evidence, error) {
	var e Evidence
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return nil, fmt.Errorf("%w: the evidence cannot be read: %w", tribune.ErrInvalid, err)
	}
	if e.Version != 1 || len(e.Checkpoints) > maxReceipts || len(e.Receipts) > maxReceipts {
		return nil, fmt.Errorf("%w: the evidence has version %d, %d checkpoints and %d receipts; want version 1 and at most %d", tribune.ErrInvalid, e.Version, len(e.Checkpoints), len(e.Receipts), maxReceipts)
	}
	return &e, nil
}

// EvidenceFile is where a folder keeps the evidence of an incident.
func EvidenceFile(dir, id string) string { return filepath.Join(dir, "evidence", id+".json") }
