package twin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/store"
)

// An instance of an attribute is named by where its row came to stand in the history first: order, time and change. A row
// that a correction of its time has moved carries the first order and time behind its change, and a row of kind i, under the
// name, says where it is now:
//
//	instanceId = "urn:ngsi-ld:Instance:" base64url( series6 name )
//	name       = order u8, time u64, change (10 or 16 bytes)
//	series6    = the first bytes of SHA-256 of entity, 0x00, attribute, 0x00, datasetId
const instancePrefix = "urn:ngsi-ld:Instance:"

// rowPlace is what follows entity, attribute and datasetId in the key of a history row.
type rowPlace struct {
	order  byte
	at     uint64
	suffix []byte // change, and of a moved row its first order and time
}

const (
	placeSize = 9      // order and time
	shortest  = 10     // change of a mutation without ID
	longest   = 16 + 9 // change of a mutation with one, moved
)

// cutPlace reads a place; ok is false where b is none.
func cutPlace(b []byte) (p rowPlace, ok bool) {
	if len(b) < placeSize+shortest || len(b) > placeSize+longest {
		return p, false
	}
	return rowPlace{b[0], binary.BigEndian.Uint64(b[1:]), b[placeSize:]}, true
}

// append writes the place as it stands in keys.
func (p rowPlace) append(b []byte) []byte {
	return append(store.Uint(append(b, p.order), p.at), p.suffix...)
}

// compare orders places as their keys are.
func (p rowPlace) compare(q rowPlace) int {
	switch {
	case p.order != q.order:
		return int(p.order) - int(q.order)
	case p.at < q.at:
		return -1
	case p.at > q.at:
		return 1
	}
	return bytes.Compare(p.suffix, q.suffix)
}

// name is what the row is named by: its first place.
func (p rowPlace) name() []byte {
	if len(p.suffix) == 10 || len(p.suffix) == 16 {
		return p.append(make([]byte, 0, placeSize+len(p.suffix)))
	}
	change, first := p.suffix[:len(p.suffix)-placeSize], p.suffix[len(p.suffix)-placeSize:]
	return append(slices.Clone(first), change...)
}

// moved is the place of the row under another order and time.
func (p rowPlace) moved(order byte, at uint64) rowPlace {
	name := p.name()
	to := rowPlace{order: order, at: at, suffix: slices.Clone(name[placeSize:])}
	if order != name[0] || at != binary.BigEndian.Uint64(name[1:]) {
		to.suffix = append(to.suffix, name[:placeSize]...)
	}
	return to
}

// seriesHash names an attribute and datasetId of an entity.
func seriesHash(id tribune.EntityID, s seriesKey) (h [6]byte) {
	sum := sha256.Sum256([]byte(string(id) + "\x00" + string(s.name) + "\x00" + s.dataset))
	copy(h[:], sum[:])
	return h
}

func instanceID(series [6]byte, p rowPlace) string {
	return instancePrefix + base64.RawURLEncoding.EncodeToString(append(series[:], p.name()...))
}

// parseInstanceID reads what instanceID writes.
func parseInstanceID(text string) (series [6]byte, p rowPlace, ok bool) {
	code, found := strings.CutPrefix(text, instancePrefix)
	b, err := base64.RawURLEncoding.DecodeString(code)
	if !found || err != nil || len(b) < len(series) {
		return series, p, false
	}
	copy(series[:], b)
	p, ok = cutPlace(b[len(series):])
	return series, p, ok && (len(p.suffix) == 10 || len(p.suffix) == 16)
}
