package portal

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// version is a policy set as the record names it.
type version struct {
	Number  int // from 1, in the order of the record
	Hash    tribune.Hash
	Index   uint64 // of the first entry that names it
	At      time.Time
	Again   int // further entries that name it
	Approvs int // signatures of guardians that came with it
	Set     *policy.Set
	Used    usage // entries decided by it; Count 0 = none
	InForce bool
	Before  *tribune.Hash // the set before it
	Change  string        // "first" | "tightens" | "loosens" | "unknown"
	Fate    string        // "announced" | "ended" (withdrawn or overtaken before it took effect) | "never" | "" = it counted
	Why     string        // of the change, in the words of the comparison
	Changes []fileChange  // by file, without lines
}

// versions are all sets that entries of kind law name, in order. The record says when; the hub keeps the files.
func (p *Portal) versions(ctx context.Context) ([]version, error) {
	x, err := p.book.look(ctx)
	if err != nil {
		return nil, err
	}
	laws, used := x.Laws()
	var current tribune.Hash
	if p.cfg.Law != nil && p.cfg.Law.Set() != nil {
		current = p.cfg.Law.Set().Hash()
	}
	var out []version
	for _, l := range laws {
		if !l.Permit || l.Set == (tribune.Hash{}) {
			continue
		}
		if i := slices.IndexFunc(out, func(v version) bool { return v.Hash == l.Set }); i >= 0 {
			out[i].Again++
			continue
		}
		v := version{Number: len(out) + 1, Hash: l.Set, Index: l.Index, At: l.At, Approvs: l.Approvals, Set: p.setOf(l.Set), Used: used[l.Set.String()], InForce: l.Set == current}
		if n := len(out); n == 0 {
			v.Change = "first"
		} else {
			v.Before = &out[n-1].Hash
			v.Change, v.Why = compared(out[n-1].Set, v.Set)
			v.Changes = changedFiles(out[n-1].Set, v.Set)
		}
		out = append(out, v)
	}
	return out, nil
}

func compared(old, new *policy.Set) (change, why string) {
	if old == nil || new == nil {
		return "unknown", ""
	}
	tighter, why := policy.Tightens(old, new)
	if tighter {
		return "tightens", why
	}
	return "loosens", why
}

type lawData struct {
	lawView
	Pending  []change  // on their way, announced first
	Versions []version // the newest first
	OnRecord bool      // the set in force is on record
}

func (p *Portal) showLaw(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	versions, err := p.versions(r.Context())
	if err != nil {
		return view{}, err
	}
	state := p.lawState()
	for i := range versions {
		versions[i].Fate = fate(state, versions[i].Hash, p.cfg.Now())
	}
	d := lawData{lawView: v, Pending: p.changes(state), Versions: versions, OnRecord: slices.ContainsFunc(versions, func(o version) bool { return o.InForce })}
	slices.Reverse(d.Versions)
	return view{Name: "law", Title: wordsOf(r).T("The law over time"), Data: d}, nil
}

// fate is what became of a set that the record names, where it is not or was never in force.
func fate(s LawState, set tribune.Hash, now time.Time) string {
	out := ""
	for _, r := range s.Rulings {
		switch {
		case r.Set != set:
		case slices.ContainsFunc(s.Reigns, func(g policy.Reign) bool { return g.Set == set }):
			return ""
		case slices.ContainsFunc(pendingOf(s.Rulings, now), func(o policy.Ruling) bool { return o.Set == set }):
			return "announced"
		case r.Never:
			out = "never"
		default:
			out = "ended"
		}
	}
	return out
}

type setShown struct {
	lawView
	Asked   tribune.Hash
	Files   []lawFile
	Signers []policy.Signer
	Version *version // nil = not on record
	Others  []version
}

type lawFile struct {
	Name, Text, SignedBy string
}

// setFromPath is the set that the path names. "current" is the one in force.
func (p *Portal) setFromPath(r *http.Request) (*policy.Set, error) {
	if p.cfg.Law == nil || p.cfg.Law.Set() == nil {
		return nil, fmt.Errorf("%w: this hub has no law yet", tribune.ErrNotFound)
	}
	asked := r.PathValue("hash")
	if asked == "current" {
		return p.cfg.Law.Set(), nil
	}
	return p.setNamed(asked)
}

