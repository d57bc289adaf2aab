package ibe

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"

	"github.com/consensys/gnark-crypto/ecc"
	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"golang.org/x/sync/errgroup"

	"tribune"
)

// Partial is what one guardian answered: a point of 48 bytes for each identity or blinded point asked, in their order.
type Partial struct {
	Index  int // the guardian's x-coordinate in the sharing, 1..n
	Points [][]byte
}

// MaxIndex bounds the x-coordinates of a sharing.
const MaxIndex = 64

// Combine computes the keys of ids from t of the guardians' partial keys and verifies them all at once against PK.
// sharePKs are the public shares in the order of index. On failure each guardian's part is tested by itself; who fails
// is left out, named in culprits (indices, sorted), and the rest is tried again. Without t sound parts it returns
// ErrNoQuorum, still with the culprits. Parts beyond the t-th are looked at only after a failure.
func (m *Master) Combine(sharePKs [][]byte, t int, ids [][]byte, parts []Partial) (keys [][]byte, culprits []int, err error) {
	bases := make([]bls12381.G1Affine, len(ids))
	err = each(len(ids), func(j int) (err error) {
		bases[j], err = hashToG1(ids[j], dstSeal)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("combining keys: %w", err)
	}
	points, culprits, err := m.combine(sharePKs, t, bases, parts)
	if err != nil {
		return nil, culprits, fmt.Errorf("combining keys: %w", err)
	}
	keys = make([][]byte, len(points))
	for j := range points {
		keys[j] = encodeG1(&points[j])
	}
	return keys, culprits, nil
}

// Combine is Master.Combine for a single use of a public key.
func Combine(pk []byte, sharePKs [][]byte, t int, ids [][]byte, parts []Partial) (keys [][]byte, culprits []int, err error) {
	m, err := NewMaster(pk)
	if err != nil {
		return nil, nil, err
	}
	return m.Combine(sharePKs, t, ids, parts)
}

// decoded is a Partial whose points are proper points.
type decoded struct {
	index  int
	points []bls12381.G1Affine
}

// combine returns s*base for every base.
func (k *publicKey) combine(sharePKs [][]byte, t int, bases []bls12381.G1Affine, parts []Partial) (points []bls12381.G1Affine, culprits []int, err error) {
	if err := checkIndices(sharePKs, t, parts); err != nil {
		return nil, nil, err
	}
	defer func() { slices.Sort(culprits) }()
	var sound []decoded // at most t: decoded, and not refuted so far
	for {
		for len(sound) < t && len(parts) > 0 {
			if d, ok := decodePart(parts[0], len(bases)); ok {
				sound = append(sound, d)
			} else {
				culprits = append(culprits, parts[0].Index)
			}
			parts = parts[1:]
		}
		if len(sound) < t {
			return nil, culprits, fmt.Errorf("%w: %d sound parts, want %d", tribune.ErrNoQuorum, len(sound), t)
		}
		points, err := interpolate(sound, len(bases))
		if err != nil {
			return nil, culprits, err
		}
		ok, err := checkAll(points, bases, k.check)
		if err != nil {
			return nil, culprits, err
		}
		if ok {
			return points, culprits, nil
		}
		honest, liars, err := testEach(sharePKs, bases, sound)
		if err != nil {
			return nil, culprits, err
		}
		if len(liars) == 0 {
			err := errors.New("shares that fit their public shares do not combine to the public key")
			return nil, culprits, &tribune.IntegrityError{What: "the guardians' roster", Err: err}
		}
		culprits, sound = append(culprits, liars...), honest
	}
}

func checkIndices(sharePKs [][]byte, t int, parts []Partial) error {
	if t < 1 || t > len(sharePKs) || len(sharePKs) > MaxIndex {
		return fmt.Errorf("%w: threshold %d of %d guardians", tribune.ErrInvalid, t, len(sharePKs))
	}
	seen := make(map[int]bool)
	for _, p := range parts {
		if p.Index < 1 || p.Index > len(sharePKs) || seen[p.Index] {
			return fmt.Errorf("%w: part with index %d of %d guardians, or twice", tribune.ErrInvalid, p.Index, len(sharePKs))
		}
		seen[p.Index] = true
	}
	return nil
}

// testEach holds every guardian's part against that guardian's public share.
func testEach(sharePKs [][]byte, bases []bls12381.G1Affine, parts []decoded) (honest []decoded, liars []int, err error) {
	for _, d := range parts {
		ok, err := checkAll(d.points, bases, func(product, base bls12381.G1Affine) (bool, error) {
			return checkShare(sharePKs[d.index-1], product, base)
		})
		if err != nil {
			return nil, nil, fmt.Errorf("guardian %d: %w", d.index, err)
		}
		if ok {
			honest = append(honest, d)
		} else {
			liars = append(liars, d.index)
		}
	}
	return honest, liars, nil
}

// decodePart reports false where the guardian sent anything but the right number of proper points.
func decodePart(p Partial, n int) (decoded, bool) {
	if len(p.Points) != n {
		return decoded{}, false
	}
	d := decoded{p.Index, make([]bls12381.G1Affine, n)}
	err := each(n, func(j int) (err error) {
		d.points[j], err = decodeG1(p.Points[j])
		return err
	})
	return d, err == nil
}

// interpolate computes sum_i lambda_i * part_i for every position. The coefficients at 0 of integer x-coordinates are
// small fractions, so it multiplies by small integers first and by the inverse of their common denominator at the end.
func interpolate(parts []decoded, n int) ([]bls12381.G1Affine, error) {
	coeffs, inverse := lagrange(parts)
	points := make([]bls12381.G1Affine, n)
	err := each(n, func(j int) error {
		var sum bls12381.G1Jac // the zero value is not a point: start from infinity
		sum.FromAffine(&bls12381.G1Affine{})
		for i, p := range parts {
			var term bls12381.G1Jac
			term.FromAffine(&p.points[j])
			term.ScalarMultiplication(&term, coeffs[i])
			sum.AddAssign(&term)
		}
		if inverse != nil {
			sum.ScalarMultiplication(&sum, inverse)
		}
		points[j].FromJacobian(&sum)
		return nil
	})
	return points, err
}

// lagrange returns integers c_i and a scalar 1/d (nil where d is 1) such that lambda_i = c_i/d.
func lagrange(parts []decoded) (coeffs []*big.Int, inverse *big.Int) {
	fractions := make([]*big.Rat, len(parts))
	d := big.NewInt(1)
	for i, p := range parts {
		l := big.NewRat(1, 1)
		for j, q := range parts {
			if i != j {
				l.Mul(l, big.NewRat(int64(q.index), int64(q.index-p.index)))
			}
		}
		fractions[i] = l
		gcd := new(big.Int).GCD(nil, nil, d, l.Denom())
		d.Mul(d, new(big.Int).Div(l.Denom(), gcd))
	}
	for _, l := range fractions {
		coeffs = append(coeffs, new(big.Int).Mul(l.Num(), new(big.Int).Div(d, l.Denom())))
	}
	if d.IsInt64() && d.Int64() == 1 {
		return coeffs, nil
	}
	return coeffs, new(big.Int).ModInverse(d, fr.Modulus())
}

// checkAll reports whether every product is s*base, by one check of a random linear combination. Coefficients are fresh,
// 128 bits, and drawn after the points are fixed; all points are of prime order, so a lie survives with 2^-128.
func checkAll(products, bases []bls12381.G1Affine, check func(product, base bls12381.G1Affine) (bool, error)) (bool, error) {
	switch len(products) {
	case 0:
		return true, nil
	case 1:
		return check(products[0], bases[0])
	}
	random := make([]byte, 16*len(products))
	rand.Read(random)
	rho := make([]fr.Element, len(products))
	for j := range rho {
		rho[j].SetBytes(random[16*j : 16*(j+1)])
	}
	var product, base bls12381.G1Affine
	if _, err := product.MultiExp(products, rho, ecc.MultiExpConfig{}); err != nil {
		return false, fmt.Errorf("combining products: %w", err)
	}
	if _, err := base.MultiExp(bases, rho, ecc.MultiExpConfig{}); err != nil {
		return false, fmt.Errorf("combining bases: %w", err)
	}
	return check(product, base)
}

// each runs f for 0..n-1 over the cores; the first error wins. A single call stays on this goroutine.
func each(n int, f func(int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	var g errgroup.Group
	for w := range workers {
		g.Go(func() error {
			for i := w; i < n; i += workers {
				if err := f(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
