package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/city"
	"tribune/policy"
	"tribune/protocol"
)

// runCheck explains a law directory to its steward.
func runCheck(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("check", log)
	asJSON := f.Bool("json", false, "print a JSON array of findings")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return tribune.Hint(fmt.Errorf("%w: name one law directory", errUsage), "tribune check demo-city/hub/law")
	}
	if _, err := os.Stat(f.Arg(0)); err != nil {
		return fmt.Errorf("reading the law: %w", err)
	}
	findings := policy.Check(f.Arg(0))
	broken := 0
	for _, finding := range findings {
		if finding.Level == policy.LevelError {
			broken++
		}
		if !*asJSON {
			fmt.Fprintln(out, finding)
		}
	}
	if *asJSON {
		if err := json.NewEncoder(out).Encode(findings); err != nil {
			return err
		}
	}
	if broken > 0 {
		return fmt.Errorf("%w: %d places in the law are broken", errDoesNotHold, broken)
	}
	if *asJSON {
		return nil
	}
	files, err := policy.ReadFiles(f.Arg(0))
	if err != nil {
		return fmt.Errorf("reading the law: %w", err)
	}
	fmt.Fprintf(out, "The law can be used. Hub and guardians pin its floors by this hash: %s\n", policy.FloorsHash(files))
	return nil
}

// runKey makes a key file and prints its public part.
func runKey(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("key", log)
	path := f.String("out", "", "the key's file, made with mode 0600 (required); one that is there is kept, and its public part printed")
	name := f.String("name", "", "whose note key, like birmingham.example/steward: it signs law, or a log; empty = an office holder's key, which signs acts")
	if err := parse(f, args); err != nil {
		return err
	}
	if *path == "" || f.NArg() > 0 {
		return tribune.Hint(fmt.Errorf("%w: name the key's file", errUsage), "tribune key --name birmingham.example/steward --out steward.key")
	}
	public, err := city.NewKey(*path, *name)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	fmt.Fprintln(out, public)
	return nil
}

// runSign replaces the signature of law files by one of the given key.
func runSign(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("sign", log)
	keyFile := f.String("key", "", "the issuer's note secret key file (required)")
	if err := parse(f, args); err != nil {
		return err
	}
	if *keyFile == "" || f.NArg() == 0 {
		return tribune.Hint(fmt.Errorf("%w: name a key and the files to sign", errUsage), "tribune sign --key steward.key classes.toml policies/*.cedar")
	}
	skey, err := os.ReadFile(*keyFile)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return fmt.Errorf("%w: %s is not a note secret key", tribune.ErrInvalid, *keyFile)
	}
	for _, path := range f.Args() {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		text, _ := protocol.SplitDocument(data)
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		signed, err := protocol.SignDocument(text, signer)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(path, signed, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		fmt.Fprintf(out, "%s: signed by %s\n", path, signer.Name())
	}
	return nil
}

func runVersion(ctx context.Context, args []string, out, log io.Writer) error {
	fmt.Fprintln(out, "tribune", version())
	return nil
}
