package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

func traceVerbs() []string { return []string{"recover", "desk"} }

// traceFlags are those of both verbs: one set, so that they may stand on either side of it.
type traceFlags struct {
	trust, record, key  string
	mirrors, guardians  many
	full, asJSON, print bool

	out, token, name string
	session, ward    string
	answers          many
	quarters         many
	patience         time.Duration
}

// many is a flag that may come more than once.
type many []string

func (m *many) String() string { return strings.Join(*m, ", ") }

func (m *many) Set(s string) error {
	*m = append(*m, s)
	return nil
}

// runTrace shows a person who used their data, from the public record, and gets them the key to find it with.
func runTrace(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("trace", log)
	var d traceFlags
	f.StringVar(&d.trust, "trust", "", "file with the keys of the log and its guardians (required; from a source you trust)")
	f.StringVar(&d.record, "record", "", "address of the city, or a directory with a copy of its log")
	f.Var(&d.mirrors, "mirror", "address of a guardian, whose copy is read rather than the city's; repeat it")
	f.StringVar(&d.key, "key", "", "file with your trace key; - reads standard input")
	f.BoolVar(&d.full, "full", false, "read the whole record: nobody learns what you look for")
	f.BoolVar(&d.asJSON, "json", false, "print one JSON object")
	f.BoolVar(&d.print, "print", false, "print a page of HTML in large type, to be handed over on paper")
	f.StringVar(&d.session, "session", "", "desk: file that holds one person's case until it is done")
	f.Var(&d.answers, "answer", "desk: file with what a guardian printed; repeat it")
	f.Var(&d.guardians, "guardian", "recover, desk: address of a guardian; repeat it (default: those that --record names)")
	f.StringVar(&d.out, "out", "", "recover, desk: file to keep the trace key in")
	f.StringVar(&d.token, "token", "", "recover: file into which you put an ID token made for the nonce that is printed, instead of logging in; - reads standard input")
	f.StringVar(&d.name, "name", "", "recover, desk: which name, as TYPE=NAME, like plate=AB12CDE (default: the only one)")
	f.StringVar(&d.ward, "for", "", "recover, desk: file with the signed representation by which you ask for somebody else's key")
	f.Var(&d.quarters, "quarter", "recover, desk: a quarter of which uses that were hidden then are to be found, like 2026-Q3; repeat it (default: the last two years)")
	f.DurationVar(&d.patience, "patience", 5*time.Minute, "recover: how long to wait until you have logged in")
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune trace --trust FILE --key FILE --record URL       every use of your data on record, and whether that is all
       tribune trace recover --trust FILE --record URL --out FILE  get your trace key back from the guardians, by logging in
       tribune trace desk --trust FILE --record URL --session FILE the same for somebody who came in person, at the ombudsman's

The city is not believed: entries are proven under the guardians' signatures. With --mirror it is not even asked.
Exit status: 0 all is well, 3 something on record is not as it should be, 1 it could not be checked.

`)
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	if d.trust == "" {
		return tribune.Hint(fmt.Errorf("%w: --trust is missing", errUsage), "tribune trace --trust trust.txt --key my.trace --record https://data.city.example")
	}
	trust, err := readTrust(d.trust)
	if err != nil {
		return err
	}
	switch {
	case len(words) == 0:
		return d.walk(ctx, trust, out, log)
	case len(words) == 1 && words[0] == "recover":
		return d.recover(ctx, trust, out, log)
	case len(words) == 1 && words[0] == "desk":
		return d.desk(ctx, trust, out, log)
	}
	return fmt.Errorf("%w: trace knows %v only", errUsage, traceVerbs())
}

// traced is what was found under one key.
type traced struct {
	Identity *tribune.Identity `json:"identity,omitempty"` // nil: the key file does not say
	*verify.Trail
}

// Empty is a hidden chain without uses, of which there is nothing to say.
func (t traced) Empty() bool { return t.hidden() && len(t.Uses)+len(t.Findings) == 0 }

func (t traced) hidden() bool { return t.Identity != nil && t.Identity.Kind == tribune.IdentityHidden }

// What is what the key is of.
func (t traced) What() string {
	if t.hidden() {
		return "Uses that were hidden at first, of " + protocol.Quarter(t.Identity.Quarter)
	}
	return "Uses of your data"
}

func (d *traceFlags) walk(ctx context.Context, trust *verify.Trust, out, log io.Writer) error {
	if d.key == "" || d.record == "" && len(d.mirrors) == 0 {
		return tribune.Hint(fmt.Errorf("%w: --key, and --record or --mirror, are needed", errUsage), "Without a key yet: tribune trace recover.")
	}
	keys, err := d.readKeys()
	if err != nil {
		return err
	}
	places, err := d.places(ctx, trust)
	if err != nil {
		return err
	}
	var all []traced
	for _, k := range keys {
		w := verify.Walk{Trust: trust, Key: k.k, Log: places.log, Indexes: places.indexes, Full: d.full, Now: time.Now(), Progress: progressOn(log)}
		trail, err := w.Run()
		clear(k.k)
		if err != nil {
			if errors.Is(err, tribune.ErrInvalid) || errors.Is(err, tribune.ErrNoQuorum) {
				err = fmt.Errorf("%w: %w", errDoesNotHold, err)
			}
			return err
		}
		all = append(all, traced{k.identity, trail})
	}
	clearProgress(log)
	switch {
	case d.asJSON:
		err = json.NewEncoder(out).Encode(map[string]any{"traces": all})
	case d.print:
		var law map[tribune.Hash]titles
		if law, err = d.titlesOf(ctx, trust, all); err == nil {
			err = printTraces(out, all, law, time.Now())
		}
	default:
		tellTraces(out, all)
	}
	if err != nil {
		return err
	}
	wrong := 0
	for _, t := range all {
		wrong += len(t.Findings)
	}
	if wrong > 0 {
		return tribune.Hint(fmt.Errorf("%w: %d findings", errDoesNotHold, wrong), "Show this to one of the guardians, or to the press: the entries named are public and cannot be taken back.")
	}
	return nil
}

// allOfThem is what a trail without findings proves.
const allOfThem = "The uses are numbered without a gap: guardians have released nothing about you for any other, but what a court hides for a time, which is told when its quarter is over."

func tellTraces(out io.Writer, all []traced) {
	for _, t := range all {
		if t.Empty() {
			continue
		}
		fmt.Fprintf(out, "%s: %d on record.\n", t.What(), len(t.Uses))
		for _, u := range t.Uses {
			fmt.Fprintln(out, " ", u.Words())
		}
		if len(t.Findings) > 0 {
			fmt.Fprintln(out, "\nNot as it should be:")
		}
		for _, x := range t.Findings {
			fmt.Fprintln(out, "  !", x.What)
		}
		fmt.Fprintln(out, "\nHow this is known:")
		for _, line := range t.Proof() {
			fmt.Fprintln(out, " ", line)
		}
		if len(t.Findings) == 0 {
			fmt.Fprintln(out, " ", allOfThem)
		}
		fmt.Fprintln(out, " ", t.Costs())
		fmt.Fprintln(out, " ", t.Learned())
	}
}

// traceKey is one key to walk with.
type traceKey struct {
	identity *tribune.Identity
	k        []byte
}

// readKeys reads the file of recover, or a bare key: k (32 bytes) or D (48 bytes), in hex or base64.
func (d *traceFlags) readKeys() ([]traceKey, error) {
	data, err := readOr(d.key)
	if err != nil {
		return nil, fmt.Errorf("reading the trace key: %w", err)
	}
	defer clear(data)
	text := bytes.TrimSpace(data)
	if bytes.HasPrefix(text, []byte("{")) {
		file, err := protocol.DecodeTraceKeys(text)
		if err != nil {
			return nil, err
		}
		var keys []traceKey
		for _, one := range file.Keys {
			k, err := protocol.TraceKey(one.D)
			if err != nil {
				return nil, err
			}
			keys = append(keys, traceKey{&one.Identity, k})
		}
		return keys, nil
	}
	raw, err := hex.DecodeString(string(text))
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(string(text))
	}
	switch {
	case err == nil && len(raw) == protocol.TraceKeySize:
		return []traceKey{{nil, raw}}, nil
	case err == nil && len(raw) == 48:
		k, err := protocol.TraceKey(raw)
		return []traceKey{{nil, k}}, err
	}
	return nil, tribune.Hint(fmt.Errorf("%w: %s holds no trace key", tribune.ErrInvalid, d.key), "It is the file that tribune trace recover wrote, or 32 or 48 bytes in hex or base64.")
}

// readOr reads a file, or standard input for -.
func readOr(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, protocol.MaxDocument))
	}
	return os.ReadFile(path)
}

// progressOn says on a terminal how far a walk is.
func progressOn(log io.Writer) func(verify.TraceCost) {
	if !isTerminal(log) {
		return nil
	}
	return func(c verify.TraceCost) {
		fmt.Fprintf(log, "\r%d entries, %d buckets read ", c.Leaves, c.Buckets)
	}
}

func clearProgress(log io.Writer) {
	if isTerminal(log) {
		fmt.Fprint(log, "\r\033[K")
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
