package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/policy"
)

// Purposes and offices: why, and who.

type purposesData struct {
	lawView
	Entries []purposeShown
}

type purposeShown struct {
	policy.Purpose
	InForce []mandateShown
	Others  int
	Offices []tribune.OfficeID // that a mandate in force lets pursue it
	Uses    uint64
}

func (p *Portal) purposeShown(r *http.Request, v lawView, purpose policy.Purpose) purposeShown {
	e := purposeShown{Purpose: purpose, Uses: p.count(r.Context(), search{Purpose: string(purpose.ID)})}
	for _, m := range v.mandates(func(m tribune.Mandate) bool { return m.Purpose == purpose.ID }) {
		if !m.InForce {
			e.Others++
			continue
		}
		e.InForce = append(e.InForce, m)
		for _, o := range m.Offices {
			if !slices.Contains(e.Offices, o) {
				e.Offices = append(e.Offices, o)
			}
		}
	}
	return e
}

func (p *Portal) showPurposes(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	d := purposesData{lawView: v}
	for _, purpose := range v.Set.Purposes() {
		d.Entries = append(d.Entries, p.purposeShown(r, v, purpose))
	}
	return view{Name: "purposes", Title: wordsOf(r).T("Why data may be used"), Data: d}, nil
}

type purposeData struct {
	lawView
	purposeShown
	Carried []mandateShown
	Rules   []ruleLine
	Latest  []line
}

func (p *Portal) showPurpose(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	purpose, ok := v.Set.Purpose(tribune.PurposeID(r.PathValue("id")))
	if !ok {
		return view{}, noSuch("purpose", r.PathValue("id"))
	}
	d := purposeData{lawView: v, purposeShown: p.purposeShown(r, v, purpose), Carried: v.mandates(func(m tribune.Mandate) bool { return m.Purpose == purpose.ID })}
	d.Rules = v.rules(func(_ *policy.Rule, reach policy.Reach) bool { return slices.Contains(reach.Purposes, purpose.ID) })
	if d.Latest, err = p.latestOf(r, search{Purpose: string(purpose.ID)}); err != nil {
		return view{}, err
	}
	return view{Name: "purpose", Title: wordsOf(r).T(purpose.Title), Data: d}, nil
}

// latestOf are the newest few entries of a search.
func (p *Portal) latestOf(r *http.Request, s search) ([]line, error) {
	const few = 5
	n := p.naming(wordsOf(r))
	f, _, err := p.searchRecord(r.Context(), s, few, n)
	return n.lines(f.Entries), err
}

type officesData struct {
	lawView
	Entries []officeShown
}

type officeShown struct {
	policy.Office
	State string
	Last  time.Time
	Uses  uint64
}

func (p *Portal) officeShown(r *http.Request, v lawView, o policy.Office) officeShown {
	return officeShown{Office: o, State: state(v.Name.w, v.Now, time.Time{}, o.Until), Last: lastDay(o.Until), Uses: p.count(r.Context(), search{Office: string(o.ID)})}
}

func (p *Portal) showOffices(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	d := officesData{lawView: v}
	for _, o := range v.Set.Offices() {
		d.Entries = append(d.Entries, p.officeShown(r, v, o))
	}
	return view{Name: "offices", Title: wordsOf(r).T("Who may act"), Data: d}, nil
}

type officeData struct {
	lawView
	officeShown
	Carried []mandateShown
	Rules   []ruleLine
	Latest  []line
	Refused uint64
}

func (p *Portal) showOffice(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	o, ok := v.Set.Office(tribune.OfficeID(r.PathValue("id")))
	if !ok {
		return view{}, noSuch("office", r.PathValue("id"))
	}
	d := officeData{lawView: v, officeShown: p.officeShown(r, v, o), Refused: p.count(r.Context(), search{Office: string(o.ID), Outcome: "denied"})}
	d.Carried = v.mandates(func(m tribune.Mandate) bool { return slices.Contains(m.Offices, o.ID) })
	d.Rules = v.rules(func(rule *policy.Rule, reach policy.Reach) bool {
		return rule.Permit && policy.Covers(reach.Offices, o.ID)
	})
	if d.Latest, err = p.latestOf(r, search{Office: string(o.ID)}); err != nil {
		return view{}, err
	}
	return view{Name: "office", Title: wordsOf(r).T(o.Title), Data: d}, nil
}

// setData is a register for machines, with the policy set that it is a part of.
type setData struct {
	Set     tribune.Hash `json:"set"`
	Entries any          `json:"entries"`
}

func (p *Portal) purposeTable(r *http.Request) (any, [][]string, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return nil, nil, err
	}
	type row struct {
		ID          string   `json:"id"`
		Title       string   `json:"title"`
		Description string   `json:"description"`
		DPV         string   `json:"dpv"`
		Practices   []string `json:"practices"`
	}
	all, table := []row{}, [][]string{{"id", "title", "description", "dpv", "practices"}}
	for _, e := range v.Set.Purposes() {
		x := row{string(e.ID), e.Title, e.Description, string(e.DPV), ids(e.Practices)}
		all, table = append(all, x), append(table, []string{x.ID, x.Title, x.Description, x.DPV, strings.Join(x.Practices, " ")})
	}
	return setData{v.Hash, all}, table, nil
}

func (p *Portal) officeTable(r *http.Request) (any, [][]string, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return nil, nil, err
	}
	type row struct {
		ID              string    `json:"id"`
		Title           string    `json:"title"`
		Powers          []string  `json:"powers"`
		Until           time.Time `json:"until"` // exclusive
		ActsPerHour     int64     `json:"actsPerHour"`
		SubjectsPerHour int64     `json:"subjectsPerHour"`
	}
	all, table := []row{}, [][]string{{"id", "title", "powers", "until (exclusive)", "acts per hour", "subjects per hour"}}
	for _, e := range v.Set.Offices() {
		x := row{string(e.ID), e.Title, e.Powers, e.Until, e.Limits.Acts, e.Limits.Subjects}
		all = append(all, x)
		table = append(table, []string{x.ID, x.Title, strings.Join(x.Powers, "; "), x.Until.UTC().Format(time.RFC3339), strconv.FormatInt(x.ActsPerHour, 10), strconv.FormatInt(x.SubjectsPerHour, 10)})
	}
	return setData{v.Hash, all}, table, nil
}
