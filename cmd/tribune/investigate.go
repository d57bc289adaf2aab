package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"syscall"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

func investigateVerbs() []string { return []string{"issue", "extend"} }

// runInvestigate issues a court's warrant, or puts off the day on which a person learns of an investigation, under a further one. To read
// under a warrant is tribune ask.
func runInvestigate(ctx context.Context, args []string, out, log io.Writer) error {
	if slices.Contains(args, "issue") {
		return issueWarrant(ctx, args, out, log)
	}
	f := flags("investigate", log)
	dir := f.String("dir", "demo-city", "the city's directory: its address and the asker's key")
	as := f.String("as", "", "who asks: a name in DIR/people")
	mandate := f.String("mandate", "", "the court's further warrant; it names in extends the one before")
	plate := f.String("plate", "", "the plate of the vehicle that the investigation is about")
	quarter := f.String("quarter", "", "the quarter after which the person would learn of it, like 2026-Q4")
	note := f.String("note", "", "what the act commits to besides, in words; the record does not show it")
	receipt := f.String("receipt", "", "write the receipt, with the entry it proves, to this file")
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune investigate issue ...
       tribune investigate extend --as NAME --plate PLATE --quarter QUARTER --mandate WARRANT

Before the quarter is over a court may put off the disclosure, by a further warrant, for a year at most. That it did stands on record at
once; whom it is about does not. To read under a warrant: tribune ask. How a court issues one: tribune investigate issue -h.
Flags may stand on either side of the verb.

`)
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	if len(words) != 1 || words[0] != "extend" {
		return tribune.Hint(fmt.Errorf("%w: say what to do", errUsage), "tribune investigate -h")
	}
	if *plate == "" || *quarter == "" || *mandate == "" {
		return fmt.Errorf("%w: extend needs --plate, --quarter and --mandate", errUsage)
	}
	c, err := client.Open(*dir, *as)
	if err != nil {
		return err
	}
	c.Mandate = tribune.MandateID(*mandate)
	if err := c.Opens(*dir, *as, protocol.PersonName{Type: "plate", Name: *plate}); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"name": map[string]string{"type": "plate", "name": *plate}, "quarter": *quarter, "note": *note})
	if err != nil {
		return err
	}
	answer, err := c.Read(ctx, http.MethodPost, "/extensions", body)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return tribune.Hint(err, "Nobody answers at %s. Start the city: tribune demo --dir %s", c.Base, *dir)
	}
	if err != nil {
		return err
	}
	if err := saveReceipt(ctx, c, answer, *dir, *receipt, log); err != nil {
		return err
	}
	if err := answer.Error(); err != nil {
		return err
	}
	var told struct{ Index uint64 }
	if err := json.Unmarshal(answer.Body, &told); err != nil {
		return fmt.Errorf("reading the hub's answer: %w", err)
	}
	fmt.Fprintf(out, "entry %d: on record; the person learns of the investigation later, as the warrant says\n", told.Index)
	return nil
}
