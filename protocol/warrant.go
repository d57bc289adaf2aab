package protocol

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tribune"
)

// A warrant names whom it is about by salted commitments ("Hidden investigations"): whoever reads it learns how many people it is about
// and not who, also where they know everybody's pseudonym. The salts travel with the evidence, to hub and guardians alone, and only
// those of whom an act touches.

// MaxNamed is how many people one warrant may name.
const MaxNamed = 64

// WarrantName is the commitment by which a warrant names a person: SHA-256(L(warrant) || salt32 || lp(city) || lp(warrant's id) ||
// pseudonym16). A salt of one warrant says nothing under another's id. It is zero, which names nobody, for a salt of another size.
func WarrantName(city string, warrant tribune.MandateID, salt []byte, p tribune.Pseudonym) tribune.Hash {
	return warrantName(city, warrant, salt, p[:])
}

// WarrantChain is WarrantName in a further warrant, which names the hidden chains that it extends: a HiddenChain in the place of the
// pseudonym.
func WarrantChain(city string, warrant tribune.MandateID, salt []byte, chain tribune.Hash) tribune.Hash {
	return warrantName(city, warrant, salt, chain[:])
}

func warrantName(city string, warrant tribune.MandateID, salt, about []byte) tribune.Hash {
	if len(salt) != SaltSize {
		return tribune.Hash{}
	}
	b := append(Label("warrant"), salt...)
	b = AppendLP(b, []byte(city))
	b = AppendLP(b, []byte(warrant))
	return sha256.Sum256(append(b, about...))
}

// Naming finds among a caller's salts (tribune.Caller.Salts) those that open a warrant's names, one for each of the commitments that
// name makes of a salt, in their order; nil where one of them is not named.
func Naming(names []tribune.Hash, salts string, commitments ...func(salt []byte) tribune.Hash) (found [][]byte) {
	if len(salts) > MaxNamed*SaltSize || len(commitments) > MaxNamed {
		return nil
	}
	for _, name := range commitments {
		i := 0
		for ; i+SaltSize <= len(salts); i += SaltSize {
			if slices.Contains(names, name([]byte(salts[i:i+SaltSize]))) {
				found = append(found, []byte(salts[i:i+SaltSize]))
				break
			}
		}
		if i+SaltSize > len(salts) {
			return nil
		}
	}
	return found
}

// SaltsText is how a caller hands salts in, in the header Tribune-Warrant: base64url without padding, separated by commas.
func SaltsText(salts [][]byte) string {
	var all []string
	for _, s := range salts {
		all = append(all, base64.RawURLEncoding.EncodeToString(s))
	}
	return strings.Join(all, ",")
}

// ParseSalts reads what SaltsText writes, and nothing else, into the form of tribune.Caller.Salts.
func ParseSalts(text string) (string, error) {
	var out strings.Builder
	for i, part := range strings.SplitN(text, ",", MaxNamed+1) {
		salt, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || len(salt) != SaltSize || i == MaxNamed {
			return "", fmt.Errorf("%w: want at most %d salts of %d bytes in base64url, separated by commas", tribune.ErrInvalid, MaxNamed, SaltSize)
		}
		out.Write(salt)
	}
	return out.String(), nil
}

// WarrantOpening is what a court gives to whom its warrant empowers, and to nobody else: who is named, and by which salts.
type WarrantOpening struct {
	Warrant tribune.MandateID `json:"warrant"`
	Names   []WarrantNamed    `json:"names"`
}

// WarrantNamed is one name of a warrant, opened.
type WarrantNamed struct {
	Name PersonName `json:"name"`
	Salt []byte     `json:"salt"`
}

// For are the salts for the names given, all of them where none is given.
func (o WarrantOpening) For(names ...PersonName) (salts [][]byte) {
	for _, n := range o.Names {
		same := func(other PersonName) bool {
			return n.Name.Type == other.Type && NormalName(n.Name.Type, n.Name.Name) == NormalName(other.Type, other.Name)
		}
		if len(names) == 0 || slices.ContainsFunc(names, same) {
			salts = append(salts, n.Salt)
		}
	}
	return salts
}

// NamingNote is the note of the act by which a court has a name evaluated for a warrant: the record commits to whose it was, and the hub, which keeps
// what the record commits to, keeps no name. The salt has SaltSize bytes; whoever has it can show whose name it was.
func NamingNote(n PersonName, salt []byte) string {
	b := AppendLP(AppendLP(Label("naming"), salt), []byte(n.Type))
	sum := sha256.Sum256(AppendLP(b, []byte(NormalName(n.Type, n.Name))))
	return "name for a warrant: " + hex.EncodeToString(sum[:])
}
