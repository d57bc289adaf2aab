package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"tribune"
)

// runVersion prints the version, or the bill of materials of this program or of another Go program.
func runVersion(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("version", log)
	sbom := f.Bool("sbom", false, "print a CycloneDX bill of materials, from what the Go compiler has written into the program")
	of := f.String("of", "", "with --sbom: of this Go program instead of this one")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 || *of != "" && !*sbom {
		return tribune.Hint(fmt.Errorf("%w: version takes no argument", errUsage), "tribune version --sbom --of FILE")
	}
	if !*sbom {
		_, err := fmt.Fprintln(out, "tribune", version())
		return err
	}
	path := *of
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading what %s is made of: %w", path, err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading what %s is made of: %w", path, err)
	}
	return writeSBOM(out, info, scriptsIn(program))
}

// program names what measured, so that a court can get it again: its version and, where that names no commit as it was released, the SHA-256 of its file.
func program() string {
	v := version()
	if strings.HasPrefix(v, "v") && !strings.Contains(v, "+dirty") {
		return "tribune " + v
	}
	sum, err := ownHash()
	if err != nil {
		return "tribune " + v + ", of a file that cannot be read"
	}
	return fmt.Sprintf("tribune %s, SHA-256 %x", v, sum)
}

// ownHash is of this program's file.
func ownHash() (sum []byte, err error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unreleased)"
	}
	return info.Main.Version
}
