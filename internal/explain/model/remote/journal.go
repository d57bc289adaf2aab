package remote

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"sync"

	"tribune"
	"tribune/internal/explain/matrix"
)

// A journal is the line "tribune endpoint 1" and entries after it: a byte that says what it is, the length of what follows (four bytes, little-endian), that,
// and its CRC-32. 's' is how many records were about to be sent (eight bytes); 'a' is an answered batch: the SHA-256 of its records, then the probabilities
// as float32. An entry that is cut or does not fit its checksum ends the journal: somebody was killed writing it.
const (
	journalMagic = "tribune endpoint 1\n"
	entrySent    = 's'
	entryAnswer  = 'a'
)

// journal keeps what was sent and answered. Its file is for its owner alone: it says how somebody else's model answers records of people.
type journal struct {
	mu       sync.Mutex // guards everything
	file     *os.File
	end      int64
	answered map[[sha256.Size]byte]int64 // batch -> where its probabilities stand in the file
}

// Keep has everything that is sent and answered written to a file, and takes what stands there as sent and answered: an audit that was interrupted neither
// asks nor spends again. Whoever calls it sees to it that the file is this endpoint's, and calls Close at the end.
func (r *Remote) Keep(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("keeping an endpoint's answers: %w", err)
	}
	j := &journal{file: f, answered: map[[sha256.Size]byte]int64{}}
	sent, err := j.load(sha256.Size + 4*maxBatch*r.classes) // of any batch: what is taken for broken is cut off, and with it what was spent
	if err != nil {
		f.Close()
		return fmt.Errorf("reading an endpoint's answers: %s: %w", path, err)
	}
	r.sent.Add(sent)
	r.journal = j
	return nil
}

// Close ends what Keep began; nothing may be asked after it.
func (r *Remote) Close() error {
	if r.journal == nil {
		return nil
	}
	return r.journal.file.Close()
}

// load reads what is there, entries of at most so many bytes, and cuts off what is broken at the end.
func (j *journal) load(most int) (sent int64, err error) {
	in := bufio.NewReaderSize(j.file, 1<<20)
	head := make([]byte, len(journalMagic))
	switch n, err := io.ReadFull(in, head); {
	case n == 0 && errors.Is(err, io.EOF):
		j.end = int64(len(journalMagic))
		_, err := j.file.WriteAt([]byte(journalMagic), 0)
		return 0, err
	case err != nil || string(head) != journalMagic:
		return 0, fmt.Errorf("%w: it is not one of an endpoint's answers", tribune.ErrInvalid)
	}
	j.end = int64(len(journalMagic))
	for {
		kind, body, err := readEntry(in, most)
		if err != nil {
			break // cut: what came before it counts
		}
		switch {
		case kind == entrySent && len(body) == 8:
			sent += int64(binary.LittleEndian.Uint64(body))
		case kind == entryAnswer && len(body) >= sha256.Size:
			j.answered[[sha256.Size]byte(body[:sha256.Size])] = j.end + 5 + sha256.Size
		}
		j.end += int64(len(body)) + 9
	}
	return sent, j.file.Truncate(j.end)
}

func readEntry(in io.Reader, most int) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if int64(n) > int64(most) {
		return 0, nil, tribune.ErrTooLarge
	}
	body = make([]byte, n+4)
	if _, err := io.ReadFull(in, body); err != nil {
		return 0, nil, err
	}
	if crc32.ChecksumIEEE(body[:n]) != binary.LittleEndian.Uint32(body[n:]) {
		return 0, nil, tribune.ErrInvalid
	}
	return head[0], body[:n], nil
}

func (j *journal) write(kind byte, body []byte) (at int64, err error) {
	b := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body))
	if _, err := j.file.WriteAt(b, j.end); err != nil {
		return 0, fmt.Errorf("keeping an endpoint's answers: %w", err)
	}
	at = j.end
	j.end += int64(len(b))
	return at, nil
}

// sending notes that n records go out, before they do.
func (j *journal) sending(n int64) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err := j.write(entrySent, binary.LittleEndian.AppendUint64(nil, uint64(n)))
	return err
}

// answer fills p from the journal, if the batch stands in it.
func (j *journal) answer(batch [sha256.Size]byte, p matrix.Matrix) (bool, error) {
	if j == nil {
		return false, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	at, is := j.answered[batch]
	if !is {
		return false, nil
	}
	raw := make([]byte, 4*len(p.Data))
	if _, err := j.file.ReadAt(raw, at); err != nil {
		return false, fmt.Errorf("reading an endpoint's answers: %w", err)
	}
	for i := range p.Data {
		p.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return true, nil
}

// keep writes a batch's answers down.
func (j *journal) keep(batch [sha256.Size]byte, p matrix.Matrix) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	body := append(make([]byte, 0, sha256.Size+4*len(p.Data)), batch[:]...)
	for _, v := range p.Data {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	at, err := j.write(entryAnswer, body)
	if err == nil {
		j.answered[batch] = at + 5 + sha256.Size
	}
	return err
}

// fingerprint names a batch of records and what is expected of it.
func fingerprint(x, p matrix.Matrix) (sum [sha256.Size]byte) {
	h := sha256.New()
	b := binary.LittleEndian.AppendUint64(nil, uint64(x.Rows))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Cols))
	for _, v := range x.Data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}
