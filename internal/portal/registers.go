package portal

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/policy"
)

// registerRoutes: every register is a page, a table (.csv) and data (.json). Pages of single entries can be seen as they
// stood in an older law: ?set=HASH.
func (p *Portal) registerRoutes() {
	p.page("GET /registers", p.showRegisters)
	p.page("GET /registers/purposes", p.showPurposes)
	p.page("GET /registers/purposes/{id}", p.showPurpose)
	p.page("GET /registers/mandates", p.showMandates)
	p.page("GET /registers/mandates/{id}", p.showMandate)
	p.page("GET /investigations", p.showInvestigations)
	p.page("GET /vital", p.showVital)
	p.modelRoutes()
	p.page("GET /registers/offices", p.showOffices)
	p.page("GET /registers/offices/{id}", p.showOffice)
	p.page("GET /registers/classes", p.showClasses)
	p.page("GET /registers/classes/{id}", p.showClass)
	p.page("GET /registers/policies", p.showPolicies)
	p.page("GET /registers/policies/{id}", p.showPolicy)
	p.lawRoutes()
	p.page("GET /registers/law", p.showLaw)
	p.page("GET /registers/law/{hash}", p.showSet)
	p.page("GET /registers/law/{hash}/changes", p.showChanges)
	for name, table := range map[string]func(*http.Request) (any, [][]string, error){
		"purposes": p.purposeTable, "mandates": p.mandateTable, "offices": p.officeTable, "classes": p.classTable, "policies": p.policyTable, "law": p.lawTable, "sensors": p.sensorTable,
	} {
		p.data("GET /registers/"+name+".json", func(w http.ResponseWriter, r *http.Request) error {
			all, _, err := table(r)
			if err == nil {
				writeJSON(w, all, false)
			}
			return err
		})
		p.data("GET /registers/"+name+".csv", func(w http.ResponseWriter, r *http.Request) error {
			_, rows, err := table(r)
			if err == nil {
				err = writeCSV(w, name, rows)
			}
			return err
		})
	}
	p.sensorRoutes()
}

// maxSets bounds the policy sets that are kept parsed: a set may be 8 MB, but is some 20 KB.
const maxSets = 32

// shelf keeps policy sets that have been loaded: loading one checks the signature of every file.
type shelf struct {
	mu   sync.Mutex // guards sets
	sets map[tribune.Hash]*policy.Set
}

// setOf is a set by its hash, nil where this hub never had it.
func (p *Portal) setOf(hash tribune.Hash) *policy.Set {
	if p.cfg.Law == nil || hash == (tribune.Hash{}) {
		return nil
	}
	if now := p.cfg.Law.Set(); now != nil && now.Hash() == hash {
		return now
	}
	if o := p.lawState().Proposal; o != nil && o.Set.Hash() == hash {
		return o.Set
	}
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	if set := p.shelf.sets[hash]; set != nil {
		return set
	}
	set, err := p.cfg.Law.Load(hash)
	if err != nil {
		return nil
	}
	if p.shelf.sets == nil || len(p.shelf.sets) >= maxSets {
		p.shelf.sets = map[tribune.Hash]*policy.Set{}
	}
	p.shelf.sets[hash] = set
	return set
}

// lawView is the law that a page shows: the one in force, or the one asked for.
type lawView struct {
	Set      *policy.Set
	Hash     tribune.Hash
	Old      bool // not the one in force
	Now      time.Time
	Name     naming
	Mandates []tribune.Mandate // as they are now: they are no part of a set
}

func (p *Portal) lawOf(r *http.Request) (v lawView, err error) {
	if p.cfg.Law == nil || p.cfg.Law.Set() == nil {
		return v, fmt.Errorf("%w: this hub has no law yet", tribune.ErrNotFound)
	}
	v = lawView{Set: p.cfg.Law.Set(), Now: p.cfg.Now(), Name: p.naming(wordsOf(r)), Mandates: p.cfg.Law.Mandates()}
	if asked := r.URL.Query().Get("set"); asked != "" {
		if err := v.Hash.UnmarshalText([]byte(asked)); err != nil {
			return v, fmt.Errorf("policy set: %w", err)
		}
		old := p.setOf(v.Hash)
		if old == nil {
			return v, tribune.Hint(fmt.Errorf("%w: this hub never had that policy set", tribune.ErrNotFound), "The page of the law over time lists the sets.")
		}
		v.Old, v.Set = old.Hash() != v.Set.Hash(), old
		v.Name = v.Name.in(old)
	}
	v.Hash = v.Set.Hash()
	return v, nil
}

// lastDay is the last moment before an exclusive end, for showing the day.
func lastDay(until time.Time) time.Time {
	if until.IsZero() {
		return until
	}
	return until.Add(-time.Second)
}

