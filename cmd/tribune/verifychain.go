package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"tribune"
	"tribune/verify"
)

// maxChainFile bounds a chain of groups: some 60 KB a change.
const maxChainFile = 64 << 20

// verifyChain follows the guardians from an old trust file to the newest one, trusting nobody: chain is what a city serves at
// /group/chain. The newest trust file goes to newFile, or to out.
func verifyChain(trust *verify.Trust, chain, newFile string, out io.Writer) error {
	in, err := os.Open(chain)
	if err != nil {
		return fmt.Errorf("reading the chain: %w", err)
	}
	defer in.Close()
	var file struct {
		Links []struct {
			Receipt []byte `json:"receipt"`
		} `json:"links"`
	}
	if err := json.NewDecoder(io.LimitReader(in, maxChainFile)).Decode(&file); err != nil {
		return fmt.Errorf("reading the chain: %w: %w", tribune.ErrInvalid, err)
	}
	var links [][]byte
	for _, l := range file.Links {
		links = append(links, l.Receipt)
	}
	f, err := trust.Follow(links)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	fmt.Fprintf(out, "The chain holds. %s: share epoch %d, %d guardians, %d open, %d publish.\n", f.Group.City, f.Group.Epoch, f.Group.N, f.Group.T, f.Group.W)
	for _, epoch := range f.Emergency {
		fmt.Fprintf(out, "  EMERGENCY at share epoch %d: its group came without a quorum of the one before. Ask the guardians you know whether they agreed.\n", epoch)
	}
	switch {
	case f.TrustFile == "":
		fmt.Fprintln(out, "  Your trust file is of the newest group that this chain shows. Whoever shows it may leave out what came after: compare it with others'.")
	case newFile == "":
		fmt.Fprintf(out, "The trust file of the newest group shown:\n%s", f.TrustFile)
	default:
		if err := os.WriteFile(newFile, []byte(f.TrustFile), 0o644); err != nil {
			return fmt.Errorf("writing the trust file: %w", err)
		}
		fmt.Fprintf(out, "  %s is the newest trust file.\n", newFile)
	}
	return nil
}
