package guardian

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/guardian/ceremony"
	"tribune/protocol"
)

// runChange is guardian change: its operator reads a change of membership and, if the institution wills it, accepts it. Both
// work beside a running guardian.
func runChange(ctx context.Context, args []string, stdout io.Writer) error {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	if verb != "show" && verb != "accept" {
		return fmt.Errorf("%w: guardian change show|accept --config FILE CHANGE\n%s", tribune.ErrInvalid, usage())
	}
	flags := newFlags("change " + verb)
	config := flags.String("config", "", "configuration file")
	yes := flags.Bool("yes", false, "accept without asking")
	path := ""
	if n := len(args); n > 0 && !strings.HasPrefix(args[n-1], "-") {
		path, args = args[n-1], args[:n-1]
	}
	if err := parseFlags(flags, args, "config"); err != nil {
		return err
	}
	f, err := ReadFile(*config)
	if err != nil {
		return err
	}
	if path == "" {
		return listAccepted(f.Dir, stdout)
	}
	doc, err := readChange(path)
	if err != nil {
		return err
	}
	vkey, err := Init(f.Dir, "")
	if err != nil {
		return err
	}
	change, err := ShowChange(stdout, f, vkey, doc)
	if err != nil || verb == "show" {
		return err
	}
	if !*yes {
		fmt.Fprint(stdout, "Type accept to accept it: ")
		line, _ := bufio.NewReader(io.LimitReader(os.Stdin, 64)).ReadString('\n')
		if strings.TrimSpace(line) != "accept" {
			return fmt.Errorf("%w: not accepted", tribune.ErrDenied)
		}
	}
	return AcceptChange(stdout, f, vkey, change, doc)
}

func readChange(path string) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the change: %w", err)
	}
	defer in.Close()
	doc, err := io.ReadAll(io.LimitReader(in, protocol.MaxChange+1))
	if err != nil {
		return nil, fmt.Errorf("reading the change: %w", err)
	}
	return doc, nil
}

// ShowChange checks a signed change against the pins of f and explains what it would do, for the guardian with that key.
func ShowChange(out io.Writer, f File, vkey string, doc []byte) (protocol.Change, error) {
	if _, signatures := protocol.SplitDocument(doc); signatures == "" {
		return protocol.Change{}, tribune.Hint(fmt.Errorf("%w: the change is not signed", tribune.ErrInvalid), "The city's council signs it: tribune sign --key council.key FILE.")
	}
	change, err := protocol.OpenChange(doc, f.Council)
	if err != nil {
		return change, err
	}
	if change.City != f.City {
		return change, fmt.Errorf("%w: a change of %s, this guardian is %s's", tribune.ErrInvalid, change.City, f.City)
	}
	digest, err := change.Digest()
	if err != nil {
		return change, err
	}
	present, err := heldGroup(f.Dir)
	if err != nil {
		return change, err
	}
	name, _, _ := strings.Cut(vkey, "+")
	if present != nil {
		if err := change.After(*present); err != nil {
			return change, err
		}
		for _, line := range change.Words(*present) {
			fmt.Fprintln(out, line)
		}
	} else {
		fmt.Fprintf(out, "%s: %d guardians from share epoch %d on; %d open, %d publish. This guardian holds no shares, and compares\nthe change with the group on record once it has mirrored it.\n", change.City, len(change.Members), change.Epoch, change.T, change.W)
	}
	switch {
	case slices.ContainsFunc(change.Members, func(m protocol.Member) bool { return m.Key == vkey }):
		fmt.Fprintf(out, "%s will hold a share.\n", name)
	case present != nil:
		fmt.Fprintf(out, "%s LEAVES: it deals its share to the others, and deletes it once they have theirs.\n", name)
	default:
		return change, fmt.Errorf("%w: %s is neither in the present group nor in the new one", tribune.ErrInvalid, vkey)
	}
	fmt.Fprintf(out, "digest %s\nCompare the digest with the council's, and the new members' keys with them, by another way than this file came.\n", digest)
	return change, nil
}

// AcceptChange notes that the operator of the guardian over f.Dir accepts the change, for ever.
func AcceptChange(out io.Writer, f File, vkey string, change protocol.Change, doc []byte) error {
	name, _, _ := strings.Cut(vkey, "+")
	if _, err := ceremony.Accept(f.Dir, name, f.Council, doc, time.Now().UTC().Format(time.RFC3339)); err != nil {
		return fmt.Errorf("accepting the change: %w", err)
	}
	fmt.Fprintf(out, "%s accepts it for share epoch %d. Leave the guardian running: it does the rest as the others accept.\n", name, change.Epoch)
	return nil
}

// heldGroup is the group whose shares lie in dir; nil where there are none.
func heldGroup(dir string) (*protocol.Group, error) {
	raw, err := durable.Read(filepath.Join(dir, "shares.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var held struct {
		Group protocol.Group `json:"group"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &held)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the present group: %w", err)
	}
	return &held.Group, nil
}

func listAccepted(dir string, out io.Writer) error {
	digests, err := ceremony.Accepted(dir)
	if err != nil {
		return err
	}
	if len(digests) == 0 {
		fmt.Fprintln(out, "No change has been accepted here.")
	}
	for _, d := range digests {
		fmt.Fprintln(out, d)
	}
	return nil
}
