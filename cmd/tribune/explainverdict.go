package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/audit"
	"tribune/protocol"
)

// verifyVerdict judges a whole verdict again, or reads a public or a signed one, and says what it rests on.
func verifyVerdict(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	if len(words) != 1 {
		return tribune.Hint(fmt.Errorf("%w: name one verdict", errUsage), "tribune explain verify report/verdict.json")
	}
	b, err := readBounded(words[0], audit.MaxVerdict)
	if err != nil {
		return err
	}
	var kind struct {
		Figures json.RawMessage `json:"figures"`
	}
	if json.Unmarshal(b, &kind) != nil || kind.Figures == nil {
		if d.model != "" {
			return tribune.Hint(fmt.Errorf("%w: a public verdict holds no figures that could be measured again", errUsage), "Its auditor keeps the whole one, verdict.json, and shows it to a court.")
		}
		return verifyPublic(b, d.key, out)
	}
	v, err := audit.Decode(b)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	plan, err := v.Plan.Hash()
	if err != nil {
		return err
	}
	refused := 0
	for _, f := range v.Figures {
		if f.Refused != "" {
			refused++
		}
	}
	fmt.Fprintf(out, "judged again: passed %t, as it says; SHA-256 %x\n", v.Passed, sha256.Sum256(b))
	fmt.Fprintf(out, "  rests on %d figures (%d refused, for want of data) by %s, seed %d, %d references %s\n", len(v.Figures), refused, strings.Join(v.Plan.Attacks, ", "), v.Plan.Seed, v.Plan.References, v.References)
	fmt.Fprintf(out, "  model    %s\n  training %s\n  test     %s\n  plan     %s\n  made %s by %s, fresh until %s\n", v.Model, v.Train, v.Test, plan, v.Made.Format(time.RFC3339), v.Program,
		v.Made.AddDate(0, 0, v.Plan.Days).Format(time.RFC3339))
	if d.model == "" {
		fmt.Fprintln(out, "  The figures themselves are checked by measuring again: add --model, --train and --test.")
	}
	for i, reason := range v.Reasons {
		if i == 10 {
			fmt.Fprintf(out, "  and %d reasons more\n", len(v.Reasons)-i)
			break
		}
		fmt.Fprintln(out, "  not passed:", reason)
	}
	if v.Made.After(time.Now().Add(clockSkew)) {
		return fmt.Errorf("%w: it says that it was made in the future", errDoesNotHold)
	}
	if err := besideIt(words[0], v, out); err != nil || d.model == "" {
		return err
	}
	return measureAgain(ctx, d, v, out, log)
}

// clockSkew is how far another's clock may be ahead of ours.
const clockSkew = 5 * time.Minute

// besideIt holds the public verdict in the same folder against the whole one.
func besideIt(path string, v *audit.Verdict, out io.Writer) error {
	beside, err := os.ReadFile(filepath.Join(filepath.Dir(path), publicFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	public, err := encodePublic(v)
	if err != nil {
		return err
	}
	if !slices.Equal(public, beside) {
		return fmt.Errorf("%w: %s beside it is not this verdict's", errDoesNotHold, publicFile)
	}
	fmt.Fprintf(out, "  %s beside it is this verdict's\n", publicFile)
	return nil
}

// verifyPublic reads a public verdict, signed or not.
func verifyPublic(b []byte, key string, out io.Writer) error {
	text, signatures := protocol.SplitDocument(b)
	signer := "nobody: it is not signed, so nobody answers for it"
	if signatures != "" {
		signer = "somebody; --key checks who"
		if key != "" {
			verifier, err := note.NewVerifier(strings.TrimSpace(key))
			if err != nil {
				return fmt.Errorf("%w: --key takes the auditor's public key, name+hash+base64", errUsage)
			}
			opened, names, err := protocol.OpenDocument(b, note.VerifierList(verifier))
			if err != nil {
				return fmt.Errorf("%w: %w", errDoesNotHold, err)
			}
			text, signer = opened, strings.Join(names, ", ")
		}
	} else if key != "" {
		return fmt.Errorf("%w: nobody has signed it", errDoesNotHold)
	}
	p, err := protocol.DecodeModelVerdict([]byte(strings.TrimSuffix(text, "\n")))
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	fmt.Fprintf(out, "public verdict: passed %t, signed by %s\n", p.Passed, signer)
	fmt.Fprintf(out, "  model %s\n  explanations %s\n  plan %s\n  from %s until %s, by %s\n", p.Model, strings.Join(p.Explanations, "; "), p.Plan,
		time.Unix(p.From, 0).UTC().Format(time.RFC3339), time.Unix(p.Until, 0).UTC().Format(time.RFC3339), p.Program)
	switch now := time.Now().Unix(); {
	case now < p.From:
		fmt.Fprintln(out, "  It does not count yet.")
	case now >= p.Until:
		fmt.Fprintln(out, "  It counts no more: a new audit is due.")
	}
	fmt.Fprintf(out, "  It rests on the whole verdict with SHA-256 %s, which its auditor keeps.\n", p.Verdict)
	return nil
}

// signVerdict signs the public verdict in an audit's folder, once it has been drawn from the whole one again: an auditor signs what they hold.
func signVerdict(_ context.Context, d *explainFlags, words []string, out, _ io.Writer) error {
	if len(words) != 1 || d.key == "" {
		return tribune.Hint(fmt.Errorf("%w: name the audit's folder and the auditor's key", errUsage), "tribune explain sign report --key auditor.key; tribune key makes one")
	}
	whole, err := readBounded(filepath.Join(words[0], verdictFile), audit.MaxVerdict)
	if err != nil {
		return err
	}
	v, err := audit.Decode(whole)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	if err := besideIt(filepath.Join(words[0], verdictFile), v, io.Discard); err != nil {
		return err
	}
	public, err := encodePublic(v)
	if err != nil {
		return err
	}
	skey, err := readBounded(d.key, 4<<10)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return fmt.Errorf("%w: %s is not a note secret key", tribune.ErrInvalid, d.key)
	}
	signed, err := protocol.SignDocument(string(public)+"\n", signer)
	if err != nil {
		return err
	}
	path := filepath.Join(words[0], signedFile)
	if err := durable.WritePublic(path, signed); err != nil {
		return fmt.Errorf("writing the signed verdict: %w", err)
	}
	fmt.Fprintf(out, "%s: signed by %s; passed %t\n", path, signer.Name(), v.Passed)
	return nil
}
