package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/client"
	"tribune/internal/court"
	"tribune/internal/durable"
	"tribune/policy"
	"tribune/protocol"
)

// warrantFlags are those of tribune investigate issue.
type warrantFlags struct {
	dir, as, trust, key      string
	id, office, class, basis string
	until, disclose, extends string
	to, register             string
	plates                   many
}

func (w *warrantFlags) define(f *flag.FlagSet) {
	f.StringVar(&w.dir, "dir", "demo-city", "the city's directory: its address, and the clerk's key")
	f.StringVar(&w.as, "as", "clerk-court", "who has the names evaluated: a name in DIR/people")
	f.StringVar(&w.trust, "trust", "", "trust file: whose keys count (default DIR/trust.txt)")
	f.StringVar(&w.key, "key", "", "file of the court's secret key, which signs (default DIR/institutions/court.key, a demo's)")
	f.StringVar(&w.id, "id", "", "the warrant's id, like warrant-2026-18")
	f.Var(&w.plates, "plate", "the plate of a vehicle that it is about; may come more than once")
	f.StringVar(&w.office, "office", "investigator", "the office that it empowers")
	f.StringVar(&w.class, "class", "parking-session", "the class of data that it opens; with --extends unused")
	f.StringVar(&w.basis, "basis", "", "the legal basis, in words; it is public")
	f.StringVar(&w.until, "until", "", "its last day, like 2027-01-31")
	f.StringVar(&w.disclose, "disclose", "", "the quarter after which the people concerned learn of it, like 2027-Q1 (default: that of --until)")
	f.StringVar(&w.extends, "extends", "", "file of an earlier warrant whose disclosure this one puts off")
	f.StringVar(&w.to, "to", "", "directory for what opens the warrant, for whom it empowers and nobody else (default DIR/people/investigator-cole.warrants)")
	f.StringVar(&w.register, "register", "", "directory for the signed warrant (default DIR/hub/law/mandates)")
}

