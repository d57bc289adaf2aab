package guardian

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"tribune"
	"tribune/protocol"
)

const personUsage = "desk --config FILE --idtype TYPE --name NAME --recipient KEY [--y Y [--quarters Q,...]] [--representation FILE --representative TYPE=NAME]"

// runPerson is guardian person desk: this guardian's share for somebody who has come in person and shown their papers. It prints JSON, sealed
// to the recipient key of the desk that helps them; `tribune trace desk` makes that key and puts the shares together.
func runPerson(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 || args[0] != "desk" {
		return fmt.Errorf("%w: person knows desk only\n%s", tribune.ErrInvalid, usage())
	}
	flags := newFlags("person desk")
	config := flags.String("config", "", "configuration file")
	dir := flags.String("dir", "", "this guardian's own folder")
	idtype := flags.String("idtype", "", "what kind of name, like plate")
	name := flags.String("name", "", "the name, as the person's papers show that it is theirs")
	recipient := flags.String("recipient", "", "the desk's key, in base64")
	y := flags.String("y", "", "second round: the name's evaluation, in base64")
	proof := flags.String("representation", "", "of a representative, who asks for their ward: the file that tribune trace desk wrote")
	papers := flags.String("representative", "", "with --representation: the representative's own name as TYPE=NAME, as their papers show it")
	quarters := flags.String("quarters", "", "second round: quarters of hidden chains, like 2026-Q3, with commas between them")
	if err := parseFlags(flags, args[1:], "config", "idtype", "name", "recipient"); err != nil {
		return err
	}
	f, err := ReadFile(*config)
	if err != nil {
		return err
	}
	if *dir != "" {
		f.Dir = *dir
	}
	req := deskRequest{Path: protocol.PersonNamePath, PersonRequest: protocol.PersonRequest{Name: protocol.PersonName{Type: *idtype, Name: *name}, Quarters: []uint32{}}}
	if req.Recipient, err = base64.StdEncoding.DecodeString(*recipient); err != nil {
		return fmt.Errorf("%w: --recipient is not base64", tribune.ErrInvalid)
	}
	if *y != "" {
		req.Path = protocol.PersonKeysPath
		if req.Y, err = base64.StdEncoding.DecodeString(*y); err != nil {
			return fmt.Errorf("%w: --y is not base64", tribune.ErrInvalid)
		}
	}
	for s := range strings.SplitSeq(*quarters, ",") {
		if s == "" {
			continue
		}
		q, err := protocol.ParseQuarter(s)
		if err != nil {
			return err
		}
		req.Quarters = append(req.Quarters, q)
	}
	if err := req.represented(*proof, *papers); err != nil {
		return err
	}
	if err := req.Validate(); err != nil {
		return err
	}
	a, err := askDesk(ctx, f.Dir, req)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(a)
}

// represented adds what a representative shows.
func (r *deskRequest) represented(file, papers string) error {
	if file == "" && papers == "" {
		return nil
	}
	kind, name, ok := strings.Cut(papers, "=")
	if file == "" || !ok || kind == "" || name == "" {
		return fmt.Errorf("%w: --representation and --representative TYPE=NAME go together", tribune.ErrInvalid)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading what the representative shows: %w", err)
	}
	r.Papers, r.Representation = &protocol.PersonName{Type: kind, Name: name}, new(protocol.RepresentationProof)
	if len(data) > protocol.MaxPersonRequest || json.Unmarshal(data, r.Representation) != nil {
		return fmt.Errorf("%w: %s is not what tribune trace desk wrote", tribune.ErrInvalid, file)
	}
	return nil
}
