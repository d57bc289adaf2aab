package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// runVerify checks a receipt offline. It reads the files it is given and nothing else: no network, no city.
func runVerify(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("verify", log)
	trustFile := f.String("trust", "", "file with the keys of the log and its guardians (required; from a source you trust, /trust of a city or its newspaper)")
	logDir := f.String("log", "", "also verify the log this rests on: a directory in tlog-tiles layout")
	releases := f.String("releases", "", "also verify the guardians' release statements in this JSON file")
	chain := f.String("chain", "", "instead of a receipt: follow the guardians from the trust file on, by what a city serves at /group/chain")
	notice := f.Bool("notice", false, "instead of a receipt: the file is a notice that a person's data were erased, corrected or restricted")
	newTrust := f.String("out", "", "with --chain: write the newest trust file there")
	asJSON := f.Bool("json", false, "print one JSON object")
	if err := parse(f, args); err != nil {
		return err
	}
	if *chain != "" && *trustFile != "" && f.NArg() == 0 {
		trust, err := readTrust(*trustFile)
		if err != nil {
			return err
		}
		return verifyChain(trust, *chain, *newTrust, out)
	}
	if *trustFile == "" || f.NArg() != 1 {
		return tribune.Hint(fmt.Errorf("%w: name a trust file and one receipt", errUsage), "tribune verify --trust trust.txt receipt.tlog")
	}
	trust, err := readTrust(*trustFile)
	if err != nil {
		return err
	}
	if *notice {
		return verifyNotice(trust, f.Arg(0), out)
	}
	receipt, err := os.ReadFile(f.Arg(0))
	if err != nil {
		return fmt.Errorf("reading the receipt: %w", err)
	}
	v, err := trust.Receipt(receipt)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	if *logDir != "" {
		if err := trust.Log(v, os.DirFS(*logDir)); err != nil {
			return fmt.Errorf("%w: %w", errDoesNotHold, err)
		}
	}
	released, err := verifyReleases(trust, v, *releases)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"verified": true, "index": v.Index, "leaf": v.Leaf, "checkpoint": v.Checkpoint.Size, "cosignatures": v.Checkpoint.Cosignatures, "releases": released, "log": *logDir != ""})
	}
	fmt.Fprintln(out, "This receipt holds.")
	for _, line := range v.Words() {
		fmt.Fprintln(out, " ", line)
	}
	stated := "that it released its shares of the keys for exactly this act"
	if v.Leaf.Act.Kind == tribune.ActPublish {
		stated = "that it has decided this publication again, knows who signed it, and finds it right"
	}
	for _, name := range released {
		fmt.Fprintf(out, "  %s states %s.\n", name, stated)
	}
	if *logDir != "" {
		fmt.Fprintln(out, "  The log it rests on holds, too.")
	}
	return nil
}

func readTrust(path string) (*verify.Trust, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	trust, err := verify.ParseTrust(text)
	if err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	return trust, nil
}

func verifyReleases(trust *verify.Trust, v *verify.Verified, file string) (names []string, err error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the release statements: %w", err)
	}
	var statements []protocol.Statement
	if err := json.Unmarshal(data, &statements); err != nil {
		return nil, fmt.Errorf("%w: release statements: %w", errDoesNotHold, err)
	}
	for _, s := range statements {
		if err := trust.Statement(v, s); err != nil {
			return nil, fmt.Errorf("%w: %w", errDoesNotHold, err)
		}
		names = append(names, s.Guardian)
	}
	return names, nil
}
