package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"tribune"
)

// Bounds of a trust file.
const (
	maxTrust     = 64 << 10
	maxWitnesses = 64
)

// Key types of C2SP signed notes.
const (
	keyEd25519     = 1 // plain signature: the log
	keyCosignature = 4 // timestamped cosignature/v1: a guardian
)

// ParseTrust reads a trust file. The format is the policy file of Sigsum as Tessera and C2SP tools read it:
//
//	# comment
//	log KEY [URL]               exactly one; KEY is the log's note verifier key, its name is the origin
//	witness ALIAS KEY [URL]     one a guardian; KEY is its cosignature/v1 verifier key
//	group ALIAS N|any|all ALIAS...
//	quorum ALIAS                exactly one
//
// It is stricter than those tools where leniency would count a signature twice or not at all: a key or name occurs
// once, a component belongs to one group, every witness counts for the quorum, no threshold is zero, key hashes fit,
// and "quorum none" is refused.
func ParseTrust(text []byte) (*Trust, error) {
	if len(text) > maxTrust {
		return nil, fmt.Errorf("trust file of %d bytes, at most %d: %w", len(text), maxTrust, tribune.ErrTooLarge)
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: trust file is not UTF-8 text", tribune.ErrInvalid)
	}
	p := trustParser{trust: &Trust{}, rules: map[string]*rule{}}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if err := p.line(fields); err != nil {
			return nil, fmt.Errorf("trust file, line %d: %w", i+1, err)
		}
	}
	t, err := p.finish()
	if err != nil {
		return nil, fmt.Errorf("trust file: %w", err)
	}
	return t, nil
}

type trustParser struct {
	trust *Trust
	rules map[string]*rule
	order []*rule
}

func (p *trustParser) line(f []string) error {
	switch f[0] {
	case "log":
		return p.logLine(f)
	case "witness":
		return p.witnessLine(f)
	case "group":
		return p.groupLine(f)
	case "quorum":
		return p.quorumLine(f)
	}
	return fmt.Errorf("%w: %q is none of log, witness, group, quorum", tribune.ErrInvalid, f[0])
}

func (p *trustParser) logLine(f []string) error {
	if p.trust.log != nil {
		return fmt.Errorf("%w: a second log; want exactly one", tribune.ErrInvalid)
	}
	if len(f) != 2 && len(f) != 3 {
		return fmt.Errorf("%w: want log KEY [URL]", tribune.ErrInvalid)
	}
	_, key, err := splitKey(f[1], keyEd25519)
	if err != nil {
		return err
	}
	v, err := note.NewVerifier(f[1])
	if err != nil {
		return fmt.Errorf("%w: log key: %w", tribune.ErrInvalid, err)
	}
	p.trust.log, p.trust.logKey = v, key
	return nil
}

func (p *trustParser) witnessLine(f []string) error {
	if len(f) != 3 && len(f) != 4 {
		return fmt.Errorf("%w: want witness ALIAS KEY [URL]", tribune.ErrInvalid)
	}
	if len(p.trust.guardians) == maxWitnesses {
		return fmt.Errorf("%w: more than %d witnesses", tribune.ErrInvalid, maxWitnesses)
	}
	name, key, err := splitKey(f[2], keyCosignature)
	if err != nil {
		return err
	}
	for _, g := range p.trust.guardians {
		if g.name == name || g.key.Equal(key) {
			return fmt.Errorf("%w: %s and %s share a name or key; one signature would count twice", tribune.ErrInvalid, g.alias, f[1])
		}
	}
	v, err := fnote.NewVerifierForCosignatureV1(f[2])
	if err != nil {
		return fmt.Errorf("%w: key of witness %s: %w", tribune.ErrInvalid, f[1], err)
	}
	p.trust.guardians = append(p.trust.guardians, guardian{alias: f[1], name: name, key: key, verifier: v})
	return p.define(&rule{alias: f[1], guardian: name})
}

