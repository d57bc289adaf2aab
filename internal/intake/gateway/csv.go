package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/web"
)

// A CSV is one of RFC 4180 in UTF-8 (a byte-order mark is skipped). Its header row names the columns: "time", which must be there
// and holds RFC 3339, and names of the device's document. A cell without spaces around it is a number where it is one of JSON,
// true or false, else a text; an empty one is no reading. Rows are taken in batches as they arrive. A row that is bad is
// left out whole and is in quarantine; the others are taken.

// Bounds of a CSV.
const (
	maxRows     = 100_000
	maxColumns  = 256
	maxRow      = 128 << 10 // bytes: a row is held in memory, and one of nothing but commas forty times over
	batchSize   = 1024      // readings: what the desk still takes together with other devices' messages
	maxBadRows  = 100       // then it is not the CSV that was meant
	maxReported = 20        // bad rows in the answer
)

// summary is what became of a CSV.
type summary struct {
	Rows     int       `json:"rows"`               // that were read
	Stored   int       `json:"stored"`             // rows that are durable
	Readings int       `json:"readings"`           // in them
	Bad      int       `json:"bad"`                // rows that are not
	Lines    []badLine `json:"lines,omitempty"`    // the first bad rows
	Next     int       `json:"nextLine,omitempty"` // where it stopped: every row before it has been dealt with
}

type badLine struct {
	Line   int    `json:"line"` // of the file, counted from 1
	Reason string `json:"reason"`
}

// sheet is a CSV on its way to the desk.
type sheet struct {
	gateway *Gateway
	message intake.Message // for what the gateway itself finds bad
	read    *digest
	names   []string
	time    int // the column
	rows    []csvRow
	size    int // readings in rows
	unread  int // bad rows that the desk has not seen
	first   badLine
	sum     summary
}

// csvRow is one row that can be read.
type csvRow struct {
	line int
	list []intake.Reading
}

// csv is POST /intake/{device} with text/csv.
func (g *Gateway) csv(ctx context.Context, w http.ResponseWriter, r *http.Request, dev *device.Device, key string) (outcome, error) {
	if key != "" {
		return outcome{}, tribune.Hint(fmt.Errorf("%w: Idempotency-Key with a CSV", tribune.ErrInvalid), "Its rows have times, which serve the same end.")
	}
	if err := g.beginStream(dev.ID); err != nil {
		return outcome{}, err
	}
	defer g.endStream(dev.ID)
	ctx, cancel := context.WithTimeout(ctx, streamTime)
	defer cancel()
	end := time.Now().Add(streamTime)
	s := newSheet(g, dev, r.Body)
	if err := s.take(ctx, func() { patient(w, end) }); err != nil {
		var bad *intake.Quarantined
		if errors.As(err, &bad) || s.sum.Rows == 0 {
			return outcome{}, err
		}
		g.refused.Add(1)
		g.readings.Add(uint64(s.sum.Readings))
		s.broken(w, r, err)
		return outcome{}, errAnswered
	}
	return outcome{readings: s.sum.Readings, body: s.sum, partly: s.sum.Bad > 0}, nil
}

// errAnswered is the error of a request that has its answer already.
var errAnswered = errors.New("answered")

// broken answers a CSV that was dealt with in part.
func (s *sheet) broken(w http.ResponseWriter, r *http.Request, err error) {
	p := s.gateway.problems.Of(err)
	p.Request = web.RequestID(r.Context())
	p.Extra = map[string]any{"rows": s.sum.Rows, "stored": s.sum.Stored, "readings": s.sum.Readings, "bad": s.sum.Bad, "lines": s.sum.Lines, "nextLine": s.sum.Next}
	s.gateway.retryAfter(w, err)
	web.Send(w, p)
}

func newSheet(g *Gateway, dev *device.Device, body io.Reader) *sheet {
	return &sheet{gateway: g, message: intake.Message{Device: dev, Topic: topic, Received: g.cfg.Now()}, read: &digest{from: body, sum: sha256.New(), until: maxRow}}
}

// take reads rows and hands them on until the end, or until something must stop it.
func (s *sheet) take(ctx context.Context, progress func()) error {
	if len(s.message.Device.SigningKey) > 0 {
		return s.reject(ctx, "it is not signed, and the device's document has a signing key")
	}
	progress()
	buffered := bufio.NewReaderSize(s.read, 64<<10)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		buffered.Discard(3)
	}
	rows := csv.NewReader(buffered)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		var parse *csv.ParseError
		if errors.Is(err, io.EOF) || errors.As(err, &parse) {
			return s.reject(ctx, "no header row of a CSV")
		}
		return fmt.Errorf("reading the header row: %w", unread(err))
	}
	if reason := s.header(header); reason != "" {
		return s.reject(ctx, reason)
	}
	err = s.all(ctx, rows, progress)
	if flushed := s.flush(ctx); flushed != nil {
		err = errors.Join(err, flushed)
	}
	if err != nil {
		return err
	}
	s.sum.Next = 0
	if s.sum.Rows == 0 {
		return s.reject(ctx, "no rows in the CSV")
	}
	if s.unread == 0 {
		return nil
	}
	err = s.reject(ctx, fmt.Sprintf("%d rows of a CSV cannot be read; the first, in line %d: %s", s.unread, s.first.Line, s.first.Reason))
	var bad *intake.Quarantined
	if errors.As(err, &bad) {
		return nil
	}
	return err
}

// all reads all rows after the header.
func (s *sheet) all(ctx context.Context, rows *csv.Reader, progress func()) error {
	for {
		record, err := rows.Read()
		s.read.until = int(rows.InputOffset()) + maxRow
		var parse *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &parse):
			s.sum.Rows, s.sum.Next = s.sum.Rows+1, parse.StartLine
			if err := s.unreadable(parse.StartLine, wording(parse)); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("reading the CSV: %w", unread(err))
		}
		line, _ := rows.FieldPos(0)
		if s.sum.Next = line; s.sum.Rows == maxRows {
			return fmt.Errorf("%w: more than %d rows; send the rest from line %d on with the header row", tribune.ErrTooLarge, maxRows, line)
		}
		s.sum.Rows++
		if err := s.row(line, record); err != nil {
			return err
		}
		if s.size >= batchSize {
			if err := s.flush(ctx); err != nil {
				return err
			}
			progress()
		}
	}
}

// reject puts what was read into quarantine, as one message.
func (s *sheet) reject(ctx context.Context, reason string) error {
	m := s.message
	m.Body, m.Size = s.read.sum.Sum(nil), s.read.size
	return s.gateway.cfg.Desk.Reject(ctx, m, reason)
}

// digest reads on, and keeps of what it has read its size and hash.
type digest struct {
	from  io.Reader
	sum   hash.Hash
	size  int
	until int // no further: the row is too long
}

func (d *digest) Read(p []byte) (int, error) {
	if d.size > d.until {
		return 0, fmt.Errorf("%w: a row of more than %d bytes", tribune.ErrTooLarge, maxRow)
	}
	n, err := d.from.Read(p)
	d.sum.Write(p[:n])
	d.size += n
	return n, err
}
