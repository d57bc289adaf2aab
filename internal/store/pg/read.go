package pg

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tribune"
	"tribune/internal/store"
)

// A scan reads pages, so that no connection is held while a loop body runs, and no large result is held in memory.
const (
	firstPage = 64      // rows: most scans want few
	largePage = 2_048   // rows, from the second page on
	pageBytes = 1 << 20 // of values; the server cuts the page where it is reached, but sends at least one row
)

const getSQL = `SELECT value FROM tribune_kv WHERE part = $1 AND key = $2`

// querier is a pool, or the connection of a snapshot.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Get returns the value of key.
func (s *Store) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	value, err := get(ctx, s.pool, s.part(key), key)
	return value, s.closedOr(err)
}

// usable refuses a call whose context has ended or whose store is closed.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return store.ErrClosed
	}
	return nil
}

func get(ctx context.Context, q querier, part int32, key []byte) ([]byte, error) {
	rows, err := q.Query(ctx, getSQL, part, key)
	if err != nil {
		return nil, sqlError("reading from PostgreSQL", err)
	}
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, tribune.ErrNotFound
	}
	if err != nil {
		return nil, sqlError("reading from PostgreSQL", err)
	}
	return value, nil
}

// Scan yields the pairs of r page by page; each page is of one moment.
func (s *Store) Scan(ctx context.Context, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		err := scan(ctx, s.partitions, r, yield, func(q page) ([]store.Pair, error) {
			if err := s.usable(ctx); err != nil {
				return nil, err
			}
			pairs, err := q.read(ctx, s.pool)
			return pairs, s.closedOr(err)
		})
		if err != nil {
			yield(store.Pair{}, err)
		}
	}
}

// scan reads page after page until r is exhausted or yield has enough.
func scan(ctx context.Context, partitions uint16, r store.Range, yield func(store.Pair, error) bool, read func(page) ([]store.Pair, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Empty() {
		return nil
	}
	q := page{from: r.From, to: r.To, reverse: r.Reverse, keysOnly: r.KeysOnly, rows: firstPage, part: -1}
	if n, ok := store.PartitionOfRange(r); ok {
		q.part = int32(n % partitions)
	}
	for left := r.Limit; ; q.rows = largePage {
		if r.Limit > 0 {
			q.rows = min(q.rows, left)
		}
		pairs, err := read(q)
		if err != nil {
			return err
		}
		bytes := 0
		for _, p := range pairs {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			bytes += len(p.Value)
			if !yield(p, nil) {
				return nil
			}
		}
		left -= len(pairs)
		if (len(pairs) < q.rows && bytes < pageBytes) || (r.Limit > 0 && left == 0) {
			return nil
		}
		q.after(pairs[len(pairs)-1].Key)
	}
}

// page is one query of a scan.
type page struct {
	part     int32  // -1 = all
	from, to []byte // nil to = no end
	reverse  bool
	keysOnly bool
	rows     int
}

// after moves the page behind the last key of the one before.
func (q *page) after(last []byte) {
	if q.reverse {
		q.to = last
	} else {
		q.from = append(slices.Clone(last), 0) // the smallest key greater than last
	}
}

func (q page) read(ctx context.Context, from querier) ([]store.Pair, error) {
	rows, err := from.Query(ctx, q.sql(), q.args()...)
	if err != nil {
		return nil, sqlError("scanning in PostgreSQL", err)
	}
	pairs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p store.Pair, err error) {
		if q.keysOnly {
			return p, row.Scan(&p.Key)
		}
		return p, row.Scan(&p.Key, &p.Value)
	})
	if err != nil {
		return nil, sqlError("scanning in PostgreSQL", err)
	}
	return pairs, nil
}

func (q page) args() []any {
	from := q.from
	if from == nil {
		from = []byte{} // nil would be NULL
	}
	args := []any{q.rows, from}
	if len(q.to) > 0 {
		args = append(args, q.to)
	}
	if q.part >= 0 {
		args = append(args, q.part)
	}
	return args
}

// sql is one of few texts, each prepared once a connection. The running sum needs no value to be read, only its length.
func (q page) sql() string {
	var where strings.Builder
	where.WriteString("key >= $2")
	n := 3
	if len(q.to) > 0 {
		fmt.Fprintf(&where, " AND key < $%d", n)
		n++
	}
	if q.part >= 0 {
		fmt.Fprintf(&where, " AND part = $%d", n)
	}
	order := "key"
	if q.reverse {
		order = "key DESC"
	}
	if q.keysOnly {
		return fmt.Sprintf(`SELECT key FROM tribune_kv WHERE %s ORDER BY %s LIMIT $1`, &where, order)
	}
	return fmt.Sprintf(`SELECT key, value FROM (
	SELECT key, value, sum(octet_length(value)) OVER (ORDER BY %[2]s ROWS UNBOUNDED PRECEDING) - octet_length(value) AS before
	FROM (SELECT key, value FROM tribune_kv WHERE %[1]s ORDER BY %[2]s LIMIT $1) AS page) AS summed
	WHERE before < %[3]d`, &where, order, pageBytes)
}
