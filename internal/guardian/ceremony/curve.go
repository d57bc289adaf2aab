package ceremony

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/drand/kyber"
	bls "github.com/drand/kyber-bls12381"
	"github.com/drand/kyber/share"
	"github.com/drand/kyber/share/dkg"
	"github.com/drand/kyber/sign"
	"github.com/drand/kyber/sign/schnorr"
	"github.com/drand/kyber/util/random"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// Public keys are in G2, so the generation runs there.
func suite() dkg.Suite { return bls.NewBLS12381Suite().G2().(dkg.Suite) }

func auth(s dkg.Suite) sign.Scheme { return schnorr.NewScheme(s) }

// seeded is the suite with a reproducible stream. kyber draws from it once, for the polynomial's higher coefficients.
type seeded struct {
	dkg.Suite
	source io.Reader
}

func (s seeded) RandomStream() cipher.Stream { return random.New(s.source) }

// stream is SHAKE256 over the seed and everything the secret is for: another session, other secrets.
func (r *run) stream(use string) io.Reader {
	h := sha3.NewSHAKE256()
	h.Write(protocol.Label("dkg"))
	h.Write(protocol.AppendLP(nil, r.seed))
	h.Write(protocol.AppendLP(nil, []byte(r.name)))
	h.Write(protocol.AppendLP(nil, []byte(use)))
	h.Write(r.session[:])
	return h
}

// keyPair is a long-term key; public is compressed.
type keyPair struct {
	secret kyber.Scalar
	public []byte
}

// longterm is our key pair of an attempt.
func (r *run) longterm(attempt int) keyPair {
	h := sha3.NewSHAKE256()
	h.Write(protocol.Label("dkg"))
	h.Write(protocol.AppendLP(nil, r.seed))
	h.Write(protocol.AppendLP(nil, []byte(r.name)))
	h.Write(protocol.AppendLP(nil, fmt.Appendf(nil, "longterm %d", attempt)))
	s := suite()
	secret := s.Scalar().Pick(random.New(h))
	public, err := s.Point().Mul(secret, nil).MarshalBinary()
	if err != nil {
		panic("ceremony: a point that cannot be written: " + err.Error()) // kyber's signature allows it, its code never does
	}
	return keyPair{secret, public}
}