func (p *trustParser) groupLine(f []string) error {
	if len(f) < 4 {
		return fmt.Errorf("%w: want group ALIAS N and one or more further ALIAS", tribune.ErrInvalid)
	}
	r := &rule{alias: f[1]}
	for _, alias := range f[3:] {
		m, err := p.use(alias)
		if err != nil {
			return err
		}
		r.members = append(r.members, m)
	}
	switch f[2] {
	case "any":
		r.need = 1
	case "all":
		r.need = len(r.members)
	default:
		n, err := strconv.Atoi(f[2])
		if err != nil || strconv.Itoa(n) != f[2] || n < 1 || n > len(r.members) {
			return fmt.Errorf("%w: threshold %q of group %s, want 1 to %d", tribune.ErrInvalid, f[2], f[1], len(r.members))
		}
		r.need = n
	}
	return p.define(r)
}

func (p *trustParser) quorumLine(f []string) error {
	if p.trust.quorum != nil {
		return fmt.Errorf("%w: a second quorum; want exactly one", tribune.ErrInvalid)
	}
	if len(f) != 2 {
		return fmt.Errorf("%w: want quorum ALIAS", tribune.ErrInvalid)
	}
	r, err := p.use(f[1])
	if err != nil {
		return err
	}
	p.trust.quorum = r
	return nil
}

func (p *trustParser) define(r *rule) error {
	switch r.alias {
	case "log", "witness", "group", "quorum", "any", "all", "none":
		return fmt.Errorf("%w: %q is a word of the format, not a name", tribune.ErrInvalid, r.alias)
	}
	if p.rules[r.alias] != nil {
		return fmt.Errorf("%w: %q is defined twice", tribune.ErrInvalid, r.alias)
	}
	p.rules[r.alias] = r
	p.order = append(p.order, r)
	return nil
}

func (p *trustParser) use(alias string) (*rule, error) {
	r := p.rules[alias]
	if r == nil {
		return nil, fmt.Errorf("%w: %q is not defined above", tribune.ErrInvalid, alias)
	}
	if r.used {
		return nil, fmt.Errorf("%w: %q is used twice; it would count twice", tribune.ErrInvalid, alias)
	}
	r.used = true
	return r, nil
}

func (p *trustParser) finish() (*Trust, error) {
	t := p.trust
	switch {
	case t.log == nil:
		return nil, fmt.Errorf("%w: no log line", tribune.ErrInvalid)
	case t.quorum == nil:
		return nil, fmt.Errorf("%w: no quorum line", tribune.ErrInvalid)
	}
	for _, r := range p.order {
		if !r.used {
			return nil, fmt.Errorf("%w: %q does not count for the quorum", tribune.ErrInvalid, r.alias)
		}
	}
	verifiers := []note.Verifier{t.log}
	for _, g := range t.guardians {
		if g.key.Equal(t.logKey) || g.name == t.log.Name() {
			return nil, fmt.Errorf("%w: witness %s has the log's own key or name", tribune.ErrInvalid, g.alias)
		}
		verifiers = append(verifiers, g.verifier)
	}
	t.known = note.VerifierList(verifiers...)
	return t, nil
}

// splitKey reads a note verifier key "name+hash+base64" of one type, in its one spelling.
func splitKey(vkey string, kind byte) (name string, key ed25519.PublicKey, err error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 || parts[0] == "" {
		return "", nil, fmt.Errorf("%w: %q is not a note verifier key", tribune.ErrInvalid, vkey)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(raw) == 0 {
		return "", nil, fmt.Errorf("%w: key of %s is not base64", tribune.ErrInvalid, parts[0])
	}
	if raw[0] != kind || len(raw) != 1+ed25519.PublicKeySize {
		return "", nil, fmt.Errorf("%w: key of %s is of type %d with %d bytes; want type %d, Ed25519", tribune.ErrInvalid, parts[0], raw[0], len(raw)-1, kind)
	}
	if want := fmt.Sprintf("%08x", keyHash(parts[0], raw)); parts[1] != want {
		return "", nil, fmt.Errorf("%w: key of %s has hash %s, want %s", tribune.ErrInvalid, parts[0], parts[1], want)
	}
	return parts[0], raw[1:], nil
}

// keyHash is the key ID of C2SP signed-note: SHA-256(name || 0x0A || type || key)[:4].
func keyHash(name string, typed []byte) uint32 {
	h := sha256.Sum256(append([]byte(name+"\n"), typed...))
	return binary.BigEndian.Uint32(h[:])
}
