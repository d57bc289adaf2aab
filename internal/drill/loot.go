package drill

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strings"

	"tribune"
)

// secret is something in the copy that may be a key: 32 bytes, wherever they stand.
type secret struct {
	key   [32]byte
	where string
}

// noteKey is a secret key of C2SP signed-note.
var noteKey = regexp.MustCompile(`PRIVATE\+KEY\+[^+\s]+\+[0-9a-f]{8}\+([A-Za-z0-9+/=]+)`)

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
		if strings.Contains(name, "key") {
			names = append([]string{name}, names...)
		} else {
			names = append(names, name)
		}
		return nil
	})
	for _, name := range names {
		add("file "+name, bytes.TrimSpace(files[name]))
		for _, note := range noteKey.FindAllSubmatch(files[name], -1) {
			if raw, err := base64.StdEncoding.DecodeString(string(note[1])); err == nil {
				add("file "+name, raw)
			}
		}
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
