// Package protocol holds the bytes of the one way, version 1: labels, acts and leaves, commitments, tags, signed
// documents, release requests and statements, and the guardians' public roster.
//
// Hub, guardians, monitors and verifiers share these bytes and nothing else, so the package imports only the root
// vocabulary and keeps no state. docs/protocol.md is the specification; numbers in comments are its steps.
//
// Notation: || concatenates, lp(x) = u16 length || x, integers are big-endian, L(s) = "tribune/v1/" s 0x00,
// JCS = RFC 8785.
package protocol

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
)

// Label is L(s): it keeps one use of a key or hash from being taken for another.
func Label(s string) []byte { return append([]byte("tribune/v1/"+s), 0) }

// AppendLP appends lp(x). It panics where x is longer than 65,535 bytes: lengths are validated where data enter.
func AppendLP(b, x []byte) []byte {
	if len(x) > 0xffff {
		panic("protocol: field longer than 65535 bytes")
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(x)))
	return append(b, x...)
}

// JCS encodes v in the JSON Canonicalization Scheme (RFC 8785).
func JCS(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding canonical JSON: %w", err)
	}
	val := jsontext.Value(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
	if err := val.Canonicalize(); err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return val, nil
}

// DecodeJCS decodes data into v and refuses anything but its one canonical spelling: unknown or repeated members,
// other orders, other escapes. v must be a pointer whose JCS is the whole document.
func DecodeJCS(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	again, err := JCS(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: not in canonical form (RFC 8785)", tribune.ErrInvalid)
	}
	return nil
}