func (p *Portal) setNamed(text string) (*policy.Set, error) {
	var hash tribune.Hash
	if err := hash.UnmarshalText([]byte(text)); err != nil {
		return nil, fmt.Errorf("policy set: %w", err)
	}
	set := p.setOf(hash)
	if set == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: this hub never had that policy set", tribune.ErrNotFound), "The page of the law over time lists the sets.")
	}
	return set, nil
}

func (p *Portal) showSet(r *http.Request) (view, error) {
	set, err := p.setFromPath(r)
	if err != nil {
		return view{}, err
	}
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	v.Old, v.Set, v.Hash, v.Name = set.Hash() != v.Set.Hash(), set, set.Hash(), v.Name.in(set)
	d := setShown{lawView: v, Asked: set.Hash(), Signers: set.Signers()}
	files := set.Files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text, _ := protocol.SplitDocument(files[name])
		d.Files = append(d.Files, lawFile{name, text, strings.Join(protocol.SignerNames(files[name]), ", ")})
	}
	versions, err := p.versions(r.Context())
	if err != nil {
		return view{}, err
	}
	for i := range versions {
		if versions[i].Hash == d.Asked {
			d.Version = &versions[i]
		} else {
			d.Others = append(d.Others, versions[i])
		}
	}
	return view{Name: "lawset", Title: wordsOf(r).T("The law, as one set of files"), Data: d}, nil
}

type changesData struct {
	lawView
	From, To *policy.Set
	FromV    *version
	ToV      *version
	Change   string
	Why      string
	Files    []fileChange
	Same     bool
	More     []string // by which the newer may permit more
	Pending  *change  // the newer is on its way
}

func (p *Portal) showChanges(r *http.Request) (view, error) {
	to, err := p.setFromPath(r)
	if err != nil {
		return view{}, err
	}
	from, err := p.setNamed(r.URL.Query().Get("from"))
	if err != nil {
		return view{}, err
	}
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	versions, err := p.versions(r.Context())
	if err != nil {
		return view{}, err
	}
	d := changesData{lawView: v, From: from, To: to, Same: from.Hash() == to.Hash()}
	for i := range versions {
		if versions[i].Hash == from.Hash() {
			d.FromV = &versions[i]
		}
		if versions[i].Hash == to.Hash() {
			d.ToV = &versions[i]
		}
	}
	d.Change, d.Why = compared(from, to)
	d.More = policy.Loosens(from, to)
	for _, c := range p.changes(p.lawState()) {
		if c.Set == to.Hash() {
			d.Pending = &c
		}
	}
	d.Files = changedFiles(from, to)
	for i := range d.Files {
		if err := d.Files[i].lines(from, to); err != nil {
			return view{}, err
		}
	}
	return view{Name: "lawchanges", Title: wordsOf(r).T("What changed in the law"), Data: d}, nil
}

func (p *Portal) lawTable(r *http.Request) (any, [][]string, error) {
	versions, err := p.versions(r.Context())
	if err != nil {
		return nil, nil, err
	}
	type row struct {
		Set       tribune.Hash `json:"set"`
		Entry     uint64       `json:"entry"`
		Time      time.Time    `json:"time"`
		Approvals int          `json:"approvals"`
		Change    string       `json:"change"` // first | tightens | loosens | unknown
		Why       string       `json:"why,omitempty"`
		Files     []string     `json:"files"`
		InForce   bool         `json:"inForce"`
		Decided   uint64       `json:"decided"` // entries on record that this set decided
		Law       string       `json:"law"`
	}
	all, table := []row{}, [][]string{{"set", "entry", "time", "approvals", "change", "why", "files", "in force", "decided"}}
	for _, v := range versions {
		x := row{Set: v.Hash, Entry: v.Index, Time: v.At, Approvals: v.Approvs, Change: v.Change, Why: v.Why, Files: []string{}, InForce: v.InForce, Decided: v.Used.Count, Law: "/law/" + v.Hash.String()}
		for _, f := range v.Changes {
			x.Files = append(x.Files, f.Name)
		}
		all = append(all, x)
		table = append(table, []string{
			x.Set.String(), strconv.FormatUint(x.Entry, 10), x.Time.Format(time.RFC3339), strconv.Itoa(x.Approvals), x.Change, x.Why, strings.Join(x.Files, " "), strconv.FormatBool(x.InForce), strconv.FormatUint(x.Decided, 10),
		})
	}
	return map[string]any{"entries": all}, table, nil
}
