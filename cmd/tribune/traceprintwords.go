package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

// A sheet of paper is read by somebody who cannot look anything up: offices and purposes stand there by their titles. These come from the law, which the
// city serves under the hash that stands in each entry: what has another hash is not printed, and ids stand instead.

// titles are a law's words for its ids.
type titles struct {
	offices  map[string]string
	purposes map[string][2]string // title and description
}

// titlesOf reads the laws that decided the uses. Without an address of the city there are none.
func (d *traceFlags) titlesOf(ctx context.Context, trust *verify.Trust, all []traced) (map[tribune.Hash]titles, error) {
	out := map[tribune.Hash]titles{}
	if !strings.HasPrefix(d.record, "http") {
		return out, nil
	}
	c, err := callPinned(trust, nil)
	if err != nil {
		return out, err
	}
	fetch := c.fetch(ctx, strings.TrimSuffix(d.record, "/")+"/law")
	for _, t := range all {
		for _, u := range t.Uses {
			hash := u.Leaf.Decision.Set
			if _, known := out[hash]; known {
				continue
			}
			out[hash] = titles{}
			raw, err := fetch(hash.String())
			if err != nil {
				continue // ids say less, and are true
			}
			out[hash] = readTitles(raw, hash)
		}
	}
	return out, nil
}

// readTitles believes files that have the hash; of others nothing.
func readTitles(raw []byte, hash tribune.Hash) titles {
	t := titles{offices: map[string]string{}, purposes: map[string][2]string{}}
	var law struct {
		Files map[string][]byte `json:"files"`
	}
	if json.Unmarshal(raw, &law) != nil {
		return titles{}
	}
	if policy.HashFiles(law.Files) != hash {
		return titles{}
	}
	type entry struct{ ID, Title, Description string }
	read := func(file string) (office, purpose []entry) {
		text, _ := protocol.SplitDocument(law.Files[file])
		var f struct{ Office, Purpose []entry }
		if _, err := toml.Decode(text, &f); err != nil {
			return nil, nil
		}
		return f.Office, f.Purpose
	}
	offices, _ := read("offices.toml")
	_, purposes := read("purposes.toml")
	for _, e := range offices {
		t.offices[e.ID] = e.Title
	}
	for _, e := range purposes {
		t.purposes[e.ID] = [2]string{e.Title, e.Description}
	}
	return t
}

// sheetUse is one use as paper says it.
type sheetUse struct {
	N, Entry       uint64
	When, Who      string
	What, Why, How string
}

func sheetUseOf(u verify.TraceUse, t titles) sheetUse {
	a := u.Leaf.Act
	s := sheetUse{N: u.N, Entry: u.Index, When: a.Time, Who: string(a.Office), Why: string(a.Purpose), What: deedOnPaper(u.Leaf)}
	if at, err := a.When(); err == nil {
		s.When = at.Format("2 January 2006, 15:04 UTC")
	}
	if title := t.offices[s.Who]; title != "" {
		s.Who = title
	}
	if p := t.purposes[s.Why]; p[0] != "" {
		if s.Why = p[0]; p[1] != "" {
			s.Why += ". " + p[1]
		}
	}
	if s.How = "Nothing was opened: it was refused."; u.Leaf.Decision.Permit {
		s.How = fmt.Sprintf("It was permitted, under %s.", a.Mandate)
	}
	switch others := protocol.OthersIn(a.Count); { // how many exactly would tell who
	case a.Kind == tribune.ActRepresent:
	case others == protocol.FewOthers:
		s.How += " It was about fewer than ten others as well."
	case others == protocol.SomeOthers:
		s.How += " It was about ten to a hundred others as well."
	case others == protocol.ManyOthers:
		s.How += " It was about a hundred others or more as well."
	}
	return s
}

func deedOnPaper(l protocol.Leaf) string {
	switch l.Act.Kind {
	case tribune.ActRead:
		return "looked up data about you"
	case tribune.ActDelivery:
		return "was told of new data about you, on that day, under a subscription"
	case tribune.ActErase:
		return "had erased what was held about you"
	case tribune.ActDecide:
		return "decided something about you, or answered you"
	case tribune.ActExtension:
		return "put off, with a court, telling you of an investigation"
	case tribune.ActVital:
		return "opened data about you to save a life, while the guardians could not be reached"
	case tribune.ActRepresent:
		return "recorded: " + verify.RepresentedWords(l)
	}
	return fmt.Sprintf("did something about you (%q)", string(l.Act.Kind))
}

// sheets are traces as paper shows them.
func sheets(all []traced, law map[tribune.Hash]titles) (out []sheetTrace) {
	for _, t := range all {
		if t.Empty() {
			continue
		}
		one := sheetTrace{traced: t}
		for _, u := range t.Uses {
			one.Shown = append(one.Shown, sheetUseOf(u, law[u.Leaf.Decision.Set]))
		}
		slices.Reverse(one.Shown) // the latest first: who reads slowly reads that
		out = append(out, one)
	}
	return out
}

type sheetTrace struct {
	traced
	Shown []sheetUse
}
