package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"text/tabwriter"
	"time"

	"tribune"
	"tribune/internal/client"
)

func vitalVerbs() []string { return []string{"join", "ask", "pending", "approve", "show", "state"} }

// vitalFlags are those of every verb.
type vitalFlags struct {
	dir, as, class, entity, because string
	purpose, mandate                string
	wait                            bool
}

// runVital opens, two people together, what the law names while guardians cannot be reached.
func runVital(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("vital", log)
	var d vitalFlags
	f.StringVar(&d.dir, "dir", "demo-city", "the city's directory: its address and the asker's key")
	f.StringVar(&d.as, "as", "", "who: a name in DIR/people")
	f.StringVar(&d.class, "class", "", "ask: the class of data, as the register of classes names it")
	f.StringVar(&d.entity, "entity", "", "ask: the entity whose current values are needed")
	f.StringVar(&d.because, "because", "", "ask: why, in words; the person concerned reads it, the public does not")
	f.StringVar(&d.purpose, "purpose", "", "ask: the purpose (default: of the profile)")
	f.StringVar(&d.mandate, "mandate", "", "ask: by which mandate (default: of the profile)")
	f.BoolVar(&d.wait, "wait", false, "ask: wait for the second person and print the answer")
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune vital join --as NAME                                 give the hub the public half of your key, once
       tribune vital ask --as NAME --class CLASS --entity ID --because "..."   begin, while the guardians cannot be reached
       tribune vital pending --as NAME                              what waits for a second person of your office
       tribune vital approve --as NAME [ID]                         be the second person: the answer is printed
       tribune vital show --as NAME ID                              the answer once more, for 15 minutes
       tribune vital state                                          what is on in this city, and what was opened

It takes two people of the office that the law names, and works for values that arrived while the law named their class. While guardians
answer it is refused: ask the ordinary way. Each use is on record, with the person's mark, once the guardians are back.

`)
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	c, err := client.Open(d.dir, d.as)
	if err != nil {
		return err
	}
	if d.purpose != "" {
		c.Purpose = tribune.PurposeID(d.purpose)
	}
	if d.mandate != "" {
		c.Mandate = tribune.MandateID(d.mandate)
	}
	err = vitalVerb(ctx, c, &d, words, out, log)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return tribune.Hint(err, "Nobody answers at %s. Start the city: tribune demo --dir %s", c.Base, d.dir)
	}
	return err
}

func vitalVerb(ctx context.Context, c *client.Client, d *vitalFlags, words []string, out, log io.Writer) error {
	verb := ""
	if len(words) > 0 {
		verb = words[0]
	}
	if d.as == "" && verb != "state" && verb != "" {
		return tribune.Hint(fmt.Errorf("%w: say who you are", errUsage), "--as NAME")
	}
	switch {
	case verb == "state" && len(words) == 1:
		return vitalState(ctx, c, out)
	case verb == "join" && len(words) == 1:
		if err := c.JoinVital(ctx); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s holds keys from now on: values that arrive can be opened by them and another holder.\n", c.Actor)
		return nil
	case verb == "ask" && len(words) == 1:
		return vitalAsk(ctx, c, d, out, log)
	case verb == "pending" && len(words) == 1:
		return vitalPending(ctx, c, out)
	case verb == "approve" && len(words) <= 2:
		return vitalApprove(ctx, c, words[1:], out, log)
	case verb == "show" && len(words) == 2:
		return vitalShow(ctx, c, words[1], out)
	}
	return tribune.Hint(fmt.Errorf("%w: say what to do", errUsage), "tribune vital -h")
}

func vitalAsk(ctx context.Context, c *client.Client, d *vitalFlags, out, log io.Writer) error {
	if d.class == "" || d.entity == "" || d.because == "" {
		return tribune.Hint(fmt.Errorf("%w: say what is needed, and why", errUsage), `--class CLASS --entity ID --because "..."`)
	}
	asked, err := c.AskVital(ctx, tribune.ClassID(d.class), tribune.EntityID(d.entity), d.because)
	if err != nil {
		return err
	}
	a, err := c.ApproveVital(ctx, asked)
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "%s waits for a second person until %s: tribune vital approve --as NAME %s\n", asked.Order.ID, asked.Until.Local().Format(time.TimeOnly), asked.Order.ID)
	for d.wait {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		a, err := c.Do(ctx, http.MethodGet, "/vital/orders/"+url.PathEscape(asked.Order.ID), nil, nil)
		if err != nil {
			return err
		}
		if a.Status != http.StatusServiceUnavailable && a.Status != http.StatusTooManyRequests { // else it waits
			return printOpened(a, out)
		}
	}
	fmt.Fprintln(out, asked.Order.ID)
	return nil
}

func vitalPending(ctx context.Context, c *client.Client, out io.Writer) error {
	all, err := c.PendingVital(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprint(table, "ORDER\tASKED BY\tCLASS\tENTITY\tBECAUSE\tUNTIL\n")
	for _, p := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", printed(p.Order.ID), printed(p.By), printed(p.Order.Class), printed(p.Order.Entity), printed(p.Order.Reason), p.Until.Local().Format(time.TimeOnly))
	}
	return table.Flush()
}

// vitalApprove approves the order named, or the only one that waits. Who approves sees what it is before anything is signed.
func vitalApprove(ctx context.Context, c *client.Client, ids []string, out, log io.Writer) error {
	all, err := c.PendingVital(ctx)
	if err != nil {
		return err
	}
	var chosen []client.VitalAsked
	for _, p := range all {
		if len(ids) == 0 || p.Order.ID == ids[0] {
			chosen = append(chosen, p)
		}
	}
	switch {
	case len(chosen) == 0:
		return tribune.Hint(fmt.Errorf("%w: no order waits for you", tribune.ErrNotFound), "tribune vital pending --as NAME")
	case len(chosen) > 1:
		return tribune.Hint(fmt.Errorf("%w: several orders wait", errUsage), "Name one: tribune vital pending --as NAME")
	}
	o := chosen[0].Order
	fmt.Fprintf(log, "%s asks for class %s of %s, because: %s\n", printed(chosen[0].By), printed(o.Class), printed(o.Entity), printed(o.Reason))
	a, err := c.ApproveVital(ctx, chosen[0])
	if err != nil {
		return err
	}
	if a.Status == http.StatusAccepted {
		fmt.Fprintln(log, "It waits for a second person.")
		return nil
	}
	return printOpened(a, out)
}

func vitalShow(ctx context.Context, c *client.Client, id string, out io.Writer) error {
	a, err := c.Do(ctx, http.MethodGet, "/vital/orders/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return err
	}
	return printOpened(a, out)
}

// printOpened prints an answer as JSON, indented.
func printOpened(a *client.Answer, out io.Writer) error {
	if err := a.Error(); err != nil {
		return err
	}
	var any json.RawMessage
	if err := json.Unmarshal(a.Body, &any); err != nil {
		return fmt.Errorf("reading the hub's answer: %w", err)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(any)
}

func vitalState(ctx context.Context, c *client.Client, out io.Writer) error {
	a, err := c.Do(ctx, http.MethodGet, "/vital/state", nil, nil)
	if err != nil {
		return err
	}
	return printOpened(a, out)
}
