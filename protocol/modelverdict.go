package protocol

import (
	"fmt"
	"slices"
	"time"

	"tribune"
)

// MaxModelVerdict bounds the public verdict on a model's explanations in bytes: it is evidence of an act.
const MaxModelVerdict = 16 << 10

const maxVerdictExplanations = 64

// ModelVerdict is the public part of an audit of what a model's explanations give away. An auditor signs its JCS as a document (Sign); the act that
// publishes an explanation carries it as evidence. It says nothing about single groups.
type ModelVerdict struct {
	Version      int                `json:"version"`
	Program      string             `json:"program"`
	Model        tribune.Hash       `json:"model"`
	Explanations []string           `json:"explanations"` // methods with their defences, as they may be published
	Plan         tribune.Hash       `json:"plan"`         // the limits, fixed before the run
	Verdict      tribune.Hash       `json:"verdict"`      // SHA-256 of the whole verdict, which stays with the auditor
	Passed       bool               `json:"passed"`
	Worst        map[string]float64 `json:"worst"` // measure -> upper end of the interval of the group it is worst for, rounded up to hundredths
	From         int64              `json:"from"`  // seconds of UTC
	Until        int64              `json:"until"`
}

// DecodeModelVerdict reads the one canonical spelling.
func DecodeModelVerdict(b []byte) (ModelVerdict, error) {
	var v ModelVerdict
	if len(b) > MaxModelVerdict {
		return v, fmt.Errorf("%w: a model's verdict of %d bytes, at most %d", tribune.ErrTooLarge, len(b), MaxModelVerdict)
	}
	if err := DecodeJCS(b, &v); err != nil {
		return v, fmt.Errorf("reading a model's verdict: %w", err)
	}
	if v.Version != 1 || len(v.Explanations) == 0 || len(v.Explanations) > maxVerdictExplanations || v.From <= 0 || v.Until <= v.From {
		return v, fmt.Errorf("%w: a model's verdict of version %d about %d explanations, from %d until %d", tribune.ErrInvalid, v.Version, len(v.Explanations), v.From, v.Until)
	}
	return v, nil
}

// Covers says whether the verdict lets this explanation of this model be published at that time.
func (v ModelVerdict) Covers(model tribune.Hash, explanation string, at time.Time) bool {
	return v.Passed && v.Model == model && slices.Contains(v.Explanations, explanation) && at.Unix() >= v.From && at.Unix() < v.Until
}
