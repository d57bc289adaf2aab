package gate

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/policy"
)

const (
	tokensFile   = "tokens.toml"
	maxTokens    = 4096 // Caller looks at every one: 4096 comparisons take well under a millisecond
	maxTokenSize = 512  // bytes of a presented token that are worth hashing
	maxTokenFile = 4 << 20
)

// token is one caller's token, by its hash.
type token struct {
	hash   [sha256.Size]byte
	caller tribune.Caller
}

type tokensTOML struct {
	Token []struct {
		SHA256 string      `toml:"sha256"`
		Actor  string      `toml:"actor"`
		Office string      `toml:"office"`
		Until  policy.When `toml:"until"`
	} `toml:"token"`
}

var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func readTokens(file string) ([]token, error) {
	data, err := readFile(file, maxTokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nobody may call yet
	}
	if err != nil {
		return nil, err
	}
	list, err := parseTokens(string(data))
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("%s: %w", tokensFile, err), "Each [[token]] has sha256, actor, office and until = 2027-12-31.")
	}
	return list, nil
}

func parseTokens(text string) ([]token, error) {
	var f tokensTOML
	md, err := toml.Decode(text, &f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if extra := md.Undecoded(); len(extra) > 0 {
		return nil, fmt.Errorf("%w: the key %q means nothing here", tribune.ErrInvalid, extra[0].String())
	}
	if len(f.Token) > maxTokens {
		return nil, fmt.Errorf("%w: %d tokens, at most %d", tribune.ErrTooLarge, len(f.Token), maxTokens)
	}
	list := make([]token, 0, len(f.Token))
	seen := map[[sha256.Size]byte]bool{}
	for i, e := range f.Token {
		raw, err := hex.DecodeString(e.SHA256)
		if err != nil || len(raw) != sha256.Size || !idShape.MatchString(e.Actor) || !idShape.MatchString(e.Office) || !e.Until.Set() {
			return nil, fmt.Errorf("%w: token %d lacks a sha256, actor, office or end that can be used", tribune.ErrInvalid, i+1)
		}
		t := token{hash: [sha256.Size]byte(raw), caller: tribune.Caller{
			Actor: tribune.ActorID(e.Actor), Office: tribune.OfficeID(e.Office), Until: e.Until.End(),
		}}
		if seen[t.hash] {
			return nil, fmt.Errorf("%w: token %d is there twice", tribune.ErrInvalid, i+1)
		}
		seen[t.hash] = true
		list = append(list, t)
	}
	return list, nil
}

// Caller is who holds the token. It fails with ErrUnknown or ErrExpired. Time tells nothing of the token: hashes are
// compared, in constant time, and every one of them.
func (g *Gate) Caller(presented string) (tribune.Caller, error) {
	if presented == "" || len(presented) > maxTokenSize {
		return tribune.Caller{}, unknownToken()
	}
	g.mu.RLock()
	tokens := g.pad.tokens
	g.mu.RUnlock()
	sum, found := sha256.Sum256([]byte(presented)), -1
	for i := range tokens {
		if subtle.ConstantTimeCompare(tokens[i].hash[:], sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return tribune.Caller{}, unknownToken()
	}
	c := tokens[found].caller
	if !g.cfg.Now().Before(c.Until) {
		return tribune.Caller{}, tribune.Hint(fmt.Errorf("%w: the token", tribune.ErrExpired), "Ask the hub's operator for a new token.")
	}
	return c, nil
}

func unknownToken() error {
	return tribune.Hint(fmt.Errorf("%w: the token", tribune.ErrUnknown), "Send Authorization: Bearer with a token that tokens.toml lists.")
}
