package portal

import (
	"errors"
	"strings"
	"testing"

	"tribune"
)

const outsideList = `[[outside]]
title = "Housing files"
office = "Housing office"
what = "names and incomes of applicants"
why = "Housing Act 1996"
where = "on paper, and in the housing system"
contact = "housing@birmingham.example"
until = 2027-12-31
`

func TestLimitsSayWhoseWordTheyAre(t *testing.T) {
	cfg := newChronicled(t).Config
	has(t, get(newPortal(t, cfg), "/limits").Body.String(), "2 of the 4 guardians act together", "The city has not published such a list", "Whoever controls the running hub reads what arrives")
	list, err := ReadOutside(outsideList)
	check(t, err)
	cfg.Outside = func() []Outside { return list }
	has(t, get(newPortal(t, cfg), "/limits").Body.String(), "Reported by the city, not enforced", "Housing files", "31 December 2027")
	cfg.Outside = func() []Outside { return nil }
	has(t, get(newPortal(t, cfg), "/limits").Body.String(), "The city’s list is empty")
	has(t, get(newPortal(t, cfg), "/de/limits").Body.String(), "Die Liste der Stadt ist leer")
}

func TestListOfWhatIsDoneOutsideIsReadStrictly(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`why = "Housing Act 1996"`, ``, "why is missing"},
		{`until = 2027-12-31`, ``, "until is missing"},
		{`title =`, `titel =`, "means nothing here"},
		{`"Housing files"`, `"` + strings.Repeat("x", maxOutsideText+1) + `"`, "title is missing or longer"},
		{`[[outside]]`, `[[outside]`, "list of what is done outside"},
	} {
		if _, err := ReadOutside(strings.Replace(outsideList, c.old, c.new, 1)); err == nil || !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.new, err, c.want)
		}
	}
	if _, err := ReadOutside(strings.Repeat(outsideList, maxOutside+1)); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("a long list: %v", err)
	}
}

func FuzzReadOutside(f *testing.F) {
	f.Add(outsideList)
	f.Add("outside = 1")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadOutside(text)
		for _, o := range list {
			if err == nil && (o.Title == "" || o.Until.IsZero()) {
				t.Fatalf("%+v was taken", o)
			}
		}
	})
}
