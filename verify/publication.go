package verify

import (
	"fmt"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// publication says which explanation of which model an entry published, and by which verdict. That the verdict is by the model's auditor, and its
// limits those that were fixed before, follows from the policy set that the entry names: package policy decides that again (Publishable).
func (v *Verified) publication() []string {
	if v.Leaf.Act.Kind != tribune.ActPublish || !v.Leaf.Decision.Permit {
		return nil
	}
	p, err := protocol.DecodePublication(v.Leaf.Public)
	if err != nil {
		return []string{"What was published cannot be read: the entry is not in the one form."}
	}
	lines := []string{
		fmt.Sprintf("Model %s, SHA-256 %s, by the method %s.", id(string(p.Model)), p.ModelHash, id(p.Method)),
		fmt.Sprintf("The file: SHA-256 %s, %s, %s.", p.File, counted(p.Size, "byte", "bytes"), p.Type),
	}
	text, _ := protocol.SplitDocument(p.Verdict)
	verdict, err := protocol.ParseVerdictText(text)
	if err != nil {
		return append(lines, "Its verdict cannot be read.")
	}
	said := "failed"
	if verdict.Passed {
		said = "passed"
	}
	day := func(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) }
	return append(lines, fmt.Sprintf("Verdict (says of itself, signed by %s): %s, for the plan %s, from %s until %s.", list(protocol.SignerNames(p.Verdict), "nobody"), said, verdict.Plan, day(verdict.From), day(verdict.Until)),
		"It covers: "+strings.TrimSpace(list(verdict.Explanations, "nothing"))+".")
}
