package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
	"tribune/verify/recovery"
)

// desk helps somebody who cannot log in, at the ombudsman's: three steps with one file between them, while colleagues at other guardians print
// their shares with `guardian person desk`. Nothing is sent from here.
func (d *traceFlags) desk(ctx context.Context, trust *verify.Trust, out, log io.Writer) error {
	if d.session == "" {
		return fmt.Errorf("%w: --session is missing: a file that holds this person's case until it is done", errUsage)
	}
	data, err := os.ReadFile(d.session)
	if errors.Is(err, fs.ErrNotExist) {
		return d.openDesk(ctx, trust, out, log)
	}
	if err != nil {
		return fmt.Errorf("reading the case: %w", err)
	}
	var saved recovery.Saved
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("%w: %s is no case of this desk", tribune.ErrInvalid, d.session)
	}
	s, err := recovery.Resume(trust, saved)
	if err != nil {
		return fmt.Errorf("reading the case: %w", err)
	}
	answers, err := d.readAnswers()
	if err != nil {
		return err
	}
	if len(saved.Y) == 0 {
		return d.nameAtDesk(s, answers, out, log)
	}
	return d.keysAtDesk(s, answers, out, log)
}

// openDesk begins: it makes the key that shares are sealed to, and says what to ask colleagues for.
func (d *traceFlags) openDesk(ctx context.Context, trust *verify.Trust, out, log io.Writer) error {
	ward, document, err := d.readWard()
	if err != nil {
		return err
	}
	kind, name, ok := strings.Cut(d.name, "=")
	if ward == nil && (!ok || kind == "" || name == "") {
		return fmt.Errorf("%w: --name is missing: whose key, as TYPE=NAME, like plate=AB12CDE, as their papers show", errUsage)
	}
	asked, err := d.askWho(ctx, trust, log)
	if err != nil {
		return err
	}
	s := asked.session
	s.NameRequest("", protocol.PersonName{Type: kind, Name: name})
	if ward != nil {
		if err := d.deskWard(ctx, s, ward, document); err != nil {
			return err
		}
		fmt.Fprintf(out, "That the key is asked for %s stands on record now, for %s to find. Copy %s to each guardian who is asked, and look at the papers of %s: the document names them.\n\n", ward.Ward.Called, ward.Ward.Called, proofFile(d.session), ward.Representative.Called)
	}
	if err := saveCase(d.session, s); err != nil {
		return err
	}
	fmt.Fprintf(out, "Ask %d guardians to look at the papers, and to run on their own machine:\n\n  %s\n\nThen: tribune trace desk --trust %s --session %s --answer FILE...\n", s.T(), d.deskCommand(s, nil), d.trust, d.session)
	return nil
}

// nameAtDesk puts the first round's answers together.
func (d *traceFlags) nameAtDesk(s *recovery.Session, answers []protocol.PersonAnswer, out, log io.Writer) error {
	culprits, err := s.Named(answers)
	blame(log, culprits)
	if err != nil {
		return err
	}
	quarters, err := d.chains(time.Now())
	if err != nil {
		return err
	}
	if err := saveCase(d.session, s); err != nil {
		return err
	}
	fmt.Fprintf(out, "The name is known. Ask the guardians to run:\n\n  %s\n\nThen: tribune trace desk --trust %s --session %s --out KEYFILE --answer FILE...\n", d.deskCommand(s, quarters), d.trust, d.session)
	return nil
}

// keysAtDesk puts the second round's answers together, and ends the case.
func (d *traceFlags) keysAtDesk(s *recovery.Session, answers []protocol.PersonAnswer, out, log io.Writer) error {
	if d.out == "" {
		return fmt.Errorf("%w: --out is missing: where to keep the key", errUsage)
	}
	quarters, err := d.chains(time.Now())
	if err != nil {
		return err
	}
	keys, withheld, culprits, err := s.Keys(s.KeysRequest("", quarters), answers)
	blame(log, culprits)
	if err != nil {
		return err
	}
	tellWithheld(log, withheld)
	if err := d.keep(keys, s.Save().Name, out); err != nil {
		return err
	}
	if s.Save().Representation != nil {
		os.Remove(proofFile(d.session))
	}
	return os.Remove(d.session)
}

func (d *traceFlags) deskCommand(s *recovery.Session, quarters []uint32) string {
	saved := s.Save()
	b64 := base64.StdEncoding.EncodeToString
	line := fmt.Sprintf("guardian person desk --config guardian.toml --idtype %s --name %s --recipient %s", shellQuote(saved.Name.Type), shellQuote(saved.Name.Name), b64(s.Recipient()))
	if saved.Representation != nil {
		line += " --representation " + shellQuote(filepath.Base(proofFile(d.session))) + " --representative " + shellQuote(representativeOf(saved.Representation))
	}
	if len(saved.Y) > 0 {
		var names []string
		for _, q := range quarters {
			names = append(names, protocol.Quarter(q))
		}
		line += " --y " + b64(saved.Y) + " --quarters " + strings.Join(names, ",")
	}
	return line
}

// shellQuote is a word as a shell takes it.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func saveCase(path string, s *recovery.Session) error {
	data, err := json.Marshal(s.Save())
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the case: %w", err)
	}
	return nil
}

func (d *traceFlags) readAnswers() (answers []protocol.PersonAnswer, err error) {
	if len(d.answers) == 0 {
		return nil, fmt.Errorf("%w: --answer is missing: a file with what a guardian printed; repeat it", errUsage)
	}
	for _, path := range d.answers {
		data, err := readOr(path)
		var a protocol.PersonAnswer
		if err == nil {
			err = json.Unmarshal(data, &a)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the answer in %s: %w", path, err)
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func blame(log io.Writer, culprits []string) {
	for _, c := range culprits {
		fmt.Fprintf(log, "%s sent a share that is not its own, or not of this case; it is left out\n", c)
	}
}

func tellWithheld(log io.Writer, withheld []uint32) {
	for _, q := range withheld {
		fmt.Fprintf(log, "What was hidden in %s is not disclosed yet.\n", protocol.Quarter(q))
	}
}
