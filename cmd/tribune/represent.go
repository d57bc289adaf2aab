package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

func representVerbs() []string { return []string{"new", "end", "record"} }

// representFlags are those of every verb: one set, so that they may stand on either side of it.
type representFlags struct {
	record, city, basis, adult, from, until string
	ward, wardCalled, person, personCalled  string
	scope                                   string
}

// runRepresent is for a registry office or a court: it writes the text by which one person may act for another, or which ends that, to be
// signed with tribune sign; and has the signed document put on record.
func runRepresent(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("represent", log)
	var d representFlags
	f.StringVar(&d.record, "record", "http://127.0.0.1:8080", "record: address of the city")
	f.StringVar(&d.city, "city", "", "new: the city's name in its law, like data.city.example")
	f.StringVar(&d.basis, "basis", protocol.BasisParent, "new: parent or court")
	f.StringVar(&d.adult, "adult", "", "new, for a parent: the day on which the child comes of age, like 2031-05-04")
	f.StringVar(&d.from, "from", "", "new: the first day (default: now)")
	f.StringVar(&d.until, "until", "", "new: the last day (default for a parent: the day before the child comes of age)")
	f.StringVar(&d.ward, "ward", "", "new: who is acted for, as TYPE=NAME, like plate=AB12CDE")
	f.StringVar(&d.wardCalled, "ward-called", "", "new: how people call them")
	f.StringVar(&d.person, "representative", "", "new: who acts, as TYPE=NAME: a name that they can log in with")
	f.StringVar(&d.personCalled, "representative-called", "", "new: how people call them")
	f.StringVar(&d.scope, "scope", "", "new: what they may do, with commas between: "+strings.Join(protocol.Scopes(), ","))
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune represent new --city NAME --ward TYPE=NAME ... > doc.txt   the text of a representation, to be signed
       tribune represent end doc.txt > end.txt                             the text that ends one before its time, to be signed
       tribune represent record doc.txt --record URL                       put on record what is signed, a representation or its end

Sign with: tribune sign --key registry.key doc.txt. Only keys that the city's law lets sign representations count. The public record shows
that one was granted, by which office, and no name; both people find it, and all that is done under it, among the uses of their data.
Flags may stand on either side of the verb.

`)
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(words) == 1 && words[0] == "new":
		return d.write(out)
	case len(words) == 2 && words[0] == "end":
		return d.writeEnd(words[1], out)
	case len(words) == 2 && words[0] == "record":
		return d.putOnRecord(ctx, words[1], out)
	}
	return tribune.Hint(fmt.Errorf("%w: say what to do", errUsage), "tribune represent -h")
}

func partyOf(flag, text, called string) (protocol.RepresentParty, error) {
	kind, name, ok := strings.Cut(text, "=")
	if !ok || kind == "" || name == "" || called == "" {
		return protocol.RepresentParty{}, fmt.Errorf("%w: %s TYPE=NAME and %s-called NAME are needed", errUsage, flag, flag)
	}
	return protocol.RepresentParty{Called: called, Name: name, Type: kind}, nil
}

func (d *representFlags) write(out io.Writer) error {
	ward, err := partyOf("--ward", d.ward, d.wardCalled)
	if err != nil {
		return err
	}
	person, err := partyOf("--representative", d.person, d.personCalled)
	if err != nil {
		return err
	}
	r := protocol.Representation{Adult: d.adult, Basis: d.basis, City: d.city, ID: protocol.NewID(), Representative: person, Ward: ward, Version: protocol.Version}
	if r.Scope = strings.Split(d.scope, ","); d.scope == "" {
		return fmt.Errorf("%w: --scope is missing: one or more of %s", errUsage, strings.Join(protocol.Scopes(), ","))
	}
	slices.Sort(r.Scope)
	from := time.Now().UTC().Truncate(time.Second)
	if d.from != "" {
		if from, err = time.Parse(time.DateOnly, d.from); err != nil {
			return fmt.Errorf("%w: --from %q is no day like 2026-11-22", errUsage, d.from)
		}
	}
	var until time.Time
	switch {
	case d.until != "":
		if until, err = time.Parse(time.DateOnly, d.until); err != nil {
			return fmt.Errorf("%w: --until %q is no day like 2026-11-22", errUsage, d.until)
		}
		until = until.AddDate(0, 0, 1)
	case d.adult != "":
		if until, err = time.Parse(time.DateOnly, d.adult); err != nil {
			return fmt.Errorf("%w: --adult %q is no day like 2031-05-04", errUsage, d.adult)
		}
	default:
		return fmt.Errorf("%w: --until is missing: no power is without an end", errUsage)
	}
	r.From, r.Until = protocol.Time(from), protocol.Time(until)
	text, err := r.Text()
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

func (d *representFlags) writeEnd(file string, out io.Writer) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the representation: %w", err)
	}
	text, _ := protocol.SplitDocument(data)
	r, err := protocol.ParseRepresentation(text)
	if err != nil {
		return err
	}
	end, err := protocol.RepresentationEnd{City: r.City, Mark: protocol.RepresentationMark(text), Version: protocol.Version}.Text()
	if err == nil {
		_, err = io.WriteString(out, end)
	}
	return err
}

func (d *representFlags) putOnRecord(ctx context.Context, file string, out io.Writer) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	text, signatures := protocol.SplitDocument(data)
	if signatures == "" {
		return tribune.Hint(fmt.Errorf("%w: %s is not signed", tribune.ErrInvalid, file), "tribune sign --key registry.key %s", file)
	}
	path, what := "/representations", "The representation"
	if _, err := protocol.ParseRepresentationEnd(text); err == nil {
		path, what = "/representations/end", "The end of the representation"
	}
	var answer struct{ Index uint64 }
	if err := postCity(ctx, d.record+path, data, &answer); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is entry %d of the record.\n", what, answer.Index)
	return nil
}

// postCity sends something to a city that is public, and reads its answer.
func postCity(ctx context.Context, to string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %q is no address of a city", errUsage, to)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := (&http.Client{Timeout: placeTimeout}).Do(req)
	if err != nil {
		return fmt.Errorf("asking the city: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxDocument))
	if err != nil {
		return fmt.Errorf("asking the city: %w", err)
	}
	if resp.StatusCode != http.StatusCreated {
		var problem struct{ Title, Detail, Hint string }
		json.Unmarshal(raw, &problem)
		return tribune.Hint(fmt.Errorf("%w: the city says: %s %s", tribune.ErrDenied, problem.Title, problem.Detail), "%s", problem.Hint)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading the city's answer: %w", err)
	}
	return nil
}
