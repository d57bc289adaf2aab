package portal

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
)

// data registers a handler that answers machines: its errors are problem details.
func (p *Portal) data(pattern string, answer func(w http.ResponseWriter, r *http.Request) error) {
	problems := web.NewProblems(p.cfg.Log, "")
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := answer(w, r); err != nil {
			headers(w.Header(), false)
			problems.Write(w, r, err)
		}
	})
}

// tagID is a tag URI of this city. The date is the day from which the names are ours, the same for every city.
func (p *Portal) tagID(what string) string { return "tag:" + p.cfg.City + ",2026:" + what }

func (p *Portal) recordAtom(w http.ResponseWriter, r *http.Request) error {
	s, f, n, err := p.asked(r, perPage)
	if err != nil {
		return err
	}
	base, t := p.base(r), tongueOf(r.Context())
	self := base + t.prefix + "/record.atom"
	id := "record"
	if q := s.query(0); q != "" {
		self, id = self+"?"+q, id+"?"+q
	}
	feed := web.AtomFeed{
		Lang: t.tag, ID: p.tagID(id), Title: n.w.T("Public record of %s", p.cfg.City), Author: p.cfg.City, Updated: time.Unix(0, 0).UTC().Format(time.RFC3339),
		Links: []web.AtomLink{{Rel: "self", Type: "application/atom+xml", Href: self}, {Rel: "alternate", Type: "text/html", Href: strings.Replace(self, "/record.atom", "/record", 1)}},
	}
	for i, l := range n.lines(f.Entries) {
		at := l.At.Format(time.RFC3339)
		if l.At.IsZero() { // an entry that cannot be read has no time
			at = feed.Updated
		}
		if i == 0 {
			feed.Updated = at
		}
		e := web.AtomEntry{
			ID: p.tagID("record/" + strconv.FormatUint(l.Index, 10)), Title: xmlText(l.Who + " " + l.What), Updated: at, Summary: xmlText(summary(n.w, l)),
			Links: []web.AtomLink{{Rel: "alternate", Type: "text/html", Href: base + t.prefix + "/record/entries/" + strconv.FormatUint(l.Index, 10)}},
		}
		if l.Kind != "" {
			e.Categories = []web.AtomCategory{{Term: xmlText(string(l.Kind))}}
		}
		feed.Entries = append(feed.Entries, e)
	}
	out, err := xml.MarshalIndent(feed, "", " ")
	if err != nil {
		return fmt.Errorf("writing the feed: %w", err)
	}
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	w.Write([]byte(xml.Header))
	w.Write(out)
	return nil
}

// xmlText leaves out what XML 1.0 cannot hold; the encoder escapes the rest.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func summary(w *words, l line) string {
	out := []string{outcome(w, l.entry)}
	if l.Purpose != "" {
		out = append(out, w.T("Purpose: %s", l.Why))
	}
	if l.Mandate != "" {
		out = append(out, w.T("Mandate: %s", l.Mandate))
	}
	return strings.Join(append(out, l.Missing...), " · ")
}

func outcome(w *words, e entry) string {
	switch {
	case e.Broken:
		return w.T("unreadable")
	case e.Permit:
		return w.T("permitted")
	}
	return w.T("denied")
}

// asked reads a machine's search. size may be given, up to maxPage.
func (p *Portal) asked(r *http.Request, size int) (search, found, naming, error) {
	n := p.naming(wordsOf(r))
	s, err := readSearch(r.URL.Query())
	if err != nil {
		return s, found{}, n, err
	}
	if given := r.URL.Query().Get("size"); given != "" {
		if size, err = strconv.Atoi(given); err != nil || size < 1 || size > maxPage {
			return s, found{}, n, fmt.Errorf("%w: size is a number from 1 to %d", tribune.ErrInvalid, maxPage)
		}
	}
	f, _, err := p.searchRecord(r.Context(), s, size, n)
	return s, f, n, err
}

