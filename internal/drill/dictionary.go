package drill

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math/big"
	"strings"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// tokens are what stands for a person in the copy: pseudonyms in keys of the store and in openings, tags in the log.
// Values are where they stand.
type tokens map[[16]byte]string

// maxKeyed bounds how many of the secrets are tried as keys of a dictionary: the key files come first.
const maxKeyed = 1000

// tokens collects pseudonyms from the store's keys: every part of exactly 16 bytes, whatever row it is.
func (t *theft) tokens() tokens {
	all := tokens{}
	for _, p := range t.pairs {
		rest := p.Key
		for first := true; ; first = false {
			part, next, ok := store.CutPart(rest)
			if !ok {
				break
			}
			if len(part) == 16 {
				all[[16]byte([]byte(part))] = printableKey(p.Key)
			}
			rest = next
			if _, after, ok := store.CutPart(next); first && ok && len(after) >= 2 {
				rest = after[2:] // the tenant and the partition, which is not a part
			}
		}
	}
	return all
}

func (t tokens) add(leaves [][]byte) error {
	for i, raw := range leaves {
		l, err := protocol.DecodeLeaf(raw)
		if err != nil {
			return fmt.Errorf("reading leaf %d: %w", i, err)
		}
		for _, tag := range l.Tags {
			t[tag] = fmt.Sprintf("leaf %d", i)
		}
	}
	return nil
}

// attack guesses every word and holds the guesses against the tokens: plain and keyed hashes of the word in the forms a
// designer might have chosen, and the pseudonym that would come out without the guardians' key, or with a stolen scalar.
func (t tokens) attack(city string, words []string, secrets []secret) (found []string, guesses int, err error) {
	try := func(word, how string, sum []byte) {
		guesses++
		for _, half := range [][16]byte{[16]byte(sum[:16]), [16]byte(sum[len(sum)-16:])} {
			if where, ok := t[half]; ok {
				found = append(found, fmt.Sprintf("%q by %s in %s", word, how, where))
			}
		}
	}
	secrets = secrets[:min(len(secrets), maxKeyed)]
	for _, w := range words {
		for _, idtype := range []string{"plate", "entity", "driver"} {
			for _, text := range []string{w, strings.ReplaceAll(w, " ", ""), strings.ToLower(w)} {
				input := protocol.NameInput(city, idtype, text)
				for _, msg := range [][]byte{[]byte(text), input, protocol.AppendLP(protocol.AppendLP(protocol.Label("name"), []byte(idtype)), []byte(text))} {
					a, b := sha256.Sum256(msg), sha512.Sum512(msg)
					try(w, "SHA-256", a[:])
					try(w, "SHA-512", b[:])
					p := protocol.PseudonymOf(idtype, msg)
					try(w, "the pseudonym of the name itself", p[:])
				}
			}
		}
		for _, s := range secrets {
			for _, msg := range [][]byte{[]byte(w), protocol.NameInput(city, "plate", w)} {
				m := hmac.New(sha256.New, s.key[:])
				m.Write(msg)
				try(w, "HMAC under a key in "+s.where, m.Sum(nil))
			}
		}
		if err := curveGuesses(city, w, secrets, try); err != nil {
			return nil, 0, err
		}
	}
	return found, guesses, nil
}

// maxScalars: a multiplication costs 0.1 ms, so only the key files' own values are tried as scalars.
const maxScalars = 8

// curveGuesses are pseudonyms of the unblinded point itself, and of its products with stolen numbers.
func curveGuesses(city, word string, secrets []secret, try func(word, how string, sum []byte)) error {
	for _, dst := range []string{"NAME", "SEAL"} {
		h, err := bls12381.HashToG1(protocol.NameInput(city, "plate", word), []byte("TRIBUNE-V1-"+dst+"-BLS12381G1_XMD:SHA-256_SSWU_RO_"))
		if err != nil {
			return fmt.Errorf("hashing a name to the curve: %w", err)
		}
		raw := h.Bytes()
		p := protocol.PseudonymOf("plate", raw[:])
		try(word, "the unblinded point", p[:])
		for _, s := range secrets[:min(len(secrets), maxScalars)] {
			var y bls12381.G1Affine
			y.ScalarMultiplication(&h, new(big.Int).SetBytes(s.key[:]))
			raw := y.Bytes()
			p := protocol.PseudonymOf("plate", raw[:])
			try(word, "the point times a number in "+s.where, p[:])
		}
	}
	return nil
}

// plantedToken is what a hub that keyed pseudonyms by itself would have stored.
func plantedToken(s secret, word string) tribune.Pseudonym {
	m := hmac.New(sha256.New, s.key[:])
	m.Write([]byte(word))
	return tribune.Pseudonym(m.Sum(nil)[:16])
}
