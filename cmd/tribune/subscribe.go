package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"tribune"
	"tribune/internal/client"
)

const subscriptions = "/ngsi-ld/v1/subscriptions"

func subscribeVerbs() []string { return []string{"new", "list", "end"} }

// subscribeFlags are those of every verb: one set, so that they may stand on either side of it.
type subscribeFlags struct {
	dir, as, purpose, mandate      string
	entityType, attrs, to, key     string
	until, description, file, save string
	asJSON                         bool
}

func (d *subscribeFlags) define(f interface {
	StringVar(*string, string, string, string)
	BoolVar(*bool, string, bool, string)
}) {
	f.StringVar(&d.dir, "dir", "demo-city", "the city's directory: its address and the office holder's key")
	f.StringVar(&d.as, "as", "", "who subscribes: a name in DIR/people")
	f.StringVar(&d.purpose, "purpose", "", "new: why (default: the office holder's usual purpose)")
	f.StringVar(&d.mandate, "mandate", "", "new: by which mandate (default: the office holder's usual mandate)")
	f.StringVar(&d.entityType, "type", "ParkingSession", "new: entity type")
	f.StringVar(&d.attrs, "attrs", "", "new: personal attributes to be told of, with commas between them")
	f.StringVar(&d.to, "to", "", "new: where to be told: an address under https or mqtts")
	f.StringVar(&d.key, "to-token", "", "new: a file with a token, which is sent to that address as Authorization: Bearer")
	f.StringVar(&d.until, "until", "", "new: the last day, as 2026-12-31 (default: the mandate's last)")
	f.StringVar(&d.description, "description", "", "new: a line that says what it is for")
	f.StringVar(&d.file, "file", "", "new: a subscription as NGSI-LD writes it, instead of type, attrs, to, until and description; - reads standard input")
	f.StringVar(&d.save, "receipt", "", "new: write the receipt, with the entry it proves, to this file")
	f.BoolVar(&d.asJSON, "json", false, "list: print the subscriptions as NGSI-LD writes them")
}

