package guardian

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tribune"
	"tribune/protocol"
)

const personUsage = "desk --config FILE --idtype TYPE --name NAME --recipient KEY [--y Y [--quarters Q,...]]"

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
	if err := req.Validate(); err != nil {
		return err
	}
	a, err := askDesk(ctx, f.Dir, req)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(a)
}
