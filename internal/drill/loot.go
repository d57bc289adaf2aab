package drill

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/protocol"
)

// secret is something in the copy that may be a key: 32 bytes, wherever they stand.
type secret struct {
	key   [32]byte
	where string
}

// maxSecrets bounds the keys that are tried: a log holds many hashes, and each is tried as a key.
const maxSecrets = 20_000

// secrets are all 32-byte values in the copy: raw key files, hex, base64 and note keys in any file, and their hashes.
func (t *theft) secrets() (all []secret, err error) {
	seen := map[[32]byte]bool{}
	add := func(where string, raw []byte) {
		if len(raw) == 33 || len(raw) == 64 { // a note key's type byte; an Ed25519 key's public half
			raw = raw[len(raw)%32 : len(raw)%32+32]
		}
		if len(raw) != 32 || len(all) >= maxSecrets {
			return
		}
		for _, k := range [][32]byte{[32]byte(raw), sha256.Sum256(raw)} {
			if !seen[k] {
				seen[k] = true
				all = append(all, secret{k, where})
			}
		}
	}
	// The key files come first, so that the bound never leaves them out.
	var names []string
	files := map[string][]byte{}
	err = t.files(func(name string, data []byte) error {
		files[name] = data
		if len(data) <= 256 {
			names = append([]string{name}, names...)
		} else {
			names = append(names, name)
		}
		return nil
	})
	for _, name := range names {
		add("file "+name, bytes.TrimSpace(files[name]))
		for _, raw := range coded(files[name]) {
			add("file "+name, raw)
		}
	}
	return all, err
}

// coded decodes every run of 64 hex digits, and of base64 that makes 32, 33, 48 or 64 bytes.
func coded(data []byte) (all [][]byte) {
	isBase64 := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
	}
	for at := 0; at < len(data); at++ {
		if !isBase64(data[at]) {
			continue
		}
		end := at
		for end < len(data) && isBase64(data[end]) {
			end++
		}
		run := data[at:end]
		at = end
		if i := bytes.LastIndexByte(run, '+'); len(run) > 88 && i >= 0 {
			run = run[i+1:] // PRIVATE+KEY+name+hash+base64
		}
		if raw := make([]byte, 32); len(run) == 64 {
			if _, err := hex.Decode(raw, run); err == nil {
				all = append(all, raw)
			}
		}
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if n := enc.DecodedLen(len(run)); n != 32 && n != 33 && n != 48 && n != 64 {
				continue
			}
			if raw, err := enc.DecodeString(string(run)); err == nil {
				all = append(all, raw)
				break
			}
		}
	}
	return all
}

// sealedValue is one sealed value as the store holds it.
type sealedValue struct {
	subject tribune.Pseudonym
	value   []byte // nonce12 || ciphertext || tag16
}

// sealedIn finds the sealed values inside a stored document: length || class || pseudonym16 || day u32 || segment u32 ||
// length || time || length || value, lengths in uvarint. A thief knows the format, it is published.
func sealedIn(doc []byte, classes []string) (all []sealedValue) {
	for _, class := range classes {
		mark := append(binary.AppendUvarint(nil, uint64(len(class))), class...)
		for at := 0; ; {
			i := bytes.Index(doc[at:], mark)
			if i < 0 {
				break
			}
			at += i + len(mark)
			rest := doc[at:]
			if len(rest) < 24 {
				break
			}
			s := sealedValue{subject: tribune.Pseudonym(rest[:16])}
			_, rest, ok := cutBytes(rest[24:])
			if !ok {
				continue
			}
			if s.value, _, ok = cutBytes(rest); ok && len(s.value) > 28 {
				all = append(all, s)
			}
		}
	}
	return all
}

func cutBytes(b []byte) (part, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	return b[size : size+int(n)], b[size+int(n):], true
}

// opens reports whether key opens a sealed value. The tag is not checked, which would need entity, attribute and time to
// be known: the first bytes of the clear text, JSON by protocol, tell as well (a wrong key passes once in 2^60).
func (v sealedValue) opens(block cipher.Block) bool {
	const look = 24
	var clear [look]byte
	cipher.NewCTR(block, append(append([]byte{}, v.value[:12]...), 0, 0, 0, 2)).XORKeyStream(clear[:], v.value[12:min(12+look, len(v.value)-16)])
	n := min(look, len(v.value)-28)
	if n < 8 || clear[0] != '{' && clear[0] != '[' && clear[0] != '"' {
		return false
	}
	for _, c := range clear[:n] {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// tryAll tries every secret as AES-256 key on every sealed value.
func tryAll(secrets []secret, values []sealedValue) (opened []string, err error) {
	for _, s := range secrets {
		block, err := aes.NewCipher(s.key[:])
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if v.opens(block) {
				opened = append(opened, "a value sealed for "+v.subject.String()+" by a key in "+s.where)
			}
		}
	}
	return opened, nil
}

// unwrapped is what the epoch key gives of the store's wrapped rows, by kind: headers, trace keys and openings.
type unwrapped struct {
	headers  []header
	traces   map[tribune.Pseudonym][]byte // D(trace)
	openings [][]byte
}

// header is one sealed data key with the identity that opens it.
type header struct {
	id  tribune.Identity
	box []byte
}

// unwrap tries every secret as epoch key: wrapped = 0x01 || epoch u32 || nonce12 || AES-256-GCM(aad L(wrap) || store key).
func (t *theft) unwrap(secrets []secret) (u unwrapped, err error) {
	u.traces = map[tribune.Pseudonym][]byte{}
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
	room, rest, ok := store.CutPart(key)
	if _, rest, ok = store.CutPart(rest); !ok || len(rest) < 2 {
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
	if kind == "t" {
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
