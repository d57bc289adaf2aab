package policy_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/policy"
)

// ownData is a person's act about themselves, with an appointment bound by the line subject.
func (d *demo) ownData(t *testing.T, subject string) (tribune.Act, tribune.Evidence) {
	act, _ := d.lookup()
	act.Caller = tribune.Caller{Actor: "person-1", Office: "data-subject", Purpose: "subject-access", Mandate: "subject-access-2026"}
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	doc := sign(t, fmt.Sprintf("actor = \"person-1\"\noffice = \"data-subject\"\nkey = %q\n%sfrom = %s\nuntil = %s\n", key, subject,
		now.AddDate(0, 0, -1).Format(time.DateOnly), now.AddDate(0, 0, 30).Format(time.DateOnly)), d.council)
	return act, tribune.Evidence{Mandate: d.mandates["subject-access-2026"], Appointment: doc}
}

func TestOwnDataAreReadByNobodyElse(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	me, other := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	bound := fmt.Sprintf("subject = %q\n", me)
	for _, c := range []struct {
		name, subject string
		touched       []tribune.Pseudonym
		count         int
		permit        bool
	}{
		{"before anybody is named", bound, nil, 1, true},
		{"oneself", bound, []tribune.Pseudonym{me}, 1, true},
		{"somebody else", bound, []tribune.Pseudonym{other}, 1, false},
		{"somebody else besides", bound, []tribune.Pseudonym{me, other}, 2, false},
		{"an appointment that is bound to nobody", "", []tribune.Pseudonym{me}, 1, false},
	} {
		act, evidence := d.ownData(t, c.subject)
		act.Scope.Subjects, act.Count = c.touched, c.count
		if got := set.Decide(act, evidence); got.Permit != c.permit || !got.Permit && len(got.Missing) == 0 {
			t.Errorf("%s: permit %v, missing %q", c.name, got.Permit, got.Missing)
		}
	}
}

// Whom a decision is about stands in its words, which no policy reads: it never passes for a decision about oneself.
func TestActThatTouchesNobodyIsNotOnesOwn(t *testing.T) {
	d := newDemo(t)
	d.files["policies/object.cedar"] = sign(t, `@id("person-decides")
@because("A person may decide about their own data.")
@until("2099-12-31")
permit (principal == Office::"data-subject", action == Action::"decide", resource)
when { context.own };
`, d.steward)
	set := load(t, d.files, d.trust)
	act, evidence := d.ownData(t, fmt.Sprintf("subject = %q\n", tribune.Pseudonym{1}))
	act.Kind, act.Count, act.Scope = tribune.ActDecide, 0, tribune.Scope{}
	if got := set.Decide(act, evidence); got.Permit {
		t.Errorf("a decision that names nobody is permitted as one's own, by %q", got.Policies)
	}
}

func TestAppointmentBoundToAnUnusableSubjectIsRefused(t *testing.T) {
	for _, subject := range []string{"", "AB12CDE", strings.Repeat("A", 32), strings.Repeat("0", 31)} {
		text := fmt.Sprintf("actor = \"a\"\noffice = \"data-subject\"\nkey = %q\nsubject = %q\nfrom = 2026-01-01\nuntil = 2026-12-31\n", base64.StdEncoding.EncodeToString(make([]byte, 32)), subject)
		a, bad := policy.AppointmentText("appointment", text)
		if len(bad) == 0 {
			t.Errorf("subject %q is taken, as %v", subject, a.Subject)
		}
	}
}
