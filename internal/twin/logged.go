package twin

import (
	"encoding/binary"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
)

// A row of the change log holds the changes of one commit, or a part of them, and stands under the number of the last:
//
//	row   = 0x02 at count u16 ( entry )*
//	entry = flags u8 entity [types] [attrs] version u64 [source]
//
// in the encoding of documents. A flag says that types, attrs or source are those of the entry before, as in a batch of
// readings. A row that begins with 0x01 holds one change, as all did before: flags entity types attrs version at source.
const logFormat = 2

// Flags of an entry.
const (
	logCreated = 1 << iota
	logDeleted
	sameTypes
	sameAttrs
	sameSource
)

// maxLogRow is where a row ends and another begins.
const maxLogRow = 1 << 20

// logWriter puts the changes of one commit into a batch.
type logWriter struct {
	b    *store.Batch
	k    keys
	head []byte // of the keys
	at   time.Time
	next uint64 // sequence number

	row   []byte
	start int // of the count in row
	n     int
	last  Logged
}

func (l *changeLog) writer(b *store.Batch, k keys, first uint64, at time.Time) *logWriter {
	return &logWriter{b: b, k: k, head: k.of("c", l.hub), at: at, next: first}
}

// add appends a change; Seq, At and Tenant are the writer's.
func (w *logWriter) add(c Logged) {
	if w.n > 0 && (len(w.row) > maxLogRow || w.n == 1<<16-1) {
		w.end()
	}
	if w.n == 0 {
		w.row = appendTime(append(make([]byte, 0, 1024), logFormat), w.at)
		w.start = len(w.row)
		w.row = append(w.row, 0, 0)
	}
	flags := len(w.row)
	w.row = appendString(append(w.row, 0), string(c.Entity))
	same := func(flag byte, same bool) bool {
		if same = same && w.n > 0; same {
			w.row[flags] |= flag
		}
		return same
	}
	if c.Created {
		w.row[flags] |= logCreated
	}
	if c.Deleted {
		w.row[flags] |= logDeleted
	}
	if !same(sameTypes, slices.Equal(c.Types, w.last.Types)) {
		w.row = appendNames(w.row, c.Types)
	}
	if !same(sameAttrs, slices.Equal(c.Attrs, w.last.Attrs)) {
		w.row = appendNames(w.row, c.Attrs)
	}
	w.row = store.Uint(w.row, c.Version)
	if !same(sameSource, c.Source == w.last.Source) {
		w.row = appendString(w.row, c.Source)
	}
	w.last = c
	w.n++
	w.next++
}

// end puts the row.
func (w *logWriter) end() {
	if w.n == 0 {
		return
	}
	binary.BigEndian.PutUint16(w.row[w.start:], uint16(w.n))
	w.b.Put(store.Uint(slices.Clone(w.head), w.next-1), w.row)
	w.n = 0
}

// decodeLogged reads a row, Seq and Tenant missing.
func decodeLogged(v []byte) (list []Logged, ok bool) {
	d := &decoder{b: v}
	switch d.byte() {
	case docFormat:
		flags := d.byte()
		list = []Logged{{Created: flags&logCreated != 0, Deleted: flags&logDeleted != 0, Entity: tribune.EntityID(d.string()), Types: d.names(),
			Attrs: d.names(), Version: binary.BigEndian.Uint64(d.bytes(8)), At: d.time(), Source: d.string()}}
	case logFormat:
		at := d.time()
		n := int(binary.BigEndian.Uint16(d.bytes(2)))
		var last Logged
		for range n {
			flags := d.byte()
			c := Logged{At: at, Created: flags&logCreated != 0, Deleted: flags&logDeleted != 0, Entity: tribune.EntityID(d.string()),
				Types: last.Types, Attrs: last.Attrs, Source: last.Source}
			if flags&sameTypes == 0 {
				c.Types = d.names()
			}
			if flags&sameAttrs == 0 {
				c.Attrs = d.names()
			}
			c.Version = binary.BigEndian.Uint64(d.bytes(8))
			if flags&sameSource == 0 {
				c.Source = d.string()
			}
			if d.bad {
				return nil, false
			}
			list, last = append(list, c), c
		}
	default:
		d.bad = true
	}
	if d.bad || d.at != len(v) || len(list) == 0 {
		return nil, false
	}
	return list, true
}
