package main

import (
	"context"
	"fmt"
	"io"

	"tribune/internal/portal"
)

// runVerifier prints the verifier that people keep as one HTML file.
func runVerifier(_ context.Context, args []string, out, log io.Writer) error {
	f := flags("verifier", log)
	lang := f.String("lang", "en", "language: en or de")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: verifier takes no argument %q; it prints to standard output", errUsage, f.Arg(0))
	}
	file, err := portal.Verifier(*lang)
	if err != nil {
		return err
	}
	_, err = out.Write(file)
	return err
}
