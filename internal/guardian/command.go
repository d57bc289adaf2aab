package guardian

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"tribune"
)

// command is one subcommand of guardian. A new one is a row in commands and a file commandNAME.go with its run function.
type command struct {
	name  string // one word
	args  string // synopsis of what follows the name
	about string // one line
	run   func(ctx context.Context, args []string, stdout io.Writer) error
}

func commands() []command {
	return []command{
		{"init", "--dir DIR --name NAME", "make this guardian's key; prints its public key", runInit},
		{"check", "--config FILE [--dir DIR] [--reach] [--json]", "explain a configuration and what is missing", runCheck},
		{"serve", "--config FILE [--dir DIR] [--listen HOST:PORT]", "mirror, co-sign, release, refuse; until interrupted", runServe},
		{"change", "show|accept --config FILE [--yes] CHANGE", "read, or accept, a change of who the guardians are", runChange},
		{"status", "--config FILE | --url URL [--key KEY] [--json]", "how it is: head, co-signatures, shares, law, clocks, disk", runStatus},
		{"ceremony", "--config FILE [--wait=false] [--json]", "follow the making of the keys until they exist", runCeremony},
		{"person", personUsage, "your share of a lost trace key, for somebody who has shown you their papers", runPerson},
		{"approve", approveUsage, "read a proposed change of law, approve it, withdraw that", runApprove},
	}
}

// Main is the command guardian: args are those after its name. It ends with ctx.
func Main(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no command\n%s", tribune.ErrInvalid, usage())
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], stdout)
		if errors.Is(err, flag.ErrHelp) {
			_, err = io.WriteString(stdout, usage())
		}
		return err
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		_, err := io.WriteString(stdout, usage())
		return err
	}
	return fmt.Errorf("%w: unknown command %q\n%s", tribune.ErrInvalid, args[0], usage())
}

// usage is made from the table.
func usage() string {
	var b strings.Builder
	b.WriteString("usage:\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  guardian %-7s %s\n        %s\n", c.name, c.args, c.about)
	}
	return b.String()
}

// newFlags are the flags of one subcommand.
func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet("guardian "+name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// parseFlags reads them. No word may be left over, and each of need must be given.
func parseFlags(flags *flag.FlagSet, args []string, need ...string) error {
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	if err != nil {
		return fmt.Errorf("%w: %w\n%s", tribune.ErrInvalid, err, usage())
	}
	for _, name := range need {
		if flags.Lookup(name).Value.String() == "" {
			return fmt.Errorf("%w: %s needs --%s\n%s", tribune.ErrInvalid, strings.TrimPrefix(flags.Name(), "guardian "), strings.Join(need, " and --"), usage())
		}
	}
	return nil
}
