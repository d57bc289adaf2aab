package rights

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a clock must not depend on what the machine has installed

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

//go:embed rights.toml
var shipped string

const maxRules = 256 << 10 // bytes of rights.toml

// Period is the clock of one kind of case.
type Period struct {
	Kind   Kind   `toml:"kind"`
	Months int    `toml:"months"`
	Extend int    `toml:"extend"` // by so many months more, once; 0 = not
	Basis  string `toml:"basis"`
}

// Place is somebody whom a person can write to.
type Place struct {
	Name    string `toml:"name" json:"name"`
	Address string `toml:"address" json:"address"`
	URL     string `toml:"url" json:"url,omitempty"`
	Contact string `toml:"contact" json:"contact,omitempty"`
}

// Ask is one thing that people are asked to consent to.
type Ask struct {
	Purpose   tribune.PurposeID `toml:"purpose"`
	Class     tribune.ClassID   `toml:"class"`
	Recipient tribune.OfficeID  `toml:"recipient"`
	Months    int               `toml:"months"`
}

// Rules are the clocks, as rights.toml says them.
type Rules struct {
	Jurisdiction     string
	Keep             time.Duration
	RemindDays       int
	Answers          string            // the power to answer cases
	Explains         string            // the power to explain a use
	Purpose          tribune.PurposeID // of the acts of answering
	Periods          []Period
	Controller       Place
	Authority, Court Place
	Except           []tribune.PurposeID // purposes that a restriction does not stop
	Asks             []Ask
	Breach           []Deadline // of telling about a breach

	zone     *time.Location
	holidays map[string]bool
	last     string // the last holiday listed
}

type rulesTOML struct {
	Zone         string   `toml:"zone"`
	Jurisdiction string   `toml:"jurisdiction"`
	Holidays     []string `toml:"holidays"`
	KeepDays     int      `toml:"keep_days"`
	RemindDays   int      `toml:"remind_days"`
	Power        struct {
		Answers  string            `toml:"answers"`
		Explains string            `toml:"explains"`
		Purpose  tribune.PurposeID `toml:"purpose"`
	} `toml:"power"`
	Period      []Period `toml:"period"`
	Controller  Place    `toml:"controller"`
	Authority   Place    `toml:"authority"`
	Court       Place    `toml:"court"`
	Restriction struct {
		Except []tribune.PurposeID `toml:"except"`
	} `toml:"restriction"`
	Ask    []Ask      `toml:"ask"`
	Breach []Deadline `toml:"breach"`
}

// ReadRules reads a city's own file, or the one that is shipped where there is none.
func ReadRules(path string) (*Rules, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ParseRules(shipped)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the clocks of people's rights: %w", err)
	}
	r, err := ParseRules(string(data))
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("rights.toml: %w", err), "docs/rights.md says what stands in it. Without the file the shipped one counts.")
	}
	return r, nil
}

