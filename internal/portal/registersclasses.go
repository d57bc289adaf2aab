package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/policy"
)

// Mandates and classes: by which law, and what.

type mandatesData struct {
	lawView
	Entries []mandateShown
	InForce int
}

func (p *Portal) showMandates(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	d := mandatesData{lawView: v, Entries: v.mandates(func(tribune.Mandate) bool { return true })}
	for _, m := range d.Entries {
		if m.InForce {
			d.InForce++
		}
	}
	return view{Name: "mandates", Title: wordsOf(r).T("By which law"), Data: d}, nil
}

type mandateData struct {
	lawView
	mandateShown
	Max     int
	Uses    uint64
	Warrant *warrantShown // nil = it is none
	Latest  []line
}

func (p *Portal) showMandate(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	id := tribune.MandateID(r.PathValue("id"))
	all := v.mandates(func(m tribune.Mandate) bool { return m.ID == id })
	if len(all) == 0 {
		return view{}, noSuch("mandate", string(id))
	}
	d := mandateData{lawView: v, mandateShown: all[0], Max: max(1, all[0].MaxSubjects), Uses: p.count(r.Context(), search{Mandate: string(id)})}
	if warrant, ok := p.warrantOf(r, d.mandateShown); ok {
		d.Warrant = &warrant
	}
	if d.Latest, err = p.latestOf(r, search{Mandate: string(id)}); err != nil {
		return view{}, err
	}
	return view{Name: "mandate", Title: wordsOf(r).T(d.Basis), Data: d}, nil
}

func (p *Portal) mandateTable(r *http.Request) (any, [][]string, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return nil, nil, err
	}
	type row struct {
		ID          string    `json:"id"`
		Purpose     string    `json:"purpose"`
		Issuer      string    `json:"issuer"`
		Basis       string    `json:"basis"`
		Offices     []string  `json:"offices"`
		Classes     []string  `json:"classes"`
		MaxSubjects int       `json:"maxSubjects"`
		From        time.Time `json:"from"`
		Until       time.Time `json:"until"` // exclusive
	}
	all, table := []row{}, [][]string{{"id", "purpose", "issuer", "basis", "offices", "classes", "subjects per act", "from", "until (exclusive)"}}
	for _, m := range v.mandates(func(tribune.Mandate) bool { return true }) {
		x := row{string(m.ID), string(m.Purpose), m.Issuer, m.Basis, ids(m.Offices), ids(m.Classes), max(1, m.MaxSubjects), m.From, m.Until}
		all = append(all, x)
		table = append(table, []string{
			x.ID, x.Purpose, x.Issuer, x.Basis, strings.Join(x.Offices, " "), strings.Join(x.Classes, " "), strconv.Itoa(x.MaxSubjects), x.From.UTC().Format(time.RFC3339), x.Until.UTC().Format(time.RFC3339),
		})
	}
	return map[string]any{"entries": all}, table, nil
}

type classesData struct {
	lawView
	Entries []classShown
}

type classShown struct {
	policy.ClassEntry
	Days    int // kept; 0 = without an end
	Readers []reader
	Told    []reader // of new data, as they arrive
	LookUps []lookUpShown
	NamedBy string // what kind of name says whose data they are, in words
}

// lookUpShown is a sealed attribute that can be looked up by its value, and for what.
type lookUpShown struct {
	Attr     string // in words
	Purposes []tribune.PurposeID
}

func (v lawView) class(c policy.ClassEntry) classShown {
	e := classShown{ClassEntry: c, Days: int(c.Keep / (24 * time.Hour)), NamedBy: nameType(v.Name.w, c.SubjectType)}
	if c.Personal {
		e.Readers, e.Told = v.readers(c.ID, tribune.ActRead), v.readers(c.ID, tribune.ActStanding)
		for _, q := range c.Equality {
			e.LookUps = append(e.LookUps, lookUpShown{v.Name.w.attribute(shortName(q.Attr)), q.Purposes})
		}
	}
	return e
}

