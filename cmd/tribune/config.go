package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tribune"
	"tribune/internal/city"
	"tribune/policy"
)

// runConfig prints the configuration's manual, or checks a configuration.
func runConfig(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("config", log)
	file := f.String("check", "", "explain this configuration instead of printing one; exit 3 where it cannot be used")
	asJSON := f.Bool("json", false, "with --check: print a JSON array of findings")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return tribune.Hint(fmt.Errorf("%w: config takes no argument %q", errUsage, f.Arg(0)), "tribune config --check city.toml")
	}
	if *file == "" {
		_, err := io.WriteString(out, city.Manual)
		return err
	}
	found, err := configFindings(*file)
	if err != nil {
		return err
	}
	if err := printFindings(out, found, *asJSON); err != nil {
		return err
	}
	return broken(found, "the configuration")
}

// configFindings explains one configuration. A file that is not there is an error, one that does not hold a finding.
func configFindings(path string) ([]policy.Finding, error) {
	f, err := city.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return []policy.Finding{{File: filepath.Base(path), Level: policy.LevelError, What: err.Error(), Do: tribune.HintOf(err)}}, nil
	}
	return f.Explain(path), nil
}

func printFindings(out io.Writer, found []policy.Finding, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(found)
	}
	for _, finding := range found {
		if _, err := fmt.Fprintln(out, finding); err != nil {
			return err
		}
	}
	return nil
}

// broken is the error of findings among which is one that keeps what was checked from being used.
func broken(found []policy.Finding, what string) error {
	n := 0
	for _, finding := range found {
		if finding.Level == policy.LevelError {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d places in %s are broken", errDoesNotHold, n, what)
}
