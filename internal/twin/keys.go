package twin

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// room is the first part of every key of the twin.
const room = "twin"

// keys builds the keys of one place, those of rows in the memory of a commit.
type keys struct {
	at     tribune.Place
	prefix []byte
	mem    *arena
}

func keysAt(at tribune.Place) keys { return keys{at: at, prefix: store.Key(room, at)} }

// of begins a key of a kind with parts, with room for more.
func (k keys) of(kind string, parts ...string) []byte {
	n := k.size(kind, parts)
	return k.add(make([]byte, 0, n+24), kind, parts)
}

// row is a key of a kind with parts in the memory of the commit.
func (k keys) row(kind string, parts ...string) []byte {
	return k.mem.end(k.add(k.mem.begin(k.size(kind, parts)), kind, parts))
}

func (k keys) size(kind string, parts []string) int {
	n := len(k.prefix) + len(kind) + 2
	for _, p := range parts {
		n += len(p) + 2
	}
	return n
}

func (k keys) add(b []byte, kind string, parts []string) []byte {
	b = part(append(b, k.prefix...), kind)
	for _, p := range parts {
		b = part(b, p)
	}
	return b
}

// part is store.Part without going byte by byte.
func part(b []byte, s string) []byte {
	if strings.IndexByte(s, 0) >= 0 {
		return store.Part(b, s)
	}
	return append(append(b, s...), 0, 1)
}

// The two orders of history rows.
const (
	byObserved = 'o'
	byModified = 'm'
)

// history is the key of a history row. Sealed instances and those without observedAt stand under their modifiedAt.
func (k keys) history(id tribune.EntityID, name tribune.Name, a *model.Attr, change []byte) []byte {
	parts := [...]string{string(id), string(name), a.Dataset}
	b := k.add(k.mem.begin(k.size("h", parts[:])+9+len(change)), "h", parts[:])
	if a.Sealed == nil && !a.ObservedAt.IsZero() {
		b = store.Uint(append(b, byObserved), ordinal(a.ObservedAt))
	} else {
		b = store.Uint(append(b, byModified), ordinal(a.ModifiedAt))
	}
	return k.mem.end(append(b, change...))
}

// ordinal orders times as a u64: nanoseconds since 1970 with the sign flipped; times beyond 1678..2262 stand at the ends.
func ordinal(t time.Time) uint64 {
	n := t.UnixNano()
	switch s := t.Unix(); {
	case s > math.MaxInt64/1_000_000_000-1:
		n = math.MaxInt64
	case s < math.MinInt64/1_000_000_000+1:
		n = math.MinInt64
	}
	return uint64(n) ^ 1<<63
}

// subjectRows are the rows that attributes share: those that find an entity by whom its sealed attributes are about, and the one
// that finds it when something of it expires.
func (k keys) subjectRows(e *model.Entity, out [][]byte) [][]byte {
	soon := e.ExpiresAt
	for _, list := range e.Attrs {
		for i := range list {
			if s := list[i].Sealed; s != nil {
				out = append(out, k.row("x", string(s.Class), string(s.Pseudonym[:]), string(e.ID)))
				out = k.tokenRows(e.ID, s, out)
			}
			if list[i].Rare != nil {
				soon = sooner(soon, list[i].Ends())
			}
		}
	}
	if !soon.IsZero() {
		out = append(out, k.end(soon, e.ID))
	}
	return k.scopeRows(e, out)
}

// soonest is when something expires by the rows of an entity, in order: that row is the last. Zero = never.
func (k keys) soonest(rows [][]byte) time.Time {
	if len(rows) == 0 {
		return time.Time{}
	}
	if last := rows[len(rows)-1][len(k.prefix):]; last[0] == 'z' {
		return moment(binary.BigEndian.Uint64(last[3:]))
	}
	return time.Time{}
}

// moment is the time of an ordinal.
func moment(n uint64) time.Time { return time.Unix(0, int64(n^1<<63)).UTC() }

// end is the row of an entity of which something expires.
func (k keys) end(at time.Time, id tribune.EntityID) []byte {
	b := store.Uint(k.add(k.mem.begin(k.size("z", nil)+10+len(id)), "z", nil), ordinal(at))
	return k.mem.end(part(b, string(id)))
}

// typeRow is the row that finds an entity by type.
func (k keys) typeRow(e *model.Entity, typ tribune.Name) []byte {
	return k.row("t", string(typ), string(e.ID))
}

// cut reads one part of a key; it is store.CutPart without copying byte by byte.
func cut(b []byte) (s string, rest []byte, ok bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 && i+1 < len(b) && b[i+1] == 1 {
		return string(b[:i]), b[i+2:], true
	}
	return store.CutPart(b)
}

// skipOne goes past one part of a key without copying it.
func skipOne(b []byte) (rest []byte, ok bool) {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		if b[i+1] == 1 {
			return b[i+2:], true
		}
		i++ // an escaped zero
	}
	return nil, false
}

// eachPlace visits the tenants and partitions that hold anything, by seeking from one to the next.
func eachPlace(ctx context.Context, r store.Reader, visit func(tribune.Place) error) error {
	from := store.Part(nil, room)
	end := store.After(from)
	for {
		at, found := tribune.Place{}, false
		for p, err := range r.Scan(ctx, store.Range{From: from, To: end, Limit: 1, KeysOnly: true}) {
			if err != nil {
				return fmt.Errorf("listing tenants: %w", err)
			}
			_, rest, _ := cut(p.Key)
			tenant, rest, ok := cut(rest)
			if !ok || len(rest) < 2 {
				return &tribune.IntegrityError{What: "a key of the twin", Err: errDamaged}
			}
			at, found = tribune.Place{Tenant: tribune.Tenant(tenant), Partition: binary.BigEndian.Uint16(rest)}, true
		}
		if !found {
			return nil
		}
		if err := visit(at); err != nil {
			return err
		}
		from = store.After(store.Key(room, at))
	}
}