// jsonEntry is an entry for machines: what the leaf says, not our words for it.
type jsonEntry struct {
	Index    uint64   `json:"index"`
	Time     string   `json:"time,omitempty"`
	Kind     string   `json:"kind,omitempty"`
	Office   string   `json:"office,omitempty"`
	Purpose  string   `json:"purpose,omitempty"`
	Mandate  string   `json:"mandate,omitempty"`
	Count    int      `json:"count"`
	Outcome  string   `json:"outcome"` // permitted | denied | unreadable
	Policies []string `json:"policies"`
	Missing  []string `json:"missing"`
	Set      string   `json:"set,omitempty"`
	Standing string   `json:"standing,omitempty"`
	Leaf     string   `json:"leaf"`
	Receipt  string   `json:"receipt"`
}

func machineEntry(e entry) jsonEntry {
	out := jsonEntry{
		Index: e.Index, Kind: string(e.Kind), Office: e.Office, Purpose: e.Purpose, Mandate: e.Mandate, Count: e.Count, Outcome: outcome(languages()[0], e),
		Policies: e.Policies, Missing: e.Missing, Set: e.Set, Standing: e.Standing, Leaf: fmt.Sprintf("/record/leaves/%d", e.Index), Receipt: fmt.Sprintf("/record/receipts/%d", e.Index),
	}
	if !e.At.IsZero() {
		out.Time = e.At.Format("2006-01-02T15:04:05.000Z")
	}
	return out
}

func (p *Portal) recordJSON(w http.ResponseWriter, r *http.Request) error {
	s, f, _, err := p.asked(r, perPage)
	if err != nil {
		return err
	}
	out := struct {
		Entries   []jsonEntry `json:"entries"`
		Count     uint64      `json:"count"` // of entries that match, from First on
		First     uint64      `json:"first"`
		Published uint64      `json:"published"`
		Older     string      `json:"older,omitempty"`
		Newer     string      `json:"newer,omitempty"`
	}{Entries: []jsonEntry{}, Count: f.Count, First: f.First, Published: f.Next}
	for _, e := range f.Entries {
		out.Entries = append(out.Entries, machineEntry(e))
	}
	size := ""
	if given := r.URL.Query().Get("size"); given != "" {
		size = "&size=" + given
	}
	if f.Older > 0 {
		out.Older = "/record.json?" + s.query(f.Older) + size
	}
	if f.Newer > 0 {
		out.Newer = "/record.json?" + s.query(f.Newer) + size
	}
	writeJSON(w, out, false)
	return nil
}

func (p *Portal) recordCSV(w http.ResponseWriter, r *http.Request) error {
	s, f, _, err := p.asked(r, maxPage)
	if err != nil {
		return err
	}
	rows := [][]string{{"index", "time", "kind", "office", "purpose", "mandate", "count", "outcome", "policies", "missing", "set", "standing"}}
	for _, e := range f.Entries {
		j := machineEntry(e)
		rows = append(rows, []string{
			strconv.FormatUint(j.Index, 10), j.Time, j.Kind, j.Office, j.Purpose, j.Mandate, strconv.Itoa(j.Count), j.Outcome, strings.Join(j.Policies, " "), strings.Join(j.Missing, "; "), j.Set, j.Standing,
		})
	}
	if f.Older > 0 {
		w.Header().Set("Link", "</record.csv?"+s.query(f.Older)+`>; rel="next"`)
	}
	return writeCSV(w, "record", rows)
}

// writeCSV writes RFC 4180. Spreadsheets run what begins like a formula: such a cell gets an apostrophe in front.
func writeCSV(w http.ResponseWriter, name string, rows [][]string) error {
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", name+".csv"))
	out := csv.NewWriter(w)
	out.UseCRLF = true
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = cellText(cell)
		}
		if err := out.Write(safe); err != nil {
			return fmt.Errorf("writing a table: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

func cellText(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s // a negative number is no formula
	}
	if lead := strings.TrimLeft(s, " \u00a0\ufeff"); lead != "" && strings.ContainsRune("=+-@\t\r\n|\uff1d\uff0b\uff0d\uff20", []rune(lead)[0]) {
		return "'" + s
	}
	return s
}
