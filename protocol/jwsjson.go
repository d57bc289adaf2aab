package protocol

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
)

// strictJSON decodes JSON whose objects have no member twice and none that is unknown, and nothing behind it but one line's end.
func strictJSON(data []byte, into any) error {
	// jsontext refuses a member that is there twice, at any depth, and invalid UTF-8.
	if v := jsontext.Value(bytes.TrimSuffix(data, []byte("\n"))); !v.IsValid() {
		return jwsError("it is not JSON, or a member is there twice")
	}
	var members any // encoding/json takes "ALG" for alg: names must be spelled as they are
	if json.Unmarshal(data, &members) != nil || !spelled(members) {
		return jwsError("a member of it is not known here")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return jwsError("a member of it is not known here, or of another type")
	}
	return nil
}

var jwsMembers = []string{"payload", "signatures", "protected", "signature", "alg", "kid", "typ", "cty", "iat", "sigT", "x5t#S256", "x5c", "crit", "b64", "sigPId"}

// spelled reports whether all members of an object, and of the objects in its signatures, are known, letter by letter.
func spelled(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	for name, inner := range m {
		if !slices.Contains(jwsMembers, name) || inner == nil {
			return false
		}
		if list, ok := inner.([]any); ok && name == "signatures" {
			for _, s := range list {
				if !spelled(s) {
					return false
				}
			}
		}
	}
	return true
}

func unbase64url(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // which the decoder would leave out
		return nil, tribune.ErrInvalid
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// plainText is what a signed note can hold: UTF-8 without control characters.
func plainText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < 0x20 && r != '\n' })
}