// Distinct names the offices that may read, once each.
func (c classShown) Distinct() (out []reader) {
	for _, r := range c.Readers {
		if !slices.ContainsFunc(out, func(o reader) bool { return o.Office == r.Office }) {
			out = append(out, r)
		}
	}
	return out
}

// classes are those of the register, then what none of them describes.
func (v lawView) classes() (out []classShown) {
	for _, c := range v.Set.Classes() {
		out = append(out, v.class(c))
	}
	rest, _ := v.Set.Class(tribune.ClassUnclassified)
	return append(out, v.class(policy.ClassEntry{Class: rest}))
}

func (p *Portal) showClasses(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	return view{Name: "classes", Title: wordsOf(r).T("Classes of data"), Data: classesData{lawView: v, Entries: v.classes()}}, nil
}

type classData struct {
	lawView
	classShown
	Carried []mandateShown
	Rules   []ruleLine
	Devices []*device.Device
	Unknown bool // the class of what no class describes
}

func (p *Portal) showClass(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	id := tribune.ClassID(r.PathValue("id"))
	all := v.classes()
	i := slices.IndexFunc(all, func(c classShown) bool { return c.ID == id })
	if i < 0 {
		return view{}, noSuch("class", string(id))
	}
	d := classData{lawView: v, classShown: all[i], Unknown: id == tribune.ClassUnclassified}
	if d.Personal {
		d.Carried = v.mandates(func(m tribune.Mandate) bool { return slices.Contains(m.Classes, id) })
		d.Rules = v.rules(func(rule *policy.Rule, reach policy.Reach) bool {
			return rule.Permit && policy.Covers(reach.Kinds, tribune.ActRead) && policy.Covers(reach.Classes, id)
		})
	}
	if p.cfg.Devices != nil {
		for _, one := range p.cfg.Devices.List() {
			if slices.ContainsFunc(one.Senses, func(s device.Sense) bool {
				return v.Set.ClassOf([]tribune.Name{s.Type}, s.Attribute).ID == id
			}) {
				d.Devices = append(d.Devices, one)
			}
		}
	}
	return view{Name: "class", Title: wordsOf(r).T(d.Title), Data: d}, nil
}

func (p *Portal) classTable(r *http.Request) (any, [][]string, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return nil, nil, err
	}
	type row struct {
		ID          string   `json:"id"`
		Title       string   `json:"title"`
		Types       []string `json:"types"`
		Attrs       []string `json:"attrs"`
		Personal    bool     `json:"personal"`
		Subject     string   `json:"subject,omitempty"`
		SubjectType string   `json:"subjectType,omitempty"`
		KeepDays    int      `json:"keepDays,omitempty"`
		Categories  []string `json:"categories"`

		LookUps []string `json:"lookUps,omitempty"` // attribute, space, purpose
	}
	all, table := []row{}, [][]string{{"id", "title", "personal", "kept for days", "subject", "kind of name", "types", "attributes", "categories", "can be looked up by, for"}}
	for _, c := range v.classes() {
		x := row{string(c.ID), c.Title, ids(c.Types), ids(c.Attrs), c.Personal, string(c.Subject), c.SubjectType, c.Days, ids(c.Categories), nil}
		for _, q := range c.Equality {
			for _, p := range q.Purposes {
				x.LookUps = append(x.LookUps, string(q.Attr)+" "+string(p))
			}
		}
		all = append(all, x)
		table = append(table, []string{
			x.ID, x.Title, strconv.FormatBool(x.Personal), strconv.Itoa(x.KeepDays), x.Subject, x.SubjectType, strings.Join(x.Types, " "), strings.Join(x.Attrs, " "), strings.Join(x.Categories, " "), strings.Join(x.LookUps, "; "),
		})
	}
	return setData{v.Hash, all}, table, nil
}
