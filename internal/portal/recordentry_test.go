package portal

import (
	"context"
	"strings"
	"testing"

	"tribune"
	"tribune/protocol"
)

// An old entry must be explained by the law that decided it, not by the one that came after.
func TestEntryIsExplainedByTheLawThatDecidedIt(t *testing.T) {
	h := newChronicled(t)
	planned := leaf(tribune.ActRead, true)
	planned.Act.Office, planned.Act.Purpose, planned.Decision.Policies = "planner", "plan-city", []string{"planner-studies-sessions"}
	i := h.put(t, now, h.first, planned)
	h.rec.leaves[2], h.rec.leaves[i] = h.rec.leaves[i], h.rec.leaves[2]
	p := newPortal(t, h.Config)
	link := "/registers/policies/planner-studies-sessions?set=" + h.first.Hash().String()
	has(t, get(p, "/record/entries/2").Body.String(), link, "City planner", "A planner may study when and where vehicles parked")
	then, today := get(p, link).Body.String(), get(p, "/registers/policies/planner-studies-sessions").Body.String()
	has(t, then, "context.windowDays &lt;= 31", "This is how it stood in an older law")
	has(t, today, "context.windowDays &lt;= 62", "@because")
	if strings.Contains(today, "older law") || strings.Contains(then, "&lt;= 62") {
		t.Error("old and present law are mixed")
	}
}

func TestForgedStatementOfAGuardianIsMarked(t *testing.T) {
	h := newChronicled(t)
	all := h.Releases
	h.Releases = func(ctx context.Context, i uint64) ([]protocol.Statement, error) {
		out, err := all(ctx, i)
		forged := out[0]
		forged.Guardian = "university.example"
		other := out[0]
		other.Leaf[0] ^= 1
		return append(out, forged, other), err
	}
	body := get(newPortal(t, h.Config), "/record/entries/2").Body.String()
	if ok, bad := strings.Count(body, "fits the guardian’s published key"), strings.Count(body, "does not fit, or the key is not known"); ok != 2 || bad != 2 {
		t.Errorf("%d statements fit and %d do not; want 2 and 2", ok, bad)
	}
}

func TestStatementsThatCannotBeHadAreNoStatements(t *testing.T) {
	h := newChronicled(t)
	h.Releases = func(context.Context, uint64) ([]protocol.Statement, error) { return nil, tribune.ErrBusy }
	body := get(newPortal(t, h.Config), "/record/entries/2").Body.String()
	has(t, body, "cannot be shown right now")
	if strings.Contains(body, "nothing was opened") {
		t.Error("an error is told as if nothing had been released")
	}
}

func TestCheckpointPageBelievesNoSignatureItHasNotChecked(t *testing.T) {
	h := newChronicled(t)
	body := get(newPortal(t, h.Config), "/record/checkpoint").Body.String()
	has(t, body, "<strong>3 of 4; 3 are needed</strong>", "not this one", "Any 3 of them can stop an opening")
	signed := h.Config.Record.(signedRecord)
	for name, change := range map[string]string{"size": "\n11\n", "root": "AAAA"} {
		altered := signedRecord{signed.fakeRecord, []byte(strings.Replace(string(signed.note), change, strings.Replace(change, change[1:2], "9", 1), 1))}
		if string(altered.note) == string(signed.note) {
			t.Fatalf("%s: nothing was altered", name)
		}
		h.Config.Record = altered
		body := get(newPortal(t, h.Config), "/record/checkpoint").Body.String()
		has(t, body, "does not verify with the published keys")
		if strings.Contains(body, "ombudsman.example</th>") {
			t.Errorf("%s: guardians are shown as co-signers of an altered checkpoint", name)
		}
	}
	h.Trust = func() ([]byte, error) { return nil, tribune.ErrNotFound }
	has(t, get(newPortal(t, h.Config), "/record/checkpoint").Body.String(), "no published keys to check the checkpoint with")
}