// runSubscribe makes, lists and ends standing subscriptions: an office holder is told of personal data as they arrive. Making one is an
// act: the hub prepares it, the holder's key signs it here, and it is on record before anything is told.
func runSubscribe(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("subscribe", log)
	var d subscribeFlags
	d.define(f)
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune subscribe new  --as NAME --attrs NAMES --to URL   be told of personal data as they arrive; an act on record
       tribune subscribe list --as NAME                          your standing subscriptions
       tribune subscribe end  --as NAME ID...                    end them

It ends with its mandate by itself. Nothing that rests is opened by it; whoever is told of finds it in their trace, once a day.
Flags may stand on either side of the verb.

`)
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	var do func(*client.Client) error
	switch {
	case len(words) == 1 && words[0] == "new":
		do = func(c *client.Client) error { return newSubscription(ctx, c, &d, out, log) }
	case len(words) == 1 && words[0] == "list":
		do = func(c *client.Client) error { return listSubscriptions(ctx, c, &d, out, log) }
	case len(words) > 1 && words[0] == "end":
		do = func(c *client.Client) error { return endSubscriptions(ctx, c, words[1:], out) }
	default:
		return tribune.Hint(fmt.Errorf("%w: say what to do: subscribe new, subscribe list, or subscribe end ID", errUsage), "tribune subscribe -h explains them.")
	}
	if d.as == "" {
		return tribune.Hint(fmt.Errorf("%w: --as is missing: only an office holder subscribes to personal data", errUsage), "The people of a demo are in %s.", filepath.Join(d.dir, "people"))
	}
	c, err := client.Open(d.dir, d.as)
	if err != nil {
		return err
	}
	return unreachable(do(c), c.Base, d.dir)
}

func newSubscription(ctx context.Context, c *client.Client, d *subscribeFlags, out, log io.Writer) error {
	if d.purpose != "" {
		c.Purpose = tribune.PurposeID(d.purpose)
	}
	if d.mandate != "" {
		c.Mandate = tribune.MandateID(d.mandate)
	}
	body, err := d.body(os.Stdin)
	if err != nil {
		return err
	}
	a, err := c.Read(ctx, http.MethodPost, subscriptions, body)
	if err != nil {
		return err
	}
	if err := saveReceipt(ctx, c, a, d.dir, d.save, log); err != nil {
		return err
	}
	if err := a.Error(); err != nil {
		return err
	}
	id, err := url.PathUnescape(strings.TrimPrefix(a.Header.Get("Location"), subscriptions+"/"))
	if err != nil {
		return fmt.Errorf("%w: the hub does not say how the subscription is called", tribune.ErrInvalid)
	}
	fmt.Fprintln(out, id)
	return nil
}

// body is the subscription, of the flags or of a file.
func (d *subscribeFlags) body(in io.Reader) ([]byte, error) {
	if d.file != "" {
		if d.attrs != "" || d.to != "" || d.key != "" || d.until != "" || d.description != "" {
			return nil, fmt.Errorf("%w: --file says it all: leave out --attrs, --to, --to-token, --until and --description", errUsage)
		}
		return readSubscription(d.file, in)
	}
	if d.attrs == "" || d.to == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: say of what (--attrs) and where (--to) to be told, or give the subscription (--file)", errUsage), "The page of a class of data lists its attributes, and who may be told of them.")
	}
	names := strings.Split(d.attrs, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	endpoint := map[string]any{"uri": d.to}
	if d.key != "" {
		token, err := os.ReadFile(d.key)
		if err != nil {
			return nil, fmt.Errorf("reading the token for the address: %w", err)
		}
		endpoint["receiverInfo"] = []map[string]string{{"key": "Authorization", "value": "Bearer " + strings.TrimSpace(string(token))}}
	}
	s := map[string]any{
		"type": "Subscription", "entities": []map[string]string{{"type": d.entityType}}, "watchedAttributes": names,
		"notification": map[string]any{"attributes": names, "endpoint": endpoint},
	}
	if d.description != "" {
		s["description"] = d.description
	}
	if d.until != "" {
		day, err := time.Parse(time.DateOnly, d.until)
		if err != nil {
			return nil, fmt.Errorf("%w: --until is a day, as 2026-12-31", errUsage)
		}
		s["expiresAt"] = day.AddDate(0, 0, 1).Format(time.RFC3339)
	}
	return json.Marshal(s)
}

const maxSubscription = 1 << 20 // the hub takes no more either

func readSubscription(file string, in io.Reader) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("reading the subscription: %w", err)
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(io.LimitReader(in, maxSubscription+1))
	if err != nil {
		return nil, fmt.Errorf("reading the subscription: %w", err)
	}
	if len(body) > maxSubscription || !json.Valid(body) {
		return nil, fmt.Errorf("%w: the subscription is not JSON of at most %d bytes", tribune.ErrInvalid, maxSubscription)
	}
	return body, nil
}

// standing is what the list shows of a subscription.
type standing struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	ExpiresAt time.Time `json:"expiresAt"`
	Watched   []string  `json:"watchedAttributes"`

	Notification struct {
		Attributes []string `json:"attributes"`
		Sent       int      `json:"timesSent"`
		Failed     int      `json:"timesFailed"` // of those sent
		Endpoint   struct {
			URI string `json:"uri"`
		} `json:"endpoint"`
	} `json:"notification"`
}

// listSubscriptions lists what the office holder has made. Who has made none is refused by the hub like anybody who may not see
// subscriptions.
func listSubscriptions(ctx context.Context, c *client.Client, d *subscribeFlags, out, log io.Writer) error {
	c.Purpose, c.Mandate = "", ""
	all := []json.RawMessage{}
	for more := true; more; {
		a, err := c.Do(ctx, http.MethodGet, fmt.Sprintf("%s?limit=100&offset=%d", subscriptions, len(all)), nil, nil)
		if err != nil {
			return err
		}
		if a.Status == http.StatusForbidden && len(all) == 0 {
			fmt.Fprintln(log, "You have no standing subscription.")
			break
		}
		if err := a.Error(); err != nil {
			return err
		}
		var page []json.RawMessage
		if err := json.Unmarshal(a.Body, &page); err != nil {
			return fmt.Errorf("%w: the list of subscriptions: %w", tribune.ErrInvalid, err)
		}
		all, more = append(all, page...), len(page) == 100
	}
	if d.asJSON {
		text, err := json.MarshalIndent(all, "", "  ")
		fmt.Fprintln(out, string(text))
		return err
	}
	if len(all) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATUS\tUNTIL\tSENT\tFAILED\tTO\tATTRIBUTES")
	for _, raw := range all {
		var s standing
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("%w: a subscription: %w", tribune.ErrInvalid, err)
		}
		attrs, until := s.Notification.Attributes, "-"
		if len(attrs) == 0 {
			attrs = s.Watched
		}
		if !s.ExpiresAt.IsZero() {
			until = lastDay(s.ExpiresAt)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", s.ID, s.Status, until, s.Notification.Sent, s.Notification.Failed, redacted(s.Notification.Endpoint.URI), strings.Join(attrs, " "))
	}
	return table.Flush()
}

// redacted is an address without the password that may stand in it.
func redacted(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "?"
	}
	return u.Redacted()
}

func endSubscriptions(ctx context.Context, c *client.Client, ids []string, out io.Writer) error {
	c.Purpose, c.Mandate = "", ""
	for _, id := range ids {
		a, err := c.Do(ctx, http.MethodDelete, subscriptions+"/"+url.PathEscape(id), nil, nil)
		if err != nil {
			return err
		}
		if a.Status == http.StatusForbidden || a.Status == http.StatusNotFound {
			return tribune.Hint(fmt.Errorf("%w: no standing subscription of yours is called %s", tribune.ErrNotFound, id), "tribune subscribe list names them.")
		}
		if err := a.Error(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has ended; what was told stays on record\n", id)
	}
	return nil
}
