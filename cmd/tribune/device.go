package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/internal/intake/device"
	"tribune/protocol"
)

func deviceVerbs() []string { return []string{"new", "add", "list"} }

// deviceFlags are those of every verb: one set, so that they may stand on either side of it.
type deviceFlags struct {
	answers
	out, dir, url string
	ask, asJSON   bool
}

// runDevice makes documents of devices, hands signed ones to the hub, and lists what is registered. In between the steward
// signs, with tribune sign, on a machine of the steward's own.
func runDevice(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("device", log)
	var d deviceFlags
	d.define(f)
	f.BoolVar(&d.ask, "ask", false, "new: ask for what the flags do not say, even where standard input is no terminal")
	f.StringVar(&d.out, "out", "", "new: the document's file (default ID.toml); the token goes beside it, to ID.token")
	f.StringVar(&d.dir, "dir", "demo-city", "add, list: the city's directory, for its address")
	f.StringVar(&d.url, "url", "", "add, list: the city's address instead")
	f.BoolVar(&d.asJSON, "json", false, "list: print the register's JSON")
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune device new  [answers]       a document to be signed, and the device's token; on a terminal it asks
       tribune device add  FILE            hand a signed document to the hub
       tribune device list                 what is registered

Each answer of a document has its flag; flags may stand on either side of the verb.

`)
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(words) == 1 && words[0] == "new":
		return newDevice(&d, out, log)
	case len(words) == 2 && words[0] == "add":
		return addDevice(ctx, &d, words[1], out)
	case len(words) == 1 && words[0] == "list":
		return listDevices(ctx, &d, out)
	}
	return tribune.Hint(fmt.Errorf("%w: say what to do: device new, device add FILE, or device list", errUsage), "tribune device -h explains them.")
}

// newDevice writes an unsigned document and the token that belongs to it. Nothing is written where an answer is missing.
func newDevice(d *deviceFlags, out, log io.Writer) error {
	if d.ask || terminal(os.Stdin) {
		if err := d.questions(os.Stdin, log); err != nil {
			return err
		}
	}
	token, sum := device.NewToken()
	text, err := d.document(sum, time.Now())
	if err != nil {
		return err
	}
	if _, err := device.Parse(text); err != nil {
		return tribune.Hint(err, "Each answer has a flag (tribune device -h); on a terminal the command asks.")
	}
	path := d.out
	if path == "" {
		path = d.id + ".toml"
	}
	secret := strings.TrimSuffix(path, filepath.Ext(path)) + ".token"
	// The token comes first: a document whose token nobody has is of no use.
	for _, file := range []struct {
		path, text string
		mode       os.FileMode
	}{{secret, token + "\n", 0o600}, {path, text, 0o644}} {
		if err := create(file.path, file.text, file.mode); err != nil {
			return fmt.Errorf("writing the device's files: %w", err)
		}
	}
	fmt.Fprintf(out, `%s is what the city will say about the device. Read it, then let the steward sign it and hand it in:
  tribune sign --key steward.key %[1]s
  tribune device add --url URL %[1]s
%s is the device's token, its password: MQTT user name %s. Nobody else has it.
`, path, secret, d.id)
	return nil
}

// create writes a file that must not be there yet.
func create(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// terminal reports whether a person may be there to be asked.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// hub is the city whose register is meant. Anybody may ask it: a document's authority is its signature.
func (d *deviceFlags) hub() (*client.Client, error) {
	if d.url != "" {
		return &client.Client{Base: strings.TrimSuffix(d.url, "/")}, nil
	}
	return client.Open(d.dir, "")
}

func addDevice(ctx context.Context, d *deviceFlags, path string, out io.Writer) error {
	signed, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	text, signatures := protocol.SplitDocument(signed)
	doc, err := device.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if signatures == "" {
		return tribune.Hint(fmt.Errorf("%w: %s is not signed", tribune.ErrInvalid, path), "Let the city's steward sign it: tribune sign --key steward.key %s", path)
	}
	hub, err := d.hub()
	if err != nil {
		return err
	}
	a, err := hub.Do(ctx, http.MethodPost, "/devices", signed, http.Header{"Content-Type": {"text/plain; charset=utf-8"}})
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return unreachable(err, hub.Base, d.dir)
	}
	fmt.Fprintf(out, "%s is registered until %s: %s%s\n", doc.ID, lastDay(doc.Until), hub.Base, a.Header.Get("Location"))
	return nil
}

// lastDay is the last day on which something is in force that ends before until.
func lastDay(until time.Time) string { return until.Add(-time.Second).Format(time.DateOnly) }

func unreachable(err error, base, dir string) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return tribune.Hint(err, "Nobody answers at %s. Start the city: tribune demo --dir %s", base, dir)
	}
	return err
}

// listed is what the list shows of the register's JSON.
type listed struct {
	Entries []struct {
		ID    string    `json:"id"`
		Title string    `json:"title"`
		Kind  string    `json:"kind"`
		Until time.Time `json:"until"` // exclusive
	} `json:"entries"`
}

func listDevices(ctx context.Context, d *deviceFlags, out io.Writer) error {
	hub, err := d.hub()
	if err != nil {
		return err
	}
	a, err := hub.Do(ctx, http.MethodGet, "/registers/sensors.json", nil, nil)
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return unreachable(err, hub.Base, d.dir)
	}
	if d.asJSON {
		_, err := out.Write(append(a.Body, '\n'))
		return err
	}
	var all listed
	if err := json.Unmarshal(a.Body, &all); err != nil {
		return fmt.Errorf("%w: the register of devices: %w", tribune.ErrInvalid, err)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKIND\tUNTIL\tTITLE")
	for _, one := range all.Entries {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", one.ID, one.Kind, lastDay(one.Until), one.Title)
	}
	return table.Flush()
}
