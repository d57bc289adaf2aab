package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/city"
	"tribune/internal/client"
	"tribune/policy"
	"tribune/protocol"
)

func lawVerbs() []string { return []string{"status", "diff", "withdraw"} }

// lawFlags are those of every verb.
type lawFlags struct {
	dir, url, key, reason string
	asJSON                bool
}

// runLaw shows changes of law on their way, compares sets, and withdraws a change before it takes effect.
func runLaw(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("law", log)
	var d lawFlags
	f.StringVar(&d.dir, "dir", "demo-city", "the city's directory: its address, and for withdraw the hub's law folder")
	f.StringVar(&d.url, "url", "", "the hub's address, instead of --dir")
	f.StringVar(&d.key, "key", "", "withdraw: the note secret key file of the steward or the council")
	f.StringVar(&d.reason, "reason", "", "withdraw: why, in words")
	f.BoolVar(&d.asJSON, "json", false, "status: print what the hub answers")
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune law status                                   the law in force, and changes on their way
       tribune law diff [HASH [OLDHASH]]                     what differs between a set (default: the first change) and another (default: in force)
       tribune law withdraw --dir DIR --key FILE HASH        end a change before it takes effect, signed by the steward or the council
`)
		f.PrintDefaults()
	}
	verbs, err := words(f, args)
	if err != nil {
		return err
	}
	if len(verbs) == 0 {
		return tribune.Hint(fmt.Errorf("%w: name a verb: %s", errUsage, strings.Join(lawVerbs(), ", ")), "tribune law status")
	}
	switch rest := verbs[1:]; {
	case verbs[0] == "status" && len(rest) == 0:
		return lawStatus(ctx, d, out)
	case verbs[0] == "diff" && len(rest) <= 2:
		return lawDiff(ctx, d, rest, out)
	case verbs[0] == "withdraw" && len(rest) == 1 && d.key != "":
		return lawWithdraw(d, rest[0], out)
	}
	return tribune.Hint(fmt.Errorf("%w: law %s is not used like this", errUsage, verbs[0]), "tribune law -h")
}

// lawAnswer is what this command reads of GET /law.json.
type lawAnswer struct {
	InForce tribune.Hash `json:"inForce"`
	Pending []struct {
		State     string       `json:"state"`
		Set       tribune.Hash `json:"set"`
		From      time.Time    `json:"from"`
		Left      int64        `json:"secondsLeft"`
		Approvals []string     `json:"approvals"`
		Needed    int          `json:"needed"`
		More      []string     `json:"permitsMore"`
		Refused   string       `json:"refused"`
	} `json:"pending"`
}

func (d lawFlags) get(ctx context.Context, path string) ([]byte, error) {
	c := &client.Client{Base: strings.TrimSuffix(d.url, "/")}
	if d.url == "" {
		var err error
		if c, err = client.Open(d.dir, ""); err != nil {
			return nil, err
		}
	}
	answer, err := c.Do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("asking the hub: %w", err)
	}
	return answer.Body, answer.Error()
}

func (d lawFlags) state(ctx context.Context) (lawAnswer, []byte, error) {
	var state lawAnswer
	body, err := d.get(ctx, "/law.json")
	if err == nil {
		err = json.Unmarshal(body, &state)
	}
	if err != nil {
		return state, nil, fmt.Errorf("reading the state of the law: %w", err)
	}
	return state, body, nil
}

func lawStatus(ctx context.Context, d lawFlags, out io.Writer) error {
	state, body, err := d.state(ctx)
	if err != nil {
		return err
	}
	if d.asJSON {
		_, err := out.Write(append(body, '\n'))
		return err
	}
	fmt.Fprintf(out, "in force: %s\n", state.InForce)
	if len(state.Pending) == 0 {
		fmt.Fprintln(out, "no change is on its way")
	}
	for _, c := range state.Pending {
		fmt.Fprintf(out, "\n%s: %s\n", c.State, c.Set)
		if c.State == "announced" {
			left := time.Duration(c.Left) * time.Second
			fmt.Fprintf(out, "  takes effect %s, in %d days %d hours\n", c.From.UTC().Format(time.RFC3339), int(left.Hours())/24, int(left.Hours())%24)
		}
		if c.State == "stuck" {
			fmt.Fprintf(out, "  on record, its wait over since %s, and in force for %d of the %d guardians that it takes: %s\n", c.From.UTC().Format(time.RFC3339), len(c.Approvals), c.Needed, orNobody(c.Approvals))
			fmt.Fprintln(out, "  what to do:", c.Refused)
			continue
		}
		fmt.Fprintf(out, "  approved by %d of %d: %s\n", len(c.Approvals), c.Needed, orNobody(c.Approvals))
		for _, what := range c.More {
			fmt.Fprintln(out, "  may permit more:", what)
		}
		if c.Refused != "" {
			fmt.Fprintln(out, "  goes no further:", c.Refused)
		}
	}
	return nil
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// lawDiff compares two sets by their texts. It checks that each has the hash asked for; who signed them is for guardians to check.
func lawDiff(ctx context.Context, d lawFlags, hashes []string, out io.Writer) error {
	state, _, err := d.state(ctx)
	if err != nil {
		return err
	}
	if len(hashes) == 0 {
		if len(state.Pending) == 0 {
			fmt.Fprintln(out, "no change is on its way")
			return nil
		}
		hashes = []string{state.Pending[0].Set.String()}
	}
	if len(hashes) == 1 {
		hashes = append(hashes, state.InForce.String())
	}
	var sets [2]*policy.Set
	for i, hash := range hashes {
		body, err := d.get(ctx, "/law/"+hash)
		if err != nil {
			return err
		}
		var file struct {
			Files map[string][]byte `json:"files"`
		}
		if err := json.Unmarshal(body, &file); err != nil || policy.HashFiles(file.Files).String() != hash {
			return fmt.Errorf("%w: what the hub shows is not policy set %s", errDoesNotHold, hash)
		}
		if sets[i], err = policy.ReadUnverified(file.Files); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, policy.Diff(sets[1], sets[0]))
	more := policy.Loosens(sets[1], sets[0])
	for _, what := range more {
		fmt.Fprintln(out, "may permit more:", what)
	}
	if len(more) == 0 {
		fmt.Fprintln(out, "it only tightens")
	}
	return nil
}

// lawWithdraw signs a withdrawal and lays it where the hub looks.
func lawWithdraw(d lawFlags, hash string, out io.Writer) error {
	var set tribune.Hash
	if err := set.UnmarshalText([]byte(hash)); err != nil {
		return fmt.Errorf("policy set: %w", err)
	}
	skey, err := os.ReadFile(d.key)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return fmt.Errorf("%w: %s is not a note secret key", tribune.ErrInvalid, d.key)
	}
	doc, err := protocol.SignDocument(city.WithdrawalText(set, d.reason, time.Now()), signer)
	if err != nil {
		return err
	}
	if err := city.WriteWithdrawal(city.Dir(d.dir), set, doc); err != nil {
		return err
	}
	fmt.Fprintf(out, "withdrawn by %s; a running hub acts on it within seconds, and a set that is announced is then ended on record\n", signer.Name())
	return nil
}
