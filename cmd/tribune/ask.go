package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

// runAsk reads personal data as an office holder does: the hub prepares the act, the holder's key signs it here, and the
// answer comes with its receipt. The question travels in a body, never in a URL.
func runAsk(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("ask", log)
	dir := f.String("dir", "demo-city", "the city's directory: its address and the asker's key")
	as := f.String("as", "", "who asks: a name in DIR/people; empty = anonymous")
	plate := f.String("plate", "", "the plate whose parking sessions are asked for")
	entityType := f.String("type", "ParkingSession", "entity type")
	q := f.String("q", "", "an NGSI-LD query instead of --plate")
	purpose := f.String("purpose", "", "why (default: the asker's usual purpose; none = public data only)")
	mandate := f.String("mandate", "", "by which mandate (default: the asker's usual mandate)")
	noPurpose := f.Bool("no-purpose", false, "ask without purpose and mandate")
	receipt := f.String("receipt", "", "write the receipt, with the entry it proves, to this file")
	limit := f.Int("limit", 20, "at most so many entities")
	if err := parse(f, args); err != nil {
		return err
	}
	c, err := client.Open(*dir, *as)
	if err != nil {
		return err
	}
	if *purpose != "" {
		c.Purpose = tribune.PurposeID(*purpose)
	}
	if *mandate != "" {
		c.Mandate = tribune.MandateID(*mandate)
	}
	if *noPurpose {
		c.Purpose, c.Mandate = "", ""
	}
	var who []protocol.PersonName
	if *plate != "" {
		who = append(who, protocol.PersonName{Type: "plate", Name: *plate})
	}
	if err := c.Opens(*dir, *as, who...); err != nil {
		return err
	}
	query := map[string]any{"type": "Query", "entities": []map[string]string{{"type": *entityType}}}
	switch {
	case *plate != "":
		value, err := json.Marshal(*plate)
		if err != nil {
			return err
		}
		query["q"] = "licensePlate==" + string(value)
	case *q != "":
		query["q"] = *q
	}
	body, err := json.Marshal(query)
	if err != nil {
		return err
	}
	answer, err := c.Read(ctx, http.MethodPost, fmt.Sprintf("/ngsi-ld/v1/entityOperations/query?limit=%d&options=keyValues", *limit), body)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return tribune.Hint(err, "Nobody answers at %s. Start the city: tribune demo --dir %s", c.Base, *dir)
	}
	if err != nil {
		return err
	}
	if warning := answer.Header.Get("NGSILD-Warning"); warning != "" {
		fmt.Fprintln(log, "warning:", warning)
	}
	if err := saveReceipt(ctx, c, answer, *dir, *receipt, log); err != nil {
		return err
	}
	if err := answer.Error(); err != nil {
		return err
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, answer.Body, "", "  ") != nil {
		pretty = *bytes.NewBuffer(answer.Body)
	}
	fmt.Fprintln(out, pretty.String())
	return nil
}

// saveReceipt verifies the answer's receipt under DIR/trust.txt, against the act that was signed, and writes it. Without
// that file it says that nothing was verified.
func saveReceipt(ctx context.Context, c *client.Client, a *client.Answer, dir, file string, log io.Writer) error {
	trust, err := readTrust(filepath.Join(dir, "trust.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(log, "warning: there is no trust.txt in %s: the receipt is not verified\n", dir)
	} else if err != nil {
		return err
	}
	receipt, err := c.Prove(ctx, a, trust)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	if receipt == nil {
		return nil
	}
	fmt.Fprintf(log, "on record: %s%s\n", c.Base, client.ReceiptPath(a.Header))
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, receipt, 0o644); err != nil {
		return fmt.Errorf("writing the receipt: %w", err)
	}
	return nil
}
