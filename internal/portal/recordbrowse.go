package portal

import (
	"slices"
	"strings"

	"tribune"
)

// browse is find for a search without filters, which most visitors make: it looks at the entries of its page and no
// others. What it counts is kept, for all entries that were ever fed.
func (x *index) browse(f *found, m *match, before uint64, limit int) {
	for i := before; i > x.first && f.Older == 0; i-- {
		r := x.at(i - 1)
		switch {
		case !m.row(r):
		case len(f.Entries) < limit:
			f.Entries = append(f.Entries, x.entry(i-1, r))
		case limit > 0:
			f.Older = f.Entries[limit-1].Index
		}
	}
	newer := 0
	for i := max(before, x.first) + 1; i <= x.next && f.Newest; i++ {
		if !m.row(x.at(i - 1)) {
			continue
		}
		if newer++; newer > limit {
			f.Newest = false
		} else {
			f.Newer = i
		}
	}
	for kind, n := range x.total {
		if !m.s.House && bookkeeping(kind) {
			f.Hidden += n
		} else {
			f.Count += n
		}
	}
}

// counted is how many entries name an office, a purpose, a mandate or a policy; false where the search asks for more.
func (x *index) counted(s search) (uint64, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	equal := func(v string) func(string) bool { return func(s string) bool { return s == v } }
	switch s.House, s.Before = false, 0; s {
	case search{Office: s.Office}:
		return x.office.sum(equal(s.Office)), true
	case search{Purpose: s.Purpose}:
		return x.purp.sum(equal(s.Purpose)), true
	case search{Mandate: s.Mandate}:
		return x.mand.sum(equal(s.Mandate)), true
	case search{Policy: s.Policy}:
		return x.rules.sum(func(joined string) bool { return slices.Contains(strings.Split(joined, separator), s.Policy) }), true
	}
	return 0, false
}

// choices are the values that the filters offer: what occurs on record.
type choices struct {
	Kinds                                 []tribune.ActKind
	Offices, Purposes, Mandates, Policies []string
}

const maxChoices = 500 // of one filter; beyond, a value can still stand in the address

func (x *index) choices() choices {
	x.mu.RLock()
	defer x.mu.RUnlock()
	sorted := func(t *texts) []string {
		out := slices.Clone(t.list[1:min(len(t.list), maxChoices+1)])
		slices.Sort(out)
		return out
	}
	c := choices{Kinds: slices.Clone(x.kinds[1:]), Offices: sorted(&x.office), Purposes: sorted(&x.purp), Mandates: sorted(&x.mand)}
	seen := map[string]bool{}
	for _, joined := range x.rules.list {
		for _, id := range list(joined) {
			if !seen[id] && len(seen) < maxChoices {
				seen[id] = true
				c.Policies = append(c.Policies, id)
			}
		}
	}
	slices.Sort(c.Policies)
	return c
}
