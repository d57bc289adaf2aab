package policy

import (
	"strings"
	"testing"
)

// Evidence is parsed before its signature is known to be good: a hub that was taken over could else keep guardians' processors
// busy with small documents.
func TestDeeplyNestedEvidenceIsRefusedAtOnce(t *testing.T) {
	for _, text := range []string{strings.Repeat("{a=", MaxEvidence/3), strings.Repeat("[", MaxEvidence)} {
		_, mandate := MandateText("mandate", "id = "+text)
		_, appointment := AppointmentText("appointment", "key = "+text)
		for _, bad := range []Problems{mandate, appointment} {
			if len(bad) != 1 || !strings.Contains(bad.Error(), "nest deeper") {
				t.Errorf("%.10s...: %v; it was parsed, which takes minutes for larger ones", text, bad)
			}
		}
	}
}
