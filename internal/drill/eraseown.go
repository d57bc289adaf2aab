package drill

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

const (
	ownActor   = "person-drill"
	ownToken   = "drill_own_token"
	ownSession = 900_000_003
)

// own: a person has their own key appointed by the council, and erases themselves with it; somebody else they cannot.
func (e *erasureDrill) own(ctx context.Context) error {
	p, c, me := e.play, e.city, e.others[len(e.others)/2]
	if err := c.park(ctx, sessionID(ownSession), me); err != nil {
		return err
	}
	if err := settled(ctx); err != nil {
		return err
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, me.plate)
	if err != nil {
		return err
	}
	p.control(tells(a, sessionID(ownSession), me), "before a person erases themselves, an inspector reads their session", "plate and driver in clear", "%s", shown(a))
	subject, err := e.lastRead(ctx)
	if err != nil {
		return err
	}
	if err := e.appoint(ctx, subject); err != nil {
		return err
	}
	ask := func(more ...string) (string, int, error) {
		return p.command(ctx, append([]string{"erase", "ask", "--dir", c.dir, "--as", ownActor, "--wait"}, more...)...)
	}
	output, code, err := ask("--plate", e.living.plate)
	if err != nil {
		return err
	}
	p.check(code != 0 && strings.Contains(output, "data of one person"), "a person asks, with a key for their own data, that somebody else be erased", "refused", "exit %d: %s", code, firstLine(output))
	if output, code, err = ask("--own"); err != nil {
		return err
	}
	if a, err = c.ask(ctx, inspector, me.plate); err != nil {
		return err
	}
	p.check(code == 0 && a.Status == http.StatusOK && !tells(a, sessionID(ownSession), me), "and that they be erased themselves: tribune erase ask --own", "on record, deleted; an inspector finds nothing", "exit %d: %s; %s", code, lastLineOf(output), shown(a))
	return nil
}

func lastLineOf(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// lastRead is the subject of the one reading of an inspector's that a copy of now tells of.
func (e *erasureDrill) lastRead(ctx context.Context) (p tribune.Pseudonym, err error) {
	now, err := steal(ctx, e.city.path("hub"), e.play.scratch("stolen-own"))
	if err != nil {
		return p, err
	}
	secrets, err := now.secrets()
	if err != nil {
		return p, err
	}
	u, err := now.unwrap(secrets)
	if err != nil {
		return p, err
	}
	for _, data := range u.openings {
		var o struct{ Private json.RawMessage }
		if err := json.Unmarshal(data, &o); err != nil {
			return p, fmt.Errorf("reading a stolen opening: %w", err)
		}
		private, err := protocol.DecodePrivate(o.Private)
		if err == nil && private.Actor == "inspector-ward" && len(private.Subjects) == 1 && len(private.Subjects[0].IDs) > 0 { // and no delivery of the subscription
			return private.Subjects[0].P, nil
		}
	}
	return p, fmt.Errorf("%w: no reading in the copy", errDrill)
}

// appoint has the council appoint a key to a person, as it does for a browser's, and waits until it is on record.
func (e *erasureDrill) appoint(ctx context.Context, subject tribune.Pseudonym) error {
	c := e.city
	skey, err := os.ReadFile(c.path("institutions", "council.key"))
	if err != nil {
		return fmt.Errorf("appointing a person's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return fmt.Errorf("appointing a person's key: %w", err)
	}
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	until := now.AddDate(0, 0, 30).Format(time.DateOnly)
	doc, err := protocol.SignDocument(fmt.Sprintf("actor = %q\noffice = \"data-subject\"\nkey = %q\nsubject = %q\nfrom = %s\nuntil = %s\n",
		ownActor, base64.StdEncoding.EncodeToString(public), subject, now.Format(time.DateOnly), until), signer)
	if err != nil {
		return err
	}
	tokens, err := os.ReadFile(c.path("hub", "law", "tokens.toml"))
	if err != nil {
		return err
	}
	tokens = fmt.Appendf(tokens, "\n[[token]]\nsha256 = \"%x\"\nactor = %q\noffice = \"data-subject\"\nuntil = %s\n", sha256.Sum256([]byte(ownToken)), ownActor, until)
	profile := fmt.Appendf(nil, `{"actor": %q, "office": "data-subject", "purpose": "erasure", "mandate": "erasure-2026", "token": %q}`, ownActor, ownToken)
	for path, data := range map[string][]byte{
		c.path("hub", "law", "appointments", ownActor+".toml"): doc, c.path("hub", "law", "tokens.toml"): tokens,
		c.path("people", ownActor+".json"): profile, c.path("people", ownActor+".key"): []byte(base64.StdEncoding.EncodeToString(key.Seed()) + "\n"),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("appointing a person's key: %w", err)
		}
	}
	if err := c.proc.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("having the hub read appointments again: %w", err)
	}
	return c.proc.until(ctx, startFor, "a person's key to be on record", func() (bool, error) {
		_, err := os.Stat(c.path("hub", "law", "appointments", ownActor+".recorded.json"))
		return err == nil, nil
	})
}