var registered = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// ParseRules reads the text of rights.toml strictly.
func ParseRules(text string) (*Rules, error) {
	bad := func(format string, args ...any) (*Rules, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{tribune.ErrInvalid}, args...)...)
	}
	if len(text) > maxRules {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", tribune.ErrTooLarge, len(text), maxRules)
	}
	var f rulesTOML
	md, err := toml.Decode(text, &f)
	if err != nil {
		return bad("%v", err)
	}
	if extra := md.Undecoded(); len(extra) > 0 {
		return bad("%q means nothing here", extra[0].String())
	}
	zone, err := time.LoadLocation(f.Zone)
	if err != nil || f.Zone == "" || f.Zone == "Local" {
		return bad("%q is no time zone", f.Zone)
	}
	r := &Rules{
		Jurisdiction: f.Jurisdiction, Keep: time.Duration(f.KeepDays) * 24 * time.Hour, RemindDays: f.RemindDays, Answers: f.Power.Answers, Explains: f.Power.Explains, Purpose: f.Power.Purpose,
		Periods: f.Period, Controller: f.Controller, Authority: f.Authority, Court: f.Court, Except: f.Restriction.Except, Asks: f.Ask, Breach: f.Breach,
		zone: zone, holidays: map[string]bool{},
	}
	for _, day := range f.Holidays {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return bad("the holiday %q is no day like 2026-12-25", day)
		}
		r.holidays[day], r.last = true, max(r.last, day)
	}
	switch {
	case f.KeepDays < 1 || f.KeepDays > 36_500 || f.RemindDays < 0 || f.RemindDays > 31:
		return bad("keep_days is 1 to 36500, remind_days 0 to 31")
	case r.Answers == "" || r.Explains == "" || !registered.MatchString(string(r.Purpose)):
		return bad("[power] names the power to answer, the power to explain, and the purpose of answering")
	case r.Authority.Name == "" || r.Court.Name == "":
		return bad("every refusal must name an authority and a court")
	}
	for _, k := range Kinds() {
		i := slices.IndexFunc(r.Periods, func(p Period) bool { return p.Kind == k })
		if i < 0 {
			return bad("there is no period for %s", k)
		}
		if p := r.Periods[i]; p.Months < 1 || p.Months > 12 || p.Extend < 0 || p.Extend > 12 || p.Basis == "" {
			return bad("the period for %s has no sound length, or no basis", k)
		}
	}
	if len(r.Periods) != len(Kinds()) {
		return bad("a period is there twice, or for no kind of case")
	}
	known := map[string]bool{"": true}
	for i, d := range r.Breach {
		if !registered.MatchString(d.ID) || known[d.ID] || !known[d.After] || d.Law == "" || d.To == "" || d.Hours < 0 || d.Hours > 10_000 || d.Months < 0 || d.Months > 60 || d.Hours > 0 && d.Months > 0 || len(r.Breach) > 50 {
			return bad("deadline %d of a breach needs an id of its own, a law, whom it is to, hours or months, and nothing after it that comes later in the file", i+1)
		}
		known[d.ID] = true
	}
	for i, a := range r.Asks {
		if !registered.MatchString(string(a.Purpose)) || !registered.MatchString(string(a.Class)) || !registered.MatchString(string(a.Recipient)) || a.Months < 1 || a.Months > 12 {
			return bad("question %d names no purpose, class and recipient, or is not for 1 to 12 months", i+1)
		}
	}
	return r, nil
}

// Period is the clock of a kind of case.
func (r *Rules) Period(k Kind) (Period, bool) {
	if i := slices.IndexFunc(r.Periods, func(p Period) bool { return p.Kind == k }); i >= 0 {
		return r.Periods[i], true
	}
	return Period{}, false
}

// Zone is the city's time zone; days of clocks end there.
func (r *Rules) Zone() *time.Location { return r.zone }

// HolidaysUntil is the last day for which holidays are listed, "" = none are.
func (r *Rules) HolidaysUntil() string { return r.last }

// OfficeFor is the office that must answer a case: for a question why, the office of the use, if it may explain; else the first in the
// register that may answer. ErrUnsupported: nobody may.
func (r *Rules) OfficeFor(offices []policy.Office, kind Kind, of tribune.OfficeID, now time.Time) (tribune.OfficeID, error) {
	may := func(o policy.Office, power string) bool {
		return slices.Contains(o.Powers, power) && now.Before(o.Until)
	}
	if kind == Why {
		for _, o := range offices {
			if o.ID == of && (may(o, r.Explains) || may(o, r.Answers)) {
				return o.ID, nil
			}
		}
	}
	for _, o := range offices {
		if may(o, r.Answers) {
			return o.ID, nil
		}
	}
	return "", tribune.Hint(fmt.Errorf("%w: no office in the register has the power to %s", tribune.ErrUnsupported, r.Answers), "Write to the city; the authority is %s, %s.", r.Authority.Name, r.Authority.URL)
}

// Until is when a consent asked for now ends.
func (a Ask) Until(now time.Time) time.Time {
	end := sameDate(now.Year(), now.Month(), now.Day(), a.Months, time.UTC)
	if limit := now.Add(protocol.MaxConsentFor); end.After(limit) {
		return limit
	}
	return end
}

// sound reports why a text that somebody wrote cannot be kept.
func sound(what, text string, required bool) error {
	if required && strings.TrimSpace(text) == "" {
		return fmt.Errorf("%w: %s is missing", tribune.ErrInvalid, what)
	}
	if len(text) > MaxText {
		return tribune.Hint(fmt.Errorf("%w: %s has %d bytes", tribune.ErrTooLarge, what, len(text)), "At most %d.", MaxText)
	}
	for _, c := range text {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == '\uFFFD' || c == 0x7f {
			return fmt.Errorf("%w: %s holds what is no text", tribune.ErrInvalid, what)
		}
	}
	return nil
}
