package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"tribune"
	"tribune/internal/client"
	"tribune/internal/rights"
)

// runBreach works out from the public record what a breach came to, by when whom must be told, and drafts of that. It needs no key: it asks
// for nothing that is not public.
func runBreach(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("breach", log)
	dir := f.String("dir", "demo-city", "the city's directory: its address")
	kind := f.String("lost", "", "what was lost: office (a key or session of somebody in it), hub, disk (or backups), guardians (fewer than open anything)")
	office := f.String("office", "", "which office, where its key or session was lost")
	from := f.String("from", "", "it may have been used from, as 2026-11-22T08:00:00Z")
	until := f.String("until", "", "until (default: now)")
	aware := f.String("aware", "", "when the city learned of it; clocks run from here (default: now)")
	file := f.String("rights", "", "the city's own rights.toml, for its deadlines (default: DIR/hub/law/rights.toml, or the shipped one)")
	drafts := f.Bool("drafts", false, "print a draft for each deadline as well")
	asJSON := f.Bool("json", false, "print the assessment as JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	b := rights.Breach{Kind: rights.BreachKind(*kind), Office: tribune.OfficeID(*office)}
	now := time.Now().UTC().Truncate(time.Second)
	for _, one := range []struct {
		text string
		into *time.Time
	}{{*from, &b.From}, {*until, &b.Until}, {*aware, &b.Aware}} {
		if one.text == "" && one.into != &b.From {
			*one.into = now
			continue
		}
		t, err := time.Parse(time.RFC3339, one.text)
		if err != nil {
			return tribune.Hint(fmt.Errorf("%w: %q is no time", tribune.ErrInvalid, one.text), "Write times like 2026-11-22T08:00:00Z; --from is needed.")
		}
		*one.into = t
	}
	if err := b.Check(); err != nil {
		return tribune.Hint(err, "Run: tribune breach --lost office --office ID --from TIME")
	}
	rules, err := rights.ReadRules(cmp.Or(*file, filepath.Join(*dir, "hub", "law", "rights.toml")))
	if err != nil {
		return err
	}
	c, err := client.Open(*dir, "")
	if err != nil {
		return err
	}
	a, err := b.Assess(record(ctx, c, b))
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			rights.Assessment
			Could    []string       `json:"could"`
			CouldNot []string       `json:"couldNot"`
			Clocks   []rights.Clock `json:"clocks"`
		}{a, a.Could(rights.English), a.CouldNot(rights.English), rules.Clocks(b.Aware)})
	}
	city, err := cityOf(ctx, c)
	if err != nil {
		return err
	}
	return printBreach(out, a, rules, city, *drafts)
}

// cityOf is the city's name, as its guardians know it.
func cityOf(ctx context.Context, c *client.Client) (string, error) {
	a, err := c.Do(ctx, http.MethodGet, "/group", nil, nil)
	if err == nil {
		err = a.Error()
	}
	var group struct{ City string }
	if err == nil {
		err = json.Unmarshal(a.Body, &group)
	}
	if err != nil {
		return "", fmt.Errorf("asking for the city's name: %w", err)
	}
	return group.City, nil
}

// printed is a text from the hub as a terminal may have it: without what would move its cursor.
func printed[T ~string](s T) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, string(s))
}

func printBreach(out io.Writer, a rights.Assessment, rules *rights.Rules, city string, drafts bool) error {
	fmt.Fprintf(out, "Lost: %s. %s\n", a.What(rights.English), a.People(rights.English))
	fmt.Fprintf(out, "Entries of the record in the window: %d, of them denied: %d\n", a.Read, a.Denied)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if len(a.Lines) > 0 {
		fmt.Fprint(table, "\nOFFICE\tPURPOSE\tKIND\tACTS\tPEOPLE, AT LEAST\tAT MOST\n")
	}
	for _, l := range a.Lines {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\n", printed(l.Office), printed(l.Purpose), printed(l.Kind), l.Acts, l.AtLeast, l.AtMost)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nCould be seen:\n- %s\nCould not:\n- %s\n\n", strings.Join(a.Could(rights.English), "\n- "), strings.Join(a.CouldNot(rights.English), "\n- "))
	for _, c := range rules.Clocks(a.Aware) {
		due := "without undue delay"
		if !c.Due.IsZero() {
			due = "before " + c.Due.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", due, c.Law, c.To)
	}
	if err := table.Flush(); err != nil || !drafts {
		return err
	}
	for _, c := range rules.Clocks(a.Aware) {
		if _, err := fmt.Fprintf(out, "\n---- %s\n%s", c.ID, a.Draft(rights.English, c, rules, city)); err != nil {
			return err
		}
	}
	return nil
}

// beyond is how far before the window reading goes on: entries stand in the order of the record, not of their acts' times.
const beyond = time.Hour

// record is the hub's record as it publishes it, newest first, until well before the window. Whether it is the record that guardians signed
// says tribune watch or tribune mirror beside it: where the hub itself was lost, look there first.
func record(ctx context.Context, c *client.Client, b rights.Breach) iter.Seq2[rights.OnRecord, error] {
	type entry struct {
		Index                 uint64
		Time                  time.Time
		Kind, Office, Purpose string
		Count                 int
		Outcome               string
	}
	return func(yield func(rights.OnRecord, error) bool) {
		last := uint64(math.MaxUint64)
		for path := "/record.json?all=1&size=500"; path != ""; {
			a, err := c.Do(ctx, http.MethodGet, path, nil, nil)
			if err == nil {
				err = a.Error()
			}
			var page struct {
				Entries []entry
				Older   string
			}
			if err == nil {
				err = json.Unmarshal(a.Body, &page)
			}
			if err != nil {
				yield(rights.OnRecord{}, err)
				return
			}
			newest := time.Time{}
			for _, e := range page.Entries {
				if e.Index >= last { // it would go round for ever, or count twice
					yield(rights.OnRecord{}, fmt.Errorf("%w: the record as it is shown does not go back from entry %d", tribune.ErrInvalid, last))
					return
				}
				last = e.Index
				if e.Time.After(newest) {
					newest = e.Time
				}
				if !yield(rights.OnRecord{Index: e.Index, At: e.Time, Kind: tribune.ActKind(e.Kind), Office: tribune.OfficeID(e.Office), Purpose: tribune.PurposeID(e.Purpose), Count: e.Count, Permitted: e.Outcome == "permitted"}, nil) {
					return
				}
			}
			if path = page.Older; newest.Before(b.From.Add(-beyond)) {
				return
			}
		}
	}
}