// issueWarrant is a court's: names become pseudonyms, on record and without the name; the warrant commits to them and is signed here.
func issueWarrant(ctx context.Context, args []string, out, log io.Writer) error {
	var w warrantFlags
	f := flags("investigate issue", log)
	w.define(f)
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune investigate issue --id ID --plate PLATE --basis TEXT --until DAY [--extends FILE]

A court's warrant names the people it is about by commitments: the signed document, which is public, says how many they are and not who.
Each name is turned into a pseudonym by the guardians; that this was done stands on record, the name does not. Two files are written: the
warrant, for the city's register, and what opens it, for whom it empowers. Guardians open nothing of anybody whom it does not name.

`)
		f.PrintDefaults()
	}
	verbs, err := words(f, args)
	if err != nil {
		return err
	}
	if len(verbs) != 1 || w.id == "" || len(w.plates) == 0 || w.basis == "" || w.until == "" {
		return tribune.Hint(fmt.Errorf("%w: issue needs --id, --plate, --basis and --until", errUsage), "tribune investigate issue -h")
	}
	signer, err := w.signer()
	if err != nil {
		return err
	}
	c, err := client.Open(w.dir, w.as)
	if err != nil {
		return err
	}
	m, hidden, err := w.mandate(c.Purpose, time.Now())
	if err != nil {
		return err
	}
	city, people, err := w.find(ctx, c, log)
	if err != nil {
		return err
	}
	doc, opening, err := court.Issue(m, city, hidden, signer, people...)
	if err != nil {
		return err
	}
	return w.write(doc, opening, out)
}

func (w *warrantFlags) signer() (note.Signer, error) {
	file := orDefault(w.key, filepath.Join(w.dir, "institutions", "court.key"))
	skey, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the court's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, fmt.Errorf("%w: %s holds no note secret key", tribune.ErrInvalid, file)
	}
	return signer, nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// mandate is the warrant without names, and the quarter whose chains it extends; in force from today.
func (w *warrantFlags) mandate(purpose tribune.PurposeID, now time.Time) (m tribune.Mandate, hidden uint32, err error) {
	last, err := time.Parse(time.DateOnly, w.until)
	if err != nil {
		return m, 0, fmt.Errorf("%w: --until %q is no day like 2027-01-31", errUsage, w.until)
	}
	m = tribune.Mandate{
		ID: tribune.MandateID(w.id), Purpose: purpose, Basis: w.basis, Offices: []tribune.OfficeID{tribune.OfficeID(w.office)},
		Classes: []tribune.ClassID{tribune.ClassID(w.class)}, MaxSubjects: 1, From: now.UTC().Truncate(24 * time.Hour), Until: last.AddDate(0, 0, 1), Disclose: protocol.QuarterOf(last),
	}
	if w.disclose != "" {
		if m.Disclose, err = protocol.ParseQuarter(w.disclose); err != nil {
			return m, 0, fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	if w.extends == "" {
		return m, 0, nil
	}
	doc, err := os.ReadFile(w.extends)
	if err != nil {
		return m, 0, fmt.Errorf("reading the earlier warrant: %w", err)
	}
	text, _ := protocol.SplitDocument(doc)
	earlier, bad := policy.MandateText(w.extends, text)
	if len(bad) > 0 || earlier.Disclose == 0 {
		return m, 0, fmt.Errorf("%w: %s is no warrant", tribune.ErrInvalid, w.extends)
	}
	m.Extends = earlier.ID
	return m, earlier.Disclose, nil
}

// find has every plate evaluated, and checks each answer and its entry on record. Nobody's word is taken for the guardians' keys.
func (w *warrantFlags) find(ctx context.Context, c *client.Client, log io.Writer) (city string, people []court.Person, err error) {
	trust, err := readTrust(orDefault(w.trust, filepath.Join(w.dir, "trust.txt")))
	if err != nil {
		return "", nil, err
	}
	asked, err := (&traceFlags{record: c.Base}).askWho(ctx, trust, log)
	if err != nil {
		return "", nil, fmt.Errorf("asking the guardians for their keys: %w", err)
	}
	group := asked.session.Save().Group
	for _, plate := range w.plates {
		p, answer, err := court.Find(ctx, c, group, protocol.PersonName{Type: "plate", Name: plate})
		if err != nil {
			return "", nil, err
		}
		if _, err := c.Prove(ctx, answer, trust); err != nil {
			return "", nil, fmt.Errorf("%w: %w", errDoesNotHold, err)
		}
		fmt.Fprintf(log, "on record: %s%s\n", c.Base, client.ReceiptPath(answer.Header))
		people = append(people, p)
	}
	return group.City, people, nil
}

// write never overwrites: an id is one warrant.
func (w *warrantFlags) write(doc, opening []byte, out io.Writer) error {
	to := orDefault(w.to, filepath.Join(w.dir, "people", "investigator-cole.warrants"))
	register := orDefault(w.register, filepath.Join(w.dir, "hub", "law", policy.DirMandates))
	warrant, opens := filepath.Join(register, w.id+".toml"), filepath.Join(to, w.id+".json")
	for _, file := range []string{warrant, opens} {
		if _, err := os.Lstat(file); !os.IsNotExist(err) {
			return tribune.Hint(fmt.Errorf("%w: %s is there already", tribune.ErrConflict, file), "Give the warrant another id.")
		}
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("keeping what opens the warrant: %w", err)
	}
	if err := durable.Write(opens, opening); err != nil {
		return fmt.Errorf("keeping what opens the warrant: %w", err)
	}
	if err := durable.WritePublic(warrant, doc); err != nil {
		return fmt.Errorf("writing the warrant: %w", err)
	}
	fmt.Fprintf(out, "%s: the warrant, about %d people and naming none of them in clear. The city takes it with SIGHUP.\n%s: what opens it. Give it to whom the warrant empowers, and to nobody else.\n", warrant, len(w.plates), opens)
	return nil
}
