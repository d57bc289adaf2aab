package ceremony

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/drand/kyber/share/dkg"

	"tribune"
	"tribune/protocol"
)

// maxPacket bounds a packet; nine guardians' deals take 3 KB, and nine complaints 3 KB.
const maxPacket = 16 << 10

// The kinds of packet.
const (
	kindHello    = "hello"
	kindDeal     = "deal"
	kindResponse = "response"
)

// packet is one guardian's message, in JCS, signed with its note key over L(ceremony) || JCS without signature.
type packet struct {
	Attempt   int             `json:"attempt"` // of the sender's hello
	Body      json.RawMessage `json:"body"`
	From      string          `json:"from"`
	Kind      string          `json:"kind"`
	Run       string          `json:"run"`
	Session   tribune.Hash    `json:"session"` // zero in a hello
	Signature []byte          `json:"signature"`
}

// hello is the body of a hello: a compressed G2 point, 96 bytes, and a Schnorr signature by it over helloMessage.
type hello struct {
	Key   []byte `json:"key"`
	Proof []byte `json:"proof"` // that the sender holds the key: a copied one would take its owner's seat
}

// helloMessage is L(hello) || lp(city) || lp(run) || lp(guardian).
func helloMessage(city, run, from string) []byte {
	b := protocol.AppendLP(protocol.Label("hello"), []byte(city))
	b = protocol.AppendLP(b, []byte(run))
	return protocol.AppendLP(b, []byte(from))
}

// deal is the body of a deal (kyber's DealBundle).
type deal struct {
	Key       []byte      `json:"key,omitempty"` // the long-term key of a dealer who leaves, and so says no hello
	Public    [][]byte    `json:"public"`        // t commitments, compressed G2
	Shares    []encrypted `json:"shares"`
	Signature []byte      `json:"signature"` // kyber's, by the long-term key
}

type encrypted struct {
	Box []byte `json:"box"`
	To  uint32 `json:"to"`
}

// response is the body of a response (kyber's ResponseBundle): which of the dealers' deals were good, in their order.
type response struct {
	Complaints []complaint  `json:"complaints,omitempty"` // one for each that was not
	Deals      tribune.Hash `json:"deals"`                // the deals it speaks of
	Good       []bool       `json:"good"`
	Signature  []byte       `json:"signature"`
}

func (p packet) message() ([]byte, error) {
	p.Signature = nil
	data, err := protocol.JCS(p)
	if err != nil {
		return nil, err
	}
	return append(protocol.Label("ceremony"), data...), nil
}

func encodePacket(p packet, body any, key ed25519.PrivateKey) ([]byte, error) {
	var err error
	if p.Body, err = protocol.JCS(body); err != nil {
		return nil, err
	}
	msg, err := p.message()
	if err != nil {
		return nil, err
	}
	p.Signature = ed25519.Sign(key, msg)
	return protocol.JCS(p)
}

// decodePacket reads a packet and checks that the member it names has signed it.
func decodePacket(data []byte, members []protocol.Member) (packet, error) {
	var p packet
	if len(data) > maxPacket {
		return p, fmt.Errorf("packet of %d bytes: %w", len(data), tribune.ErrTooLarge)
	}
	if err := protocol.DecodeJCS(data, &p); err != nil {
		return p, fmt.Errorf("packet: %w", err)
	}
	msg, err := p.message()
	if err != nil {
		return p, err
	}
	for _, m := range members {
		if m.Name != p.From {
			continue
		}
		_, key, err := protocol.PublicOf(m.Key)
		if err != nil {
			return p, err
		}
		if !ed25519.Verify(key, msg, p.Signature) {
			return p, fmt.Errorf("%w: %s has not signed this packet", tribune.ErrInvalid, p.From)
		}
		return p, nil
	}
	return p, fmt.Errorf("%w: packet from %q, who is no guardian", tribune.ErrInvalid, p.From)
}

// sessionID binds a session to its run, group and every hello in it.
func sessionID(run, city string, hellos [][]byte) tribune.Hash {
	h := sha256.New()
	h.Write(protocol.Label("session"))
	h.Write(protocol.AppendLP(nil, []byte(run)))
	h.Write(protocol.AppendLP(nil, []byte(city)))
	for _, key := range hellos {
		h.Write(protocol.AppendLP(nil, key))
	}
	return tribune.Hash(h.Sum(nil))
}

// dealOf and friends translate to and from kyber's bundles. Signatures and session are kyber's second line: they are
// checked by dkg.VerifyPacketSignature besides the packet's own.

func dealOf(b *dkg.DealBundle) (deal, error) {
	d := deal{Signature: b.Signature}
	for _, p := range b.Public {
		raw, err := p.MarshalBinary()
		if err != nil {
			return deal{}, err
		}
		d.Public = append(d.Public, raw)
	}
	for _, s := range b.Deals {
		d.Shares = append(d.Shares, encrypted{To: s.ShareIndex, Box: s.EncryptedShare})
	}
	return d, nil
}

// bundle reads the deal of a dealer to n members, of whom it is itself the one at self (-1 = it leaves).
func (d deal) bundle(dealer, self, n, t int, session tribune.Hash) (*dkg.DealBundle, error) {
	want := n
	if self >= 0 {
		want--
	}
	if len(d.Public) != t || len(d.Shares) != want {
		return nil, fmt.Errorf("%w: %d commitments and %d shares, want %d and %d", tribune.ErrInvalid, len(d.Public), len(d.Shares), t, want)
	}
	b := &dkg.DealBundle{DealerIndex: uint32(dealer), SessionID: session[:], Signature: d.Signature}
	for _, raw := range d.Public {
		p, err := decodeG2(raw)
		if err != nil {
			return nil, err
		}
		b.Public = append(b.Public, p)
	}
	to := 0
	for _, s := range d.Shares {
		if to == self {
			to++
		}
		if s.To != uint32(to) {
			return nil, fmt.Errorf("%w: share for member %d, want %d", tribune.ErrInvalid, s.To, to)
		}
		to++
		b.Deals = append(b.Deals, dkg.Deal{ShareIndex: s.To, EncryptedShare: s.Box})
	}
	return b, nil
}

// bundle reads a response about those dealers.
func (r response) bundle(holder int, dealers []uint32, session tribune.Hash) (*dkg.ResponseBundle, error) {
	if len(r.Good) != len(dealers) {
		return nil, fmt.Errorf("%w: %d responses, want %d", tribune.ErrInvalid, len(r.Good), len(dealers))
	}
	b := &dkg.ResponseBundle{ShareIndex: uint32(holder), SessionID: session[:], Signature: r.Signature}
	for i, good := range r.Good {
		b.Responses = append(b.Responses, dkg.Response{DealerIndex: dealers[i], Status: good})
	}
	return b, nil
}
