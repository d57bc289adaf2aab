package twin

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// Old rows of a series are packed, blockRows at most in a block. Blocks of one series and order do not overlap; rows that
// are not packed may lie anywhere among them, and each instance is in one place. A block is two rows under the place of its
// first:
//
//	H|id|attr|dataset|place   0x02 count u16, last place, flags u8, [numbers 6 f64], times, [numbers count f64]
//	B|id|attr|dataset|place   zstd( rows: suffix, value )
//
// H has what aggregates need: times as uvarint differences, and where every instance is a Property with a number, the
// numbers and what they come to (temporal.Stats). Numbers are big-endian; suffixes and values are uvarint length || bytes.
// Sealed rows are never packed: they are as long as they are random.
const (
	blockRows   = 512
	blockFormat = 2
	blockBytes  = 1 << 20  // of rows, before a block is closed
	maxBlock    = 16 << 20 // bytes of a block's rows: blockBytes and one row, with room to spare
)

// flags of a block.
const (
	blockNumbers = 1 << iota // every instance is a Property with a number
)

// block is the head of a block, decoded.
type block struct {
	first, last rowPlace
	count       int
	flags       byte
	stats       temporal.Stats
	columns     []byte // times and numbers, encoded
	raw         []byte // the H row as it stands
}

// packs compresses and opens blocks. It is safe for concurrent use.
type packs struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacks() (*packs, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("preparing to pack: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBlock))
	if err != nil {
		return nil, fmt.Errorf("preparing to unpack: %w", err)
	}
	return &packs{enc, dec}, nil
}

// encode packs rows of one order, which are in order, into the two values of a block.
func (p *packs) encode(id tribune.EntityID, s seriesKey, rows []pastRow) (head, body []byte, err error) {
	numbers, flags := make([]float64, 0, len(rows)), byte(blockNumbers)
	for _, r := range rows {
		body = appendBytes(appendBytes(body, r.suffix), r.value)
		a, err := decodeRow(id, s.name, r.value)
		if err != nil {
			return nil, nil, err
		}
		x, ok := plainNumber(&a)
		if !ok || r.at == 0 || r.at == math.MaxUint64 {
			flags = 0
		}
		numbers = append(numbers, x)
	}
	last := rows[len(rows)-1]
	head = binary.BigEndian.AppendUint16([]byte{blockFormat}, uint16(len(rows)))
	head = appendBytes(head, last.append(nil))
	head = append(head, flags)
	if flags&blockNumbers != 0 {
		for _, x := range temporal.StatsOf(numbers).Numbers() {
			head = binary.BigEndian.AppendUint64(head, math.Float64bits(x))
		}
	}
	for i := 1; i < len(rows); i++ {
		head = binary.AppendUvarint(head, rows[i].at-rows[i-1].at)
	}
	if flags&blockNumbers != 0 {
		for _, x := range numbers {
			head = binary.BigEndian.AppendUint64(head, math.Float64bits(x))
		}
	}
	return head, p.enc.EncodeAll(body, nil), nil
}

// plainNumber is the number of an instance of which nothing else matters to an aggregate.
func plainNumber(a *model.Attr) (float64, bool) {
	if a.Sealed != nil || a.Kind != model.Property || len(a.Value) == 0 || a.Value[0] != '-' && (a.Value[0] < '0' || a.Value[0] > '9') {
		return 0, false
	}
	x, err := strconv.ParseFloat(string(a.Value), 64)
	return x, err == nil
}

func appendBytes(b, s []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

// decodeBlock reads the head of a block that stands under a place. It keeps raw.
func decodeBlock(place, raw []byte) (*block, error) {
	b := &block{raw: raw}
	d := &decoder{b: raw}
	var ok1, ok2 bool
	b.first, ok1 = cutPlace(place)
	if d.byte() != blockFormat {
		d.bad = true
	}
	b.count = int(binary.BigEndian.Uint16(d.bytes(2)))
	b.last, ok2 = cutPlace(d.bytes(d.length()))
	b.flags = d.byte()
	if b.flags&blockNumbers != 0 {
		var n [6]float64
		for i := range n {
			n[i] = math.Float64frombits(binary.BigEndian.Uint64(d.bytes(8)))
		}
		b.stats = temporal.StatsFrom(n)
	}
	if d.bad || !ok1 || !ok2 || b.count == 0 || b.count > blockRows || b.first.order != b.last.order {
		return nil, &tribune.IntegrityError{What: "packed history", Err: errDamaged}
	}
	b.columns = raw[d.at:]
	return b, nil
}

// times are those of the instances, as keys have them; numbers are theirs where the block has them.
func (b *block) times(into []uint64) (times []uint64, numbers []byte, err error) {
	d := &decoder{b: b.columns}
	at := b.first.at
	times = append(into, at)
	for range b.count - 1 {
		at += d.uvarint()
		times = append(times, at)
	}
	if b.flags&blockNumbers != 0 {
		numbers = d.bytes(8 * b.count)
	}
	if d.bad || d.at != len(b.columns) || at != b.last.at {
		return nil, nil, &tribune.IntegrityError{What: "packed history", Err: errDamaged}
	}
	return times, numbers, nil
}

// rows unpacks the instances of a block.
func (p *packs) rows(b *block, body []byte) ([]pastRow, error) {
	damaged := &tribune.IntegrityError{What: "packed history", Err: errDamaged}
	plain, err := p.dec.DecodeAll(body, nil)
	if err != nil {
		return nil, damaged
	}
	times, _, err := b.times(make([]uint64, 0, b.count))
	if err != nil {
		return nil, err
	}
	d := &decoder{b: plain}
	out := make([]pastRow, 0, b.count)
	for i := range b.count {
		suffix := d.bytes(d.length())
		value := d.bytes(d.length())
		out = append(out, pastRow{rowPlace{b.first.order, times[i], suffix}, value})
	}
	if d.bad || d.at != len(plain) {
		return nil, damaged
	}
	return out, nil
}

// blockOf is how many of the rows go into one block: no more than can be unpacked again.
func blockOf(rows []pastRow) int {
	bytes := 0
	for n, r := range rows {
		if bytes += len(r.suffix) + len(r.value); n == blockRows || n > 0 && bytes > blockBytes {
			return n
		}
	}
	return len(rows)
}

// putBlocks puts rows of one order, which are in order, into a batch as blocks.
func (p *packs) putBlocks(b *store.Batch, k keys, id tribune.EntityID, s seriesKey, rows []pastRow) error {
	for len(rows) > 0 {
		part := rows[:blockOf(rows)]
		rows = rows[len(part):]
		head, body, err := p.encode(id, s, part)
		if err != nil {
			return err
		}
		b.Put(part[0].append(k.of("H", string(id), string(s.name), s.dataset)), head)
		b.Put(part[0].append(k.of("B", string(id), string(s.name), s.dataset)), body)
	}
	return nil
}
