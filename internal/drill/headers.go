package drill

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/protocol"
)

// unwrapped is what the epoch key gives of the store's wrapped rows, by kind: headers, trace keys and openings.
type unwrapped struct {
	headers  []header
	traces   map[tribune.Pseudonym][]byte // D(trace)
	hidden   map[tribune.Identity][]byte  // D(hidden)
	openings [][]byte
}

// header is one sealed data key with the identity that opens it.
type header struct {
	id  tribune.Identity
	box []byte
}

// unwrap tries every secret as epoch key: wrapped = 0x01 || epoch u32 || nonce12 || AES-256-GCM(aad L(wrap) || store key).
func (t *theft) unwrap(secrets []secret) (u unwrapped, err error) {
	u.traces, u.hidden = map[tribune.Pseudonym][]byte{}, map[tribune.Identity][]byte{}
	var epoch cipher.AEAD
	for _, p := range t.pairs {
		kind, parts := wrappedRow(p.Key)
		if kind == "" || len(p.Value) < 17+16 {
			continue
		}
		open := func(a cipher.AEAD) ([]byte, error) {
			return a.Open(nil, p.Value[5:17], p.Value[17:], append(protocol.Label("wrap"), p.Key...))
		}
		for i := 0; epoch == nil && i < len(secrets); i++ {
			a, err := gcm(secrets[i].key[:])
			if err != nil {
				return u, err
			}
			if _, err := open(a); err == nil {
				epoch = a
			}
		}
		if epoch == nil {
			return u, nil // no secret is the epoch key
		}
		data, err := open(epoch)
		if err != nil {
			return u, fmt.Errorf("unwrapping a row of kind %s: %w", kind, err)
		}
		u.take(kind, parts, data)
	}
	return u, nil
}

// wrappedRow says which wrapped row a key is: vault|h, vault|t or way|opening.
func wrappedRow(key []byte) (kind string, rest []byte) {
	room, rest, _ := store.CutPart(key) // where it is no part, rest is empty
	_, rest, ok := store.CutPart(rest)
	if !ok || len(rest) < 2 {
		return "", nil
	}
	kind, rest, ok = store.CutPart(rest[2:])
	if !ok || room != "vault" && room != "way" || kind != "h" && kind != "t" && kind != "opening" {
		return "", nil
	}
	return kind, rest
}

func (u *unwrapped) take(kind string, parts, data []byte) {
	switch kind {
	case "opening":
		u.openings = append(u.openings, data)
		return
	}
	p, rest, ok := store.CutPart(parts)
	if !ok || len(p) != 16 {
		return
	}
	subject := tribune.Pseudonym([]byte(p))
	switch {
	case kind == "t" && len(rest) == 8:
		u.hidden[tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: subject, Quarter: uint32(binary.BigEndian.Uint64(rest))}] = data
		return
	case kind == "t":
		u.traces[subject] = data
		return
	}
	class, rest, ok := store.CutPart(rest)
	if !ok || len(rest) < 8 || len(data) != 2*ibe.HeaderSize {
		return
	}
	id := tribune.Identity{Kind: tribune.IdentitySubject, Pseudonym: subject, Class: tribune.ClassID(class),
		Day: binary.BigEndian.Uint32(rest), Segment: binary.BigEndian.Uint32(rest[4:])}
	whole := id
	whole.Segment = tribune.WholeDay
	u.headers = append(u.headers, header{id, data[:ibe.HeaderSize]}, header{whole, data[ibe.HeaderSize:]})
}

// tryHeaders tries every secret as the key that a header's data key is wrapped under, and every point as its identity's
// key. It returns what came out.
func tryHeaders(city string, master *ibe.Master, headers []header, secrets []secret, points [][]byte) (opened []string, err error) {
	var aeads []cipher.AEAD
	for _, s := range secrets {
		a, err := gcm(s.key[:])
		if err != nil {
			return nil, err
		}
		aeads = append(aeads, a)
	}
	var nonce [12]byte
	for _, h := range headers {
		id := h.id.Bytes(city)
		aad := append(protocol.Label("header"), id...)
		for i, a := range aeads {
			if _, err := a.Open(nil, nonce[:], h.box[1+ibe.G2Size:], aad); err == nil {
				opened = append(opened, "a data key by the key in "+secrets[i].where)
			}
		}
		for _, d := range points {
			if _, err := master.OpenHeader(d, id, h.box); err == nil {
				opened = append(opened, "a data key of "+h.id.Pseudonym.String()+" by a point in the copy")
			}
		}
	}
	return opened, nil
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
