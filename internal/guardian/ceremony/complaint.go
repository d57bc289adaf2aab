package ceremony

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"

	"github.com/drand/kyber"
	"github.com/drand/kyber/share"
	"github.com/drand/kyber/share/dkg"
	"github.com/drand/kyber/util/random"

	"tribune"
	"tribune/protocol"
)

// A complaint shows everyone what only its author could see: that the box it was dealt does not hold its share. It opens
// that one box to the public, by the Diffie-Hellman point of it, and proves in zero knowledge (Chaum and Pedersen 1992)
// that the point belongs to the key the author said hello with. So one of the two is named, not both. What becomes public
// is a share of a dealer who lied, or of a member who lies: nothing that those did not know.
type complaint struct {
	Dealer string `json:"dealer"`
	Point  []byte `json:"point"` // x*R, R being the box's ephemeral point and x the author's long-term key
	Proof  []byte `json:"proof"` // challenge || response, 32 bytes each
}

// dealtShare opens a box by its Diffie-Hellman point and checks the share against the dealer's commitments. It is
// kyber's ecies.Decrypt from the point on.
func dealtShare(point kyber.Point, box []byte, commits []kyber.Point, seat int) error {
	s := suite()
	secret, err := point.MarshalBinary()
	if err != nil {
		return err
	}
	const keySize, nonceSize = 32, 12
	key, err := hkdf.Key(sha256.New, secret, nil, "", keySize+nonceSize)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key[:keySize])
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	raw, err := gcm.Open(nil, key[keySize:], box[min(s.PointLen(), len(box)):], nil)
	if err != nil {
		return fmt.Errorf("%w: the box does not open", tribune.ErrInvalid)
	}
	v := s.Scalar()
	if err := v.UnmarshalBinary(raw); err != nil {
		return fmt.Errorf("%w: the box holds no scalar", tribune.ErrInvalid)
	}
	if !share.NewPubPoly(s, s.Point().Base(), commits).Eval(seat).V.Equal(s.Point().Mul(v, nil)) {
		return fmt.Errorf("%w: the share does not fit the commitments", tribune.ErrInvalid)
	}
	return nil
}

// ephemeral is the point a box begins with; nil where it begins with none, which everyone can see.
func ephemeral(box []byte) kyber.Point {
	n := suite().PointLen()
	if len(box) < n {
		return nil
	}
	p, err := decodeG2(box[:n])
	if err != nil {
		return nil
	}
	return p
}

// boxFor is the box that a deal holds for a seat.
func boxFor(b *dkg.DealBundle, seat int) []byte {
	for _, d := range b.Deals {
		if d.ShareIndex == uint32(seat) {
			return d.EncryptedShare
		}
	}
	return nil
}

// complain makes the complaint about a dealer's box.
func complain(dealer string, box []byte, secret kyber.Scalar) (complaint, error) {
	c := complaint{Dealer: dealer, Point: []byte{}, Proof: []byte{}}
	r := ephemeral(box)
	if r == nil {
		return c, nil // it shows for itself
	}
	s := suite()
	point := s.Point().Mul(secret, r)
	v := s.Scalar().Pick(random.New())
	e, err := challenge(s.Point().Mul(secret, nil), r, point, s.Point().Mul(v, nil), s.Point().Mul(v, r))
	if err != nil {
		return c, err
	}
	z := s.Scalar().Sub(v, s.Scalar().Mul(e, secret))
	if c.Point, err = point.MarshalBinary(); err != nil {
		return c, err
	}
	a, err := e.MarshalBinary()
	if err != nil {
		return c, err
	}
	b, err := z.MarshalBinary()
	c.Proof = append(a, b...)
	return c, err
}

// holds reports whether the complaint is true: nil where the dealer lied, else why it is not shown.
func (c complaint) holds(b *dkg.DealBundle, author kyber.Point, seat int) error {
	box := boxFor(b, seat)
	r := ephemeral(box)
	if r == nil {
		return nil
	}
	point, err := decodeG2(c.Point)
	if err != nil || len(c.Proof) != 64 {
		return fmt.Errorf("%w: the complaint shows nothing", tribune.ErrInvalid)
	}
	s := suite()
	e, z := s.Scalar(), s.Scalar()
	if e.UnmarshalBinary(c.Proof[:32]) != nil || z.UnmarshalBinary(c.Proof[32:]) != nil {
		return fmt.Errorf("%w: the complaint's proof cannot be read", tribune.ErrInvalid)
	}
	again, err := challenge(author, r, point,
		s.Point().Add(s.Point().Mul(z, nil), s.Point().Mul(e, author)),
		s.Point().Add(s.Point().Mul(z, r), s.Point().Mul(e, point)))
	if err != nil {
		return err
	}
	if !again.Equal(e) {
		return fmt.Errorf("%w: the complaint's proof does not hold", tribune.ErrInvalid)
	}
	if dealtShare(point, box, b.Public, seat) == nil {
		return fmt.Errorf("%w: the share is good", tribune.ErrInvalid)
	}
	return nil
}

// challenge binds all five points. kyber's proof/dleq does not check that its challenge is the hash, so it proves nothing.
func challenge(points ...kyber.Point) (kyber.Scalar, error) {
	h := sha512.New()
	h.Write(protocol.Label("complaint"))
	for _, p := range points {
		raw, err := p.MarshalBinary()
		if err != nil {
			return nil, err
		}
		h.Write(raw)
	}
	return suite().Scalar().SetBytes(h.Sum(nil)), nil
}
