package protocol

import (
	"fmt"
	"strings"
	"unicode"

	"tribune"
)

// Group is the public roster of the guardians and the public halves of their two threshold keys. It is on record: the
// last ceremony leaf publishes it, signed by every member.
type Group struct {
	City      string    `json:"city"`
	N         int       `json:"n"`
	T         int       `json:"t"`     // shares that open
	W         int       `json:"w"`     // co-signatures that publish, 2W >= N+T
	Epoch     uint32    `json:"epoch"` // share epoch
	Guardians []Member  `json:"guardians"`
	Seal      PublicKey `json:"seal"`
	Name      PublicKey `json:"name"`
}

// Member is one guardian. Index is its x-coordinate in the sharing, 1..N.
type Member struct {
	Index int    `json:"index"`
	Key   string `json:"key"` // note verifier key of its plain Ed25519 key; its cosignature/v1 key is the same key
	Name  string `json:"name"`
	URL   string `json:"url,omitempty"` // not signed over: where it is reached may change
}

// PublicKey is the public half of one threshold key: compressed G2 points, 96 bytes each.
type PublicKey struct {
	Key    []byte   `json:"key"`    // s*g2
	Shares [][]byte `json:"shares"` // s_i*g2, in the order of index
}

// Validate checks the numbers: n >= 2t-1 and 2w >= n+t, so that neither t-1 dishonest guardians nor one corrupt
// co-signer can split or stall the city; and that the guardians are n different ones, since one who is listed twice
// counts twice.
func (g Group) Validate() error {
	switch {
	case g.City == "" || len(g.City) > maxNameSize || !oneWord(g.City):
		return fmt.Errorf("%w: city name is empty, too long or not one word", tribune.ErrInvalid)
	case g.T < 1 || g.N < 2*g.T-1 || g.N > 9:
		return fmt.Errorf("%w: %d guardians with threshold %d; want n >= 2t-1 and n <= 9", tribune.ErrInvalid, g.N, g.T)
	case g.W > g.N || 2*g.W < g.N+g.T:
		return fmt.Errorf("%w: %d co-signatures of %d guardians with threshold %d; want 2w >= n+t", tribune.ErrInvalid, g.W, g.N, g.T)
	case len(g.Guardians) != g.N:
		return fmt.Errorf("%w: %d guardians listed, want %d", tribune.ErrInvalid, len(g.Guardians), g.N)
	}
	seen := map[string]bool{}
	for i, m := range g.Guardians {
		if m.Index != i+1 {
			return fmt.Errorf("%w: guardian %q has index %d, want %d", tribune.ErrInvalid, m.Name, m.Index, i+1)
		}
		name, key, err := PublicOf(m.Key)
		if err != nil || name != m.Name || !oneWord(name) {
			return fmt.Errorf("%w: guardian %q: key does not carry its name", tribune.ErrInvalid, m.Name)
		}
		if seen[name] || seen[string(key)] {
			return fmt.Errorf("%w: guardian %q is listed twice, by its name or its key", tribune.ErrInvalid, m.Name)
		}
		seen[name], seen[string(key)] = true, true
		if !oneWord(m.URL) {
			return fmt.Errorf("%w: guardian %q: its URL is not one word", tribune.ErrInvalid, m.Name)
		}
	}
	return nil
}

// oneWord: what becomes part of a line of the trust file must not begin another.
func oneWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

// TrustFile is the policy file that offline verification rests on, in the format Tessera and Sigsum read: the log's key,
// one witness line a guardian, and the quorum W.
func (g Group) TrustFile(logKey string, cosigner func(vkey string) (string, error)) (string, error) {
	if err := g.Validate(); err != nil {
		return "", fmt.Errorf("trust file: %w", err)
	}
	out := fmt.Sprintf("# %s: trust no one, check with these keys\nlog %s\n", g.City, logKey)
	names := ""
	for _, m := range g.Guardians {
		key, err := cosigner(m.Key)
		if err != nil {
			return "", fmt.Errorf("trust file: %w", err)
		}
		url := m.URL
		if url == "" {
			url = "https://unreachable.invalid/" // the format wants one; offline verification never calls it
		}
		out += fmt.Sprintf("witness g%d %s %s\n", m.Index, key, url)
		names += fmt.Sprintf(" g%d", m.Index)
	}
	return out + fmt.Sprintf("group guardians %d%s\nquorum guardians\n", g.W, names), nil
}
