package portal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

// entryData is one entry, explained.
type entryData struct {
	line
	Published     uint64
	Prev, Next    uint64
	HasPrev       bool
	HasNext       bool
	ActID         string
	LeafHash      tribune.Hash
	Bytes         int
	Raw           string
	Leaf          protocol.Leaf
	Signature     string
	Recipient     string
	Set           tribune.Hash
	HasSet        bool // the set is known here, so that registers can be shown as they were
	Known         struct{ Office, Purpose, Mandate bool }
	Rules         []ruleShown
	Law           *tribune.Hash // of an entry that publishes a set
	Refusals      *refusalsShown
	Means         string                // what an entry of its kind means
	Publishes     []string              // sentences, of kinds that have no part of the page to themselves
	Explanation   *protocol.Publication // of an explanation of a model; nil = none
	Device        bool
	Releases      []releaseShown
	ReleasesWhy   string // why they cannot be shown
	Opens         bool   // an act for which guardians release
	Told          *toldShown
	Erased        *erasedShown
	URL           string
	Decoded       bool
	DecodeProblem string
}

// ruleShown is a policy that decided, as it stood in the set that decided.
type ruleShown struct {
	ID      string
	Because string
	Permit  bool
	Floor   bool
	Known   bool
}

type refusalsShown struct {
	Count uint64
	Day   string
}

// releaseShown is one guardian's statement.
type releaseShown struct {
	Guardian string
	At       time.Time
	Valid    bool // the signature has been checked with the guardian's key
}

// entryNumber is the entry of the path; one that is not published is not there: nobody has vouched for it.
func (p *Portal) entryNumber(r *http.Request) (uint64, error) {
	i, err := strconv.ParseUint(r.PathValue("index"), 10, 63)
	if err != nil {
		return 0, tribune.Hint(fmt.Errorf("%w: entries have whole numbers, from 0 on", tribune.ErrInvalid), "The page of the record lists them.")
	}
	if n := p.cfg.Record.Published(); i >= n {
		return 0, tribune.Hint(fmt.Errorf("%w: entry %d; %d entries are published", tribune.ErrNotFound, i, n), "The page of the record lists them.")
	}
	return i, nil
}

func (p *Portal) showEntry(r *http.Request) (view, error) {
	i, err := p.entryNumber(r)
	if err != nil {
		return view{}, err
	}
	raw, err := p.cfg.Record.Leaf(r.Context(), i)
	if err != nil {
		return view{}, fmt.Errorf("reading an entry: %w", err)
	}
	w := wordsOf(r)
	d := entryData{Published: p.cfg.Record.Published(), LeafHash: protocol.LeafHash(raw), Bytes: len(raw), URL: p.base(r)}
	d.Prev, d.HasPrev, d.Next, d.HasNext = i-1, i > 0, i+1, i+1 < d.Published
	d.Raw = readable(raw)
	leaf, err := protocol.DecodeLeaf(raw)
	if err != nil {
		d.entry, d.DecodeProblem = entry{Index: i, Broken: true}, err.Error()
		d.line = p.naming(w).line(d.entry)
		return view{Name: "entry", Title: w.T("Entry %s", w.Number(i)), Data: d}, nil
	}
	d.Decoded, d.Leaf = true, leaf
	p.explain(r, &d, i, leaf)
	return view{Name: "entry", Title: w.T("Entry %s", w.Number(i)), Data: d}, nil
}

// explain fills in what the leaf says, by the law that was in force for it.
func (p *Portal) explain(r *http.Request, d *entryData, i uint64, leaf protocol.Leaf) {
	a, dec := leaf.Act, leaf.Decision
	e := entry{
		Index: i, Kind: a.Kind, Office: string(a.Office), Purpose: string(a.Purpose), Mandate: string(a.Mandate), Policies: dec.Policies, Missing: dec.Missing,
		Set: dec.Set.String(), Count: a.Count, Permit: dec.Permit,
	}
	e.At, _ = a.When()
	names := p.naming(wordsOf(r))
	set := p.setOf(dec.Set)
	d.Set, d.HasSet = dec.Set, set != nil
	names = names.in(set)
	d.line = names.line(e)
	d.ActID, d.Signature, d.Recipient = a.ID, base64.StdEncoding.EncodeToString(leaf.Signature), base64.StdEncoding.EncodeToString(a.Recipient)
	if names.set != nil {
		_, d.Known.Office = names.set.Office(a.Office)
		_, d.Known.Purpose = names.set.Purpose(a.Purpose)
	}
	_, d.Known.Mandate = names.mandates[a.Mandate]
	_, d.Means = kindWords(names.w, a.Kind)
	d.Publishes = names.publishes(leaf)
	for _, id := range dec.Policies {
		d.Rules = append(d.Rules, ruleOf(set, id))
	}
	switch a.Kind {
	case tribune.ActLaw:
		var public struct{ Set tribune.Hash }
		if json.Unmarshal(leaf.Public, &public) == nil && public.Set != (tribune.Hash{}) {
			d.Law = &public.Set
		}
	case tribune.ActRefusals:
		var public refusalsShown
		if json.Unmarshal(leaf.Public, &public) == nil {
			d.Refusals = &public
		}
	case tribune.ActStanding, tribune.ActDelivery:
		p.told(r, d, leaf)
	case tribune.ActErase:
		p.erased(r, d, leaf)
	case tribune.ActPublish:
		if public, err := protocol.DecodePublication(leaf.Public); err == nil && dec.Permit {
			d.Explanation = &public
		}
	case tribune.ActRead, tribune.ActEnrol:
		if d.Opens = dec.Permit; d.Opens {
			p.releases(r, d)
		}
	}
}

func ruleOf(set *policy.Set, id string) ruleShown {
	out := ruleShown{ID: id}
	if set == nil {
		return out
	}
	for _, rule := range set.Rules() {
		if rule.ID == id {
			out = ruleShown{ID: id, Because: rule.Because, Permit: rule.Permit, Floor: rule.Floor, Known: true}
		}
	}
	return out
}

// releases are the guardians' statements about an entry, their signatures checked with the published keys.
func (p *Portal) releases(r *http.Request, d *entryData) {
	w := wordsOf(r)
	if p.cfg.Releases == nil {
		d.ReleasesWhy = w.T("This hub does not offer the guardians’ statements.")
		return
	}
	all, err := p.cfg.Releases(r.Context(), d.Index)
	if err != nil {
		d.ReleasesWhy = w.T("The guardians’ statements cannot be shown right now. Please try again in a minute.")
		return
	}
	trust, _ := p.trust()
	for _, s := range all {
		out := releaseShown{Guardian: s.Guardian, At: time.Unix(s.Time, 0)}
		if trust != nil {
			if key, ok := trust.GuardianKey(s.Guardian); ok {
				out.Valid = s.Leaf == d.LeafHash && s.Verify(key) == nil
			}
		}
		d.Releases = append(d.Releases, out)
	}
}

// trust is the published trust file; nil without an error before the guardians' ceremony has ended.
func (p *Portal) trust() (*verify.Trust, error) {
	if p.cfg.Trust == nil {
		return nil, nil
	}
	text, err := p.cfg.Trust()
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	return verify.ParseTrust(text)
}

// base is the address of this city without a slash at its end.
func (p *Portal) base(r *http.Request) string {
	if p.cfg.URL != "" {
		return p.cfg.URL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// readable is JSON with line breaks; what is not JSON is shown as it is, as far as it is text.
func readable(raw []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return fmt.Sprintf("%q", clipText(string(raw), 4096))
	}
	return out.String()
}
