package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// runMan prints the manual page tribune(1), in the man(7) macros.
func runMan(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("man", log)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: man takes no argument %q", errUsage, f.Arg(0))
	}
	var b strings.Builder
	fmt.Fprintf(&b, ".TH TRIBUNE 1 \"\" \"tribune %s\" \"Tribune\"\n", roff(version()))
	b.WriteString(".SH NAME\ntribune \\- a city's data platform that can prove what it did\n.SH SYNOPSIS\n")
	for _, c := range shown() {
		fmt.Fprintf(&b, ".B tribune %s\n[\\fIflags\\fR] %s\n.br\n", roff(c.name), roff(c.operands))
	}
	b.WriteString(".SH DESCRIPTION\n")
	b.WriteString(roff("Public data are served at once. Personal data are sealed as they arrive; the key that opens them does not exist until independent guardians release their shares of it, for one act, after they have seen that act on a public record. Answers go to standard output, logs to standard error.") + "\n")
	b.WriteString(".SH COMMANDS\n")
	for _, c := range shown() {
		fmt.Fprintf(&b, ".SS tribune %s %s\n%s.\n", roff(c.name), roff(c.operands), roff(c.line))
		for _, o := range describe(c) {
			fmt.Fprintf(&b, ".TP\n.B \\-\\-%s", roff(o.name))
			if o.value != "" {
				fmt.Fprintf(&b, " \\fI%s\\fR", roff(o.value))
			}
			fmt.Fprintf(&b, "\n%s", roff(o.usage))
			if o.def != "" {
				fmt.Fprintf(&b, " (default %s)", roff(o.def))
			}
			b.WriteString("\n")
		}
		if words := operandNames(c); len(words) > 0 {
			fmt.Fprintf(&b, ".PP\n%s: %s.\n", roff(c.operands), roff(strings.Join(words, ", ")))
		}
	}
	b.WriteString(`.SH FILES
.TP
.I DIR/city.toml
the configuration;
.B tribune config
prints it with its manual
.TP
.I DIR/hub
store, record, law, devices and keys of the hub
.TP
.I DIR/hub/keys/epoch.key
wraps what is sealed; never in a backup
.TP
.I DIR/hub/admin.sock
by which
.B tribune backup
reaches the running hub
.TP
.I DIR/trust.txt
the keys under which receipts are verified
.SH SIGNALS
SIGTERM and SIGINT stop in order; SIGHUP reads mandates, appointments and tokens again.
.SH EXIT STATUS
0 done, 1 failed, 2 wrong usage, 3 what was checked does not hold.
`)
	_, err := io.WriteString(out, b.String())
	return err
}

// roff is s as text of a page: no character of it is a request or an escape.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
