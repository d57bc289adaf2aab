// Command tribune is the hub of a city and the tools around it.
//
//	tribune demo    [--dir DIR] [--http ADDR] [--people N] [--speed N]   a whole city on this machine, from real data
//	tribune serve   --dir DIR [--http ADDR] ...                          a hub, with guardians that run elsewhere
//	tribune ask     --dir DIR --as NAME --plate PLATE ...                ask for personal data, as an office holder does
//	tribune verify  --trust FILE RECEIPT                                 check a receipt offline, trusting nobody
//	tribune check   DIR                                                  explain a city's law, file by file
//	tribune key     --out FILE [--name NAME]                             make a key of an institution or an office holder
//	tribune sign    --key FILE FILE...                                   sign law files as their issuer
//	tribune bench   NAME [--json]                                        speed of a fresh hub, against its own ceiling
//	tribune drill   NAME [--json]                                        play a fault or an attack against real processes
//
// Logs go to standard error as text lines, answers to standard output. Exit codes: 0 done, 1 failed, 2 wrong usage,
// 3 what was checked does not hold.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"tribune"
)

// command is one subcommand. Hidden ones are for the binary's own use.
type command struct {
	name, line string
	hidden     bool
	run        func(ctx context.Context, args []string, out, log io.Writer) error
}

func commands() []command {
	return []command{
		{"demo", "start a whole city on this machine, from real data", false, runDemo},
		{"serve", "run a hub with guardians that run elsewhere", false, runServe},
		{"ask", "ask for personal data, as an office holder does", false, runAsk},
		{"verify", "check a receipt offline, trusting nobody", false, runVerify},
		{"check", "explain a city's law, file by file", false, runCheck},
		{"key", "make a key of an institution or of an office holder", false, runKey},
		{"sign", "sign law files as their issuer", false, runSign},
		{"bench", "measure a fresh hub against its own ceiling", false, runBench},
		{"drill", "play a fault or an attack against real processes", false, runDrill},
		{"bench-ceiling", "the server of ready bytes that bench measures against", true, runCeiling},
		{"guardian", "a guardian's process, started by demo", true, runGuardian},
		{"version", "print the version", false, runVersion},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second ctrl-C ends at once what a first one asked to end in order
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage marks what the caller can mend by reading the help; errDoesNotHold marks a check that failed.
var (
	errUsage       = errors.New("usage")
	errDoesNotHold = errors.New("does not hold")
)

func run(ctx context.Context, args []string, out, log io.Writer) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		help(out)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return exit(log, c.run(ctx, args[1:], out, log))
		}
	}
	return exit(log, fmt.Errorf("%w: there is no command %q; see tribune help", errUsage, args[0]))
}

func exit(log io.Writer, err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, context.Canceled):
		return 0
	}
	fmt.Fprintln(log, "tribune:", strings.TrimPrefix(err.Error(), "usage: "))
	if hint := tribune.HintOf(err); hint != "" {
		fmt.Fprintln(log, "  ", hint)
	}
	switch {
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errDoesNotHold):
		return 3
	}
	return 1
}

func help(out io.Writer) {
	fmt.Fprint(out, "Tribune: a city's data platform that can prove what it did.\n\n")
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(out, "  tribune %-8s %s\n", c.name, c.line)
		}
	}
	fmt.Fprint(out, "\nEach command explains its flags with -h.\n")
}

// flags is a flag set that prints to log and returns its errors.
func flags(name string, log io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("tribune "+name, flag.ContinueOnError)
	f.SetOutput(log)
	return f
}

// parse parses args; a mistake is errUsage (the flag package has printed it), -h is flag.ErrHelp.
func parse(f *flag.FlagSet, args []string) error {
	err := f.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return fmt.Errorf("%w: %w", errUsage, err)
}
