package federation

import (
	"slices"

	"tribune"
)

// Share is what of a change of one entity concerns one source.
type Share struct {
	*Registration
	Attrs []tribune.Name // of the change; nil where the change has none
}

// Division is a change of one entity, divided among the sources that are registered for it (clauses 4.3.6.2 and 4.3.6.3).
type Division struct {
	Shares []Share        // proxied ones first
	Here   []tribune.Name // attributes that no proxied registration claims: they are this broker's as well
	Taken  bool           // a proxied registration claims something of the change
	Away   bool           // the whole entity is held elsewhere: this broker keeps nothing of it
}

// Divide divides the attributes of a change among what matches its entity. An exclusive registration takes its attributes from all
// others; a redirected attribute goes to every source that redirects it and to no other; the rest goes to inclusive sources and stays
// here as well. Auxiliary sources are never changed. Without attributes (a deletion) it concerns everybody.
func Divide(matches []Match, attrs []tribune.Name) Division {
	var d Division
	exclusive, redirected := map[tribune.Name]bool{}, map[tribune.Name]bool{}
	for i := range matches { // ordered by mode
		m := &matches[i]
		if m.Mode == Auxiliary {
			continue
		}
		names, all := m.of(attrs)
		if m.Mode != Exclusive {
			names = slices.DeleteFunc(names, func(n tribune.Name) bool {
				return exclusive[n] || m.Mode == Inclusive && redirected[n]
			})
		}
		d.Away = d.Away || m.Mode == Redirect && all
		if len(attrs) > 0 && len(names) == 0 || m.Mode == Inclusive && d.Away {
			continue
		}
		d.Taken = d.Taken || m.Mode.Proxied()
		for _, n := range names {
			switch m.Mode {
			case Exclusive:
				exclusive[n] = true
			case Redirect:
				redirected[n] = true
			}
		}
		d.add(m.Registration, names)
	}
	for _, n := range attrs {
		if !exclusive[n] && !redirected[n] {
			d.Here = append(d.Here, n)
		}
	}
	return d
}

// of are those of the attributes that the matched element registers; all: it registers every attribute.
func (m *Match) of(attrs []tribune.Name) (names []tribune.Name, all bool) {
	if !m.Info.named() {
		return slices.Clone(attrs), true
	}
	for _, n := range attrs {
		if m.Info.names(n) {
			names = append(names, n)
		}
	}
	return names, false
}

// add gives a source more; several elements of its registration can match.
func (d *Division) add(r *Registration, names []tribune.Name) {
	for i := range d.Shares {
		if s := &d.Shares[i]; s.Registration == r {
			for _, n := range names {
				if !slices.Contains(s.Attrs, n) {
					s.Attrs = append(s.Attrs, n)
				}
			}
			return
		}
	}
	d.Shares = append(d.Shares, Share{r, names})
}
