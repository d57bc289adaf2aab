package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/city"
	"tribune/policy"
	"tribune/protocol"
)

// runCheck explains a law directory to its steward, or a city's whole directory, its configuration first, to its operator.
func runCheck(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("check", log)
	asJSON := f.Bool("json", false, "print a JSON array of findings")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return tribune.Hint(fmt.Errorf("%w: name one law directory, or a city's", errUsage), "tribune check demo-city/hub/law")
	}
	law := f.Arg(0)
	if _, err := os.Stat(law); err != nil {
		return fmt.Errorf("reading the law: %w", err)
	}
	var findings []policy.Finding
	if inside := string(city.Dir(law).Law()); isDir(inside) {
		config := city.FindConfig(city.Dir(law))
		law = inside
		found, err := configFindings(config)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a demo has none
			return err
		}
		findings = found
	}
	findings = append(findings, policy.Check(law)...)
	if err := printFindings(out, findings, *asJSON); err != nil {
		return err
	}
	if err := broken(findings, "the law"); err != nil || *asJSON {
		return err
	}
	files, err := policy.ReadFiles(law)
	if err != nil {
		return fmt.Errorf("reading the law: %w", err)
	}
	fmt.Fprintf(out, "The law can be used. Hub and guardians pin its floors by this hash: %s\n", policy.FloorsHash(files))
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
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
	keyFile := f.String("key", "", "the issuer's note secret key file, or with --jws a PKCS #8 key in PEM (required)")
	jws := f.Bool("jws", false, "write a JWS (RFC 7515, profile of JAdES baseline B) instead of a signed note")
	name := f.String("name", "", "with --jws and a PEM key: the signer's name in city.toml")
	certificate := f.String("certificate", "", "with --jws: the certificate, in PEM, that city.toml pins")
	printKey := f.Bool("print-key", false, "with --jws: print the public key as city.toml pins it, and sign nothing")
	if err := parse(f, args); err != nil {
		return err
	}
	if *jws {
		return signJWS(*keyFile, *name, *certificate, *printKey, f.Args(), out)
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