// decodeG2 reads a compressed point for kyber, after gnark has checked what kyber does not: that it is not infinity.
func decodeG2(raw []byte) (kyber.Point, error) {
	if _, err := pointG2(raw); err != nil {
		return nil, err
	}
	p := suite().Point()
	if err := p.UnmarshalBinary(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	return p, nil
}

// pointG2 decodes canonically and checks the subgroup (protocol 4).
func pointG2(raw []byte) (bls12381.G2Affine, error) {
	var p bls12381.G2Affine
	if len(raw) != bls12381.SizeOfG2AffineCompressed {
		return p, fmt.Errorf("%w: G2 point of %d bytes", tribune.ErrInvalid, len(raw))
	}
	if _, err := p.SetBytes(raw); err != nil {
		return p, fmt.Errorf("%w: G2 point: %w", tribune.ErrInvalid, err)
	}
	if p.IsInfinity() || !p.IsInSubGroup() {
		return p, fmt.Errorf("%w: G2 point is infinity or outside the subgroup", tribune.ErrInvalid)
	}
	if b := p.Bytes(); string(b[:]) != string(raw) {
		return p, fmt.Errorf("%w: G2 point has another spelling", tribune.ErrInvalid)
	}
	return p, nil
}

// result is one finished run in the encodings of package ibe.
type result struct {
	share  []byte // 32 bytes, big-endian
	public protocol.PublicKey
}

func convert(out *dkg.Result, n int) (*result, error) {
	raw, err := out.Key.Share.V.MarshalBinary()
	if err != nil {
		return nil, err
	}
	res := &result{share: raw}
	if res.public.Key, err = out.Key.Public().MarshalBinary(); err != nil {
		return nil, err
	}
	s := suite()
	poly := share.NewPubPoly(s, s.Point().Base(), out.Key.Commits)
	for i := range n {
		p, err := poly.Eval(i).V.MarshalBinary()
		if err != nil {
			return nil, err
		}
		res.public.Shares = append(res.public.Shares, p)
	}
	return res, nil
}

// polynomial is the public polynomial of a key shared with threshold t; all public shares must lie on it.
func polynomial(key protocol.PublicKey, t int) (*share.PubPoly, error) {
	s := suite()
	var points []*share.PubShare
	for i, raw := range key.Shares {
		p, err := decodeG2(raw)
		if err != nil {
			return nil, err
		}
		points = append(points, &share.PubShare{I: i, V: p})
	}
	poly, err := share.RecoverPubPoly(s, points, t, len(points))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	_, commits := poly.Info()
	poly = share.NewPubPoly(s, s.Point().Base(), commits)
	for i, p := range points {
		if !poly.Eval(i).V.Equal(p.V) {
			return nil, fmt.Errorf("%w: public share %d does not lie on the others' polynomial", tribune.ErrInvalid, i+1)
		}
	}
	raw, err := poly.Commit().MarshalBinary()
	if err != nil || string(raw) != string(key.Key) {
		return nil, fmt.Errorf("%w: the public shares make another key", tribune.ErrInvalid)
	}
	return poly, nil
}

// founds checks that a group is the one the configuration describes.
func (c *Ceremony) founds(g protocol.Group) error {
	want := c.cfg.Group
	if g.City != want.City || g.N != want.N || g.T != want.T || g.W != want.W || g.Epoch != Epoch || len(g.Guardians) != len(want.Guardians) {
		return fmt.Errorf("%w: a group of %s, %d guardians, threshold %d, quorum %d, epoch %d; the configuration says %s, %d, %d, %d, %d",
			tribune.ErrInvalid, g.City, g.N, g.T, g.W, g.Epoch, want.City, want.N, want.T, want.W, Epoch)
	}
	for i, m := range g.Guardians {
		if m.Name != want.Guardians[i].Name || m.Key != want.Guardians[i].Key {
			return fmt.Errorf("%w: guardian %d is %s, the configuration says %s", tribune.ErrInvalid, m.Index, m.Key, want.Guardians[i].Key)
		}
	}
	return nil
}

// check holds shares against their group with the other library: s_i*g2 is the public share of our place.
func (h held) check(self string) error {
	g := h.Group
	if err := g.Validate(); err != nil {
		return err
	}
	at := position(g.Guardians, self)
	if at < 0 {
		return fmt.Errorf("%w: %s is none of its group", tribune.ErrInvalid, self)
	}
	for _, k := range []struct {
		share  []byte
		public protocol.PublicKey
	}{{h.SealShare, g.Seal}, {h.NameShare, g.Name}} {
		if _, err := pointG2(k.public.Key); err != nil {
			return err
		}
		if len(k.public.Shares) != g.N || len(k.share) != fr.Bytes {
			return fmt.Errorf("%w: %d public shares and a share of %d bytes", tribune.ErrInvalid, len(k.public.Shares), len(k.share))
		}
		for _, p := range k.public.Shares {
			if _, err := pointG2(p); err != nil {
				return err
			}
		}
		var s fr.Element
		if err := s.SetBytesCanonical(k.share); err != nil || s.IsZero() {
			return fmt.Errorf("%w: the share is no scalar", tribune.ErrInvalid)
		}
		var p bls12381.G2Affine
		p.ScalarMultiplicationBase(s.BigInt(new(big.Int)))
		if b := p.Bytes(); string(b[:]) != string(k.public.Shares[at]) {
			return fmt.Errorf("%w: our share does not belong to our public share", tribune.ErrInvalid)
		}
	}
	return nil
}

// verifyMember checks a member's signature with its note key.
func verifyMember(members []protocol.Member, name string, msg, sig []byte) bool {
	at := position(members, name)
	if at < 0 {
		return false
	}
	_, key, err := protocol.PublicOf(members[at].Key)
	return err == nil && ed25519.Verify(key, msg, sig)
}

// readSeed reads the seed or makes it.
func readSeed(path string) ([]byte, error) {
	seed, err := durable.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed = make([]byte, seedSize)
		rand.Read(seed)
		return seed, durable.Write(path, seed)
	}
	if err == nil && len(seed) != seedSize {
		return nil, fmt.Errorf("%w: %s has %d bytes, want %d", tribune.ErrInvalid, path, len(seed), seedSize)
	}
	return seed, err
}
