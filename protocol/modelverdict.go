package protocol

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"tribune"
)

// MaxModelVerdict bounds the public verdict on a model's explanations in bytes: it is evidence of an act.
const MaxModelVerdict = 16 << 10

const (
	maxVerdictExplanations = 64
	maxProgram             = 256
	lastSecond             = 253402300799 // of the year 9999
)

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
	return v, v.check()
}

// check holds a verdict against its shape. It is shown to everybody: it has no place for words, and none for figures that would tell about few people.
func (v ModelVerdict) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: a model's verdict "+format, append([]any{tribune.ErrInvalid}, args...)...)
	}
	switch {
	case v.Version != 1:
		return bad("of version %d, want 1", v.Version)
	case len(v.Explanations) == 0 || len(v.Explanations) > maxVerdictExplanations:
		return bad("about %d explanations; give 1 to %d", len(v.Explanations), maxVerdictExplanations)
	case v.From <= 0 || v.Until <= v.From || v.Until > lastSecond:
		return bad("from %d until %d", v.From, v.Until)
	case !plainWord(v.Program, maxProgram):
		return bad("by a program whose name is not at most %d plain characters", maxProgram)
	}
	for i, e := range v.Explanations {
		if e == "" || !plainWord(e, maxMethod) || slices.Contains(v.Explanations[:i], e) {
			return bad("about an explanation whose name comes twice, is empty, or is not at most %d plain characters", maxMethod)
		}
	}
	for measure, most := range v.Worst {
		if !slices.Contains([]string{"tpr@0.1%", "tpr@1%", "auc", "beyond-auc"}, measure) || !(most >= -1 && most <= 1) || most != math.Round(most*100)/100 {
			return bad("whose figures are not hundredths of the four measures")
		}
	}
	return nil
}

// plainWord wants printable ASCII.
func plainWord(s string, most int) bool {
	return len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) })
}
