// Command tribune is the hub of a city and the tools around it.
//
//	tribune demo    [--dir DIR] [--http ADDR] [--people N] [--speed N]   a whole city on this machine, from real data
//	tribune serve   --dir DIR [--http ADDR] ...                          a hub, with guardians that run elsewhere
//	tribune config  [--check FILE]                                       print a configuration with its manual, or check one
//	tribune check   DIR                                                  explain a city's configuration and law, file by file
//	tribune ask     --dir DIR --as NAME --plate PLATE ...                ask for personal data, as an office holder does
//	tribune subscribe new | list | end ID  --as NAME ...                 be told of personal data as they arrive, as an office holder
//	tribune erase   ask | state N | epoch | rotate                       have a person's data erased, on record; replace the epoch key
//	tribune vital   join | ask | approve ID | show ID | state  --as NAME    with a colleague, while guardians cannot be reached
//	tribune verify  --trust FILE RECEIPT                                 check a receipt offline, trusting nobody
//	tribune verifier [--lang LANG]                                       the same as one HTML file, for people to keep
//	tribune mirror  --trust FILE --record URL ...                        keep and serve a verified copy of a city's record
//	tribune watch   --trust FILE --record URL ...                        look at a city from outside, and report what does not fit
//	tribune trace   [recover | desk] --trust FILE ...                    who used your data, from the public record; your key back
//	tribune investigate extend --as NAME ...                             put off the disclosure of an investigation, on record
//	tribune key     --out FILE [--name NAME]                             make a key of an institution or an office holder
//	tribune sign    --key FILE [--jws] FILE...                           sign law files as their issuer
//	tribune law     status | diff [HASH] | withdraw HASH                 changes of law on their way
//	tribune guardians list | change ... | propose FILE | join            who the guardians are, and changes of that
//	tribune device  new | add FILE | list                                documents and tokens of devices
//	tribune backup  --dir DIR --out FILE [--keys]                        back up a running hub
//	tribune restore --dir DIR --from FILE --epoch-key FILE               put a backup where no hub is
//	tribune bench   NAME [--json]                                        speed of a fresh hub, against its own ceiling
//	tribune drill   NAME [--json]                                        play a fault or an attack against real processes
//	tribune explain audit | plan | train | export | defend | release | reproduce | verify | sign | publish   what explanations of a model give away, measured and judged
//	tribune version [--sbom]                                             what this program is made of
//	tribune completion bash|zsh|fish, tribune man                        made from the same table as the help
//
// Logs go to standard error as text lines (serve: as city.toml says), answers to standard output. Exit codes: 0 done, 1 failed,
// 2 wrong usage, 3 what was checked does not hold.
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
	"tribune/internal/drill"
	"tribune/internal/worker"
)

// command is one subcommand. Help, completion and the man page are made from this table and from each command's flags.
type command struct {
	name     string
	operands string // what follows the flags, as a synopsis writes it
	line     string
	hidden   bool            // for the binary's own use
	words    func() []string // what an operand can be, where that is a list; nil = files
	run      func(ctx context.Context, args []string, out, log io.Writer) error
}

func commands() []command {
	return []command{
		{name: "demo", line: "start a whole city on this machine, from real data", run: runDemo},
		{name: "serve", line: "run a hub with guardians that run elsewhere", run: runServe},
		{name: "config", line: "print a configuration with its manual, or check one", run: runConfig},
		{name: "check", operands: "DIR", line: "explain a city's configuration and law, file by file", run: runCheck},
		{name: "ask", line: "ask for personal data, as an office holder does", run: runAsk},
		{name: "subscribe", operands: "VERB", line: "be told of personal data as they arrive: a standing subscription, on record", words: subscribeVerbs, run: runSubscribe},
		{name: "erase", operands: "VERB", line: "have a person's data erased, on record; replace the epoch key", words: eraseVerbs, run: runErase},
		{name: "vital", operands: "VERB", line: "open without the guardians, two people together, what the law names: while they cannot be reached", words: vitalVerbs, run: runVital},
		{name: "verify", operands: "RECEIPT", line: "check a receipt offline, trusting nobody", run: runVerify},
		{name: "breach", line: "what a breach came to, by the public record; deadlines and drafts", run: runBreach},
		{name: "investigate", operands: "VERB", line: "put off, under a court's further warrant, when a person learns of an investigation", words: investigateVerbs, run: runInvestigate},
		{name: "verifier", line: "print the verifier of receipts as one HTML file that works offline", run: runVerifier},
		{name: "mirror", line: "keep and serve a verified copy of a city's record", run: runMirror},
		{name: "watch", line: "look at a city from outside, and report what does not fit", run: runWatch},
		{name: "trace", operands: "VERB", line: "who used your data, proven from the public record; with a verb, get your trace key back", words: traceVerbs, run: runTrace},
		{name: "represent", operands: "VERB", line: "who may act for a child or somebody in their care: write, end, put on record", words: representVerbs, run: runRepresent},
		{name: "key", line: "make a key of an institution or of an office holder", run: runKey},
		{name: "sign", operands: "FILE...", line: "sign law files as their issuer", run: runSign},
		{name: "law", operands: "VERB", line: "changes of law on their way: status, diff, withdraw", words: lawVerbs, run: runLaw},
		{name: "guardians", operands: "VERB", line: "who the guardians are, and changes of who they are", words: guardiansVerbs, run: runGuardians},
		{name: "device", operands: "VERB", line: "make a device's document, hand it to the hub, list what is registered", words: deviceVerbs, run: runDevice},
		{name: "backup", line: "back up a running hub", run: runBackup},
		{name: "restore", line: "put a backup where no hub is", run: runRestore},
		{name: "bench", operands: "NAME", line: "measure a fresh hub against its own ceiling", words: benchNames, run: runBench},
		{name: "drill", operands: "NAME", line: "play a fault or an attack against real processes", words: drillNames, run: runDrill},
		{name: "explain", operands: "VERB", line: "audit what a model's explanations give away about who it was trained on", words: explainWords, run: runExplain},
		{name: "version", line: "print the version, or what this program is made of", run: runVersion},
		{name: "completion", operands: "SHELL", line: "print the completion of bash, zsh or fish", words: shells, run: runCompletion},
		{name: "man", line: "print the manual page", run: runMan},
		{name: "bench-ceiling", line: "the server of ready bytes that bench measures against", hidden: true, run: runCeiling},
		{name: drill.AttackersCommand, line: "whoever attacks the hub in drill mqtt-flood", hidden: true, run: runAttackers},
		{name: worker.Command, line: "the process without keys, files and network that reads a file from outside", hidden: true, run: runWorker},
		{name: "guardian", line: "a guardian's process, started by demo", hidden: true, run: runGuardian},
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
			fmt.Fprintf(out, "  tribune %-10s %s\n", c.name, c.line)
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

// words parses args, with flags before, between and after the words that it returns.
func words(f *flag.FlagSet, args []string) (out []string, err error) {
	for rest := args; ; rest = f.Args()[1:] {
		if err := parse(f, rest); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return out, nil
		}
		out = append(out, f.Arg(0))
	}
}

// parse parses args; a mistake is errUsage (the flag package has printed it), -h is flag.ErrHelp. Who only wants to know the flags
// (see describe) gets them, and the command ends there.
func parse(f *flag.FlagSet, args []string) error {
	if d, ok := f.Output().(*description); ok {
		d.flags = f
		return flag.ErrHelp
	}
	err := f.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return fmt.Errorf("%w: %w", errUsage, err)
}
