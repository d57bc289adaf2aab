package guardian

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"tribune"
	"tribune/internal/guardian/wire"
)

// ceremonyEvery is how often the guardian is asked. The other institutions' people may take days.
const ceremonyEvery = 2 * time.Second

// runCeremony is guardian ceremony. The key generations are guardian serve's, and travel through the record; this shows how far they are, as the
// guardian on this machine has read it there, until the keys exist. It may be ended and begun again at any time.
func runCeremony(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("ceremony")
	config := flags.String("config", "", "configuration file of the guardian on this machine")
	dir := flags.String("dir", "", "this guardian's own folder")
	at := flags.String("url", "", "where it answers, if not where the configuration says")
	wait := flags.Bool("wait", true, "go on until the keys exist; else say how far they are, and end with status 1 while they do not")
	asJSON := flags.Bool("json", false, "print a line of JSON whenever something has changed")
	if err := parseFlags(flags, args, "config"); err != nil {
		return err
	}
	t, err := ours(*config, *dir, *at)
	if err != nil {
		return err
	}
	last := ""
	for {
		c, err := t.ceremony(ctx)
		text := c.text()
		if err != nil {
			text = "the guardian on this machine does not answer; is it running? guardian serve --config FILE\n"
		}
		if *asJSON && err == nil {
			raw, err := json.Marshal(c)
			if err != nil {
				return fmt.Errorf("encoding the ceremony's progress: %w", err)
			}
			text = string(raw) + "\n"
		}
		if text != last && (!*asJSON || err == nil) {
			if _, err := io.WriteString(stdout, text); err != nil {
				return fmt.Errorf("printing the ceremony's progress: %w", err)
			}
			last = text
		}
		if c.Founded {
			return nil
		}
		if !*wait {
			return fmt.Errorf("%w: the keys do not exist yet", tribune.ErrBusy)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the keys do not exist yet: %w", ctx.Err())
		case <-time.After(ceremonyEvery):
		}
	}
}

// Ceremony is what guardian ceremony shows.
type Ceremony struct {
	Founded bool            `json:"founded"` // the group is on record, signed by all
	State   string          `json:"state"`
	Epoch   uint32          `json:"epoch"`
	Runs    []wire.Progress `json:"runs"`
}

func (t target) ceremony(ctx context.Context) (Ceremony, error) {
	var s wire.Status
	if err := ask(ctx, t.http, t.base+"/status", &s); err != nil {
		return Ceremony{}, err
	}
	c := Ceremony{Founded: s.Group != nil, State: s.Ceremony, Epoch: s.Epoch, Runs: s.Progress}
	if c.Runs == nil {
		c.Runs = []wire.Progress{}
	}
	return c, nil
}

// text is a line for each key and each step, and what went wrong.
func (c Ceremony) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", c.State)
	if c.Founded && len(c.Runs) == 0 {
		return b.String()
	}
	for _, r := range c.Runs {
		run, _, change := strings.Cut(r.Run, "/")
		what := map[string]string{"seal": "the key that seals", "name": "the key that names"}[run]
		if change {
			what += ", its shares made anew"
		}
		if r.Over {
			fmt.Fprintf(&b, "  %s: made\n", what)
			continue
		}
		fmt.Fprintf(&b, "  %s, attempt %d\n", what, r.Attempt)
		fmt.Fprintf(&b, "    hello     %s\n", tally(r.Hello, r.Members, len(r.Members)))
		fmt.Fprintf(&b, "    dealt     %s\n", tally(r.Dealt, nil, r.Needed))
		fmt.Fprintf(&b, "    responded %s\n", tally(r.Responded, r.Members, len(r.Members)))
		if r.Waits != "" {
			fmt.Fprintf(&b, "    %s\n", r.Waits)
		}
		if r.Trouble != "" {
			fmt.Fprintf(&b, "    what went wrong: %s\n", r.Trouble)
		}
	}
	return b.String()
}

// tally is how many of those needed, who, and who of all is missing.
func tally(have, all []string, need int) string {
	text := fmt.Sprintf("%d of %d", len(have), need)
	if len(have) > 0 {
		text += ": " + strings.Join(have, ", ")
	}
	there := map[string]bool{}
	for _, name := range have {
		there[name] = true
	}
	var missing []string
	for _, name := range all {
		if !there[name] {
			missing = append(missing, name)
		}
	}
	if len(have) > 0 && len(missing) > 0 {
		text += "; missing: " + strings.Join(missing, ", ")
	}
	return text
}