// state of something that begins and ends.
func state(w *words, now, from, until time.Time) string {
	switch {
	case !until.IsZero() && !now.Before(until):
		return w.T("ended")
	case now.Before(from):
		return w.T("not yet in force")
	}
	return w.T("in force")
}

// mandateShown is a mandate with what the pages say about it.
type mandateShown struct {
	tribune.Mandate
	State   string
	InForce bool
	Last    time.Time
}

func (v lawView) mandate(m tribune.Mandate) mandateShown {
	return mandateShown{Mandate: m, State: state(v.Name.w, v.Now, m.From, m.Until), InForce: !v.Now.Before(m.From) && v.Now.Before(m.Until), Last: lastDay(m.Until)}
}

// mandates are those that fit, those in force first, then the newest.
func (v lawView) mandates(fit func(tribune.Mandate) bool) []mandateShown {
	out := []mandateShown{}
	for _, m := range v.Mandates {
		if fit(m) {
			out = append(out, v.mandate(m))
		}
	}
	slices.SortStableFunc(out, func(a, b mandateShown) int {
		if a.InForce != b.InForce {
			if a.InForce {
				return -1
			}
			return 1
		}
		if c := b.Until.Compare(a.Until); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	return out
}

// ruleLine is a policy with what the pages say about it.
type ruleLine struct {
	*policy.Rule
	Reach  policy.Reach
	Lapsed bool
	Last   time.Time
}

func (v lawView) rules(fit func(*policy.Rule, policy.Reach) bool) []ruleLine {
	out := []ruleLine{}
	for _, rule := range v.Set.Rules() {
		reach := rule.Reach()
		if fit(rule, reach) {
			out = append(out, ruleLine{Rule: rule, Reach: reach, Lapsed: rule.Permit && !v.Now.Before(rule.Until), Last: lastDay(rule.Until)})
		}
	}
	return out
}

// reader is one way by which personal data of a class can be opened: an office, for a purpose, by a mandate, as a policy
// permits.
type reader struct {
	Office  tribune.OfficeID
	Who     string
	Purpose tribune.PurposeID
	Why     string
	Mandate mandateShown
	Policy  string
	Because string
}

// readers of a class, and with kind standing who may be told of its data as they arrive: every combination that policies and mandates in force now leave open. Conditions of a policy may narrow it
// further; none widens it.
func (v lawView) readers(class tribune.ClassID, kind tribune.ActKind) (out []reader) {
	rules := v.rules(func(rule *policy.Rule, reach policy.Reach) bool {
		return rule.Permit && policy.Covers(reach.Kinds, kind) && policy.Covers(reach.Classes, class)
	})
	for _, m := range v.mandates(func(m tribune.Mandate) bool { return slices.Contains(m.Classes, class) }) {
		if !m.InForce {
			continue
		}
		for _, rule := range rules {
			if rule.Lapsed || !policy.Covers(rule.Reach.Purposes, m.Purpose) {
				continue
			}
			for _, office := range m.Offices {
				if policy.Covers(rule.Reach.Offices, office) {
					out = append(out, reader{
						Office: office, Who: v.Name.office(string(office)), Purpose: m.Purpose, Why: v.Name.purpose(string(m.Purpose)), Mandate: m, Policy: rule.ID, Because: rule.Because,
					})
				}
			}
		}
	}
	return out
}

// registersData is the list of registers.
type registersData struct {
	lawView
	Law                                                  bool
	Sensors                                              int
	Devices                                              bool
	Purposes, MandatesIn, MandatesAll, Offices, Policies int
	Classes, Personal                                    int
	Sets                                                 int
}

func (p *Portal) showRegisters(r *http.Request) (view, error) {
	d := registersData{Devices: p.cfg.Devices != nil}
	if p.cfg.Devices != nil {
		d.Sensors = len(p.cfg.Devices.List())
	}
	if v, err := p.lawOf(r); err == nil {
		d.lawView, d.Law = v, true
		d.Purposes, d.Offices, d.Policies, d.Classes = len(v.Set.Purposes()), len(v.Set.Offices()), len(v.Set.Rules()), len(v.Set.Classes())
		d.MandatesAll = len(v.Mandates)
		for _, m := range v.Mandates {
			if v.mandate(m).InForce {
				d.MandatesIn++
			}
		}
		for _, c := range v.Set.Classes() {
			if c.Personal {
				d.Personal++
			}
		}
	}
	versions, err := p.versions(r.Context())
	if err != nil {
		return view{}, err
	}
	d.Sets = len(versions)
	return view{Name: "registers", Title: wordsOf(r).T("Registers"), Data: d}, nil
}

// entryID is the id of the path, shortened for an error.
func noSuch(what, id string) error {
	return fmt.Errorf("%w: %s %q is not in the register", tribune.ErrNotFound, what, clipText(id, 80))
}

// texts of ids, for CSV and JSON.
func ids[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
