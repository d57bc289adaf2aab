package senml

import (
	"crypto/ed25519"

	"github.com/veraison/go-cose"
)

// Content formats of CoAP that a COSE header may give for the payload.
const (
	contentJSON = 110 // application/senml+json
	contentCBOR = 112 // application/senml+cbor
)

// tagged is the first byte of a COSE_Sign1 with its tag (18); without it is an array.
const tagged = 0xd2

// ParseCOSE verifies a COSE_Sign1 with an Ed25519 key and reads the pack in it. The envelope must carry its payload and,
// protected, the algorithm (EdDSA); a protected content type must fit the payload; critical headers are not understood. No
// external data is signed: a device is known by its key, which no other device has.
func (p *Pack) ParseCOSE(body []byte, key ed25519.PublicKey) error {
	p.reset()
	var m cose.Sign1Message
	var err error
	if len(body) > 0 && body[0] == tagged {
		err = m.UnmarshalCBOR(body)
	} else {
		err = (*cose.UntaggedSign1Message)(&m).UnmarshalCBOR(body)
	}
	if err != nil {
		return &Error{0, "not a COSE_Sign1"}
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, key)
	if err != nil {
		return &Error{0, "the registered key is not an Ed25519 key"}
	}
	if err := m.Verify(nil, verifier); err != nil {
		return &Error{0, "the signature is not the registered key's"}
	}
	if _, critical := m.Headers.Protected[cose.HeaderLabelCritical]; critical {
		return &Error{0, "a critical header is not understood"}
	}
	isJSON := len(m.Payload) > 0 && (m.Payload[0] == '[' || m.Payload[0] <= ' ') // no CBOR array begins with these
	switch t := m.Headers.Protected[cose.HeaderLabelContentType].(type) {
	case nil:
	case int64:
		if isJSON != (t == contentJSON) || !isJSON && t != contentCBOR {
			return &Error{0, "the content type does not fit the payload"}
		}
	case string:
		if isJSON != (t == "application/senml+json") || !isJSON && t != "application/senml+cbor" {
			return &Error{0, "the content type does not fit the payload"}
		}
	default:
		return &Error{0, "the content type does not fit the payload"}
	}
	if isJSON {
		return p.ParseJSON(m.Payload)
	}
	return p.ParseCBOR(m.Payload)
}
