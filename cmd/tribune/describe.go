package main

import (
	"context"
	"flag"
	"io"
	"strings"

	"tribune/internal/bench"
	"tribune/internal/drill"
)

// description stands in for a command's log to learn its flags: every command defines them first and parses them next, before it
// does anything.
type description struct{ flags *flag.FlagSet }

func (*description) Write(p []byte) (int, error) { return len(p), nil }

// option is one flag of a command.
type option struct {
	name, value, usage, def string // value "" = a switch
}

// describe is what a command's flags are.
func describe(c command) (all []option) {
	var d description
	c.run(context.Background(), nil, io.Discard, &d)
	if d.flags == nil {
		return nil
	}
	d.flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		o := option{name: f.Name, value: value, usage: usage, def: f.DefValue}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			o.value, o.def = "", ""
		}
		if o.def == "0" || strings.Contains(usage, "default") {
			o.def = ""
		}
		all = append(all, o)
	})
	return all
}

// shown are the commands that people use.
func shown() (all []command) {
	for _, c := range commands() {
		if !c.hidden {
			all = append(all, c)
		}
	}
	return all
}

func benchNames() []string {
	names := []string{"all"}
	for _, b := range bench.All() {
		names = append(names, b.Name)
	}
	return names
}

func drillNames() []string {
	names := []string{"all", "list"}
	for _, d := range drill.All() {
		names = append(names, d.Name)
	}
	return names
}
