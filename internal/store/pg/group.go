package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The statements of a transaction. All take arrays, so that a group of any size is the same few statements, and take
// their rows in key order.
const (
	claimSQL = `INSERT INTO tribune_kv (part, key, value)
	SELECT * FROM unnest($1::int4[], $2::bytea[], $3::bytea[]) AS new (part, key, value) ORDER BY key
	ON CONFLICT DO NOTHING RETURNING key`
	lockSQL = `SELECT key, substring(value FROM 1 FOR $3) FROM tribune_kv
	WHERE part = ANY ($1::int4[]) AND key = ANY ($2::bytea[]) ORDER BY key FOR UPDATE`
	putSQL = `INSERT INTO tribune_kv (part, key, value)
	SELECT * FROM unnest($1::int4[], $2::bytea[], $3::bytea[]) AS new (part, key, value) ORDER BY key
	ON CONFLICT (key, part) DO UPDATE SET value = excluded.value`
	deleteSQL = `DELETE FROM tribune_kv WHERE part = ANY ($1::int4[]) AND key = ANY ($2::bytea[])`
)

// group is one transaction of several batches. First it takes every key that is expected: one expected absent is claimed
// by inserting it, one expected with a value is locked. Then the batches are decided one after another, against those
// rows and each other. Then what remains is written.
//
// Groups of one process are of different partitions and never meet. Those of several may wait for each other in a circle
// where one expects what the other writes and the other way round; PostgreSQL breaks the circle after deadlock_timeout and
// the loser is tried again. Taking all keys at first would avoid that, and measured 1.6 times slower for everyone.
type group struct {
	store   *Store
	taken   []*request
	failed  []bool // by request: an expectation did not hold
	cells   map[string]*cell
	order   []*cell // by key
	longest int     // expected prefix
}

// cell is one key of the group.
type cell struct {
	key    []byte
	part   int32
	absent bool   // expected to be, by one batch at least: to be claimed
	valued bool   // expected to have one, by one batch at least: to be locked
	draft  []byte // the first value put after the expectation: what a claim inserts, and most likely what shall be there

	claimed bool   // inserted by this transaction, hence absent before
	found   bool   // present before
	prefix  []byte // of the value found, as long as the longest expectation

	// As the batches decided so far leave it:
	present bool
	value   []byte // where dirty, else prefix
	dirty   bool
}

func newGroup(s *Store, taken []*request) *group {
	g := &group{store: s, taken: taken, failed: make([]bool, len(taken)), cells: map[string]*cell{}}
	for _, r := range taken {
		for i := range r.batch.Expects {
			e := &r.batch.Expects[i]
			c := g.cell(e.Key)
			c.absent = c.absent || e.Absent
			c.valued = c.valued || !e.Absent
			g.longest = max(g.longest, len(e.Prefix))
		}
		for i := range r.batch.Ops {
			op := &r.batch.Ops[i]
			if c := g.cell(op.Key); c.absent && c.draft == nil && !op.Delete {
				c.draft = op.Value
			}
		}
	}
	slices.SortFunc(g.order, func(a, b *cell) int { return bytes.Compare(a.key, b.key) })
	return g
}

func (g *group) cell(key []byte) *cell {
	c, ok := g.cells[string(key)]
	if !ok {
		c = &cell{key: key, part: g.store.part(key)}
		g.cells[string(key)] = c
		g.order = append(g.order, c)
	}
	return c
}

// run makes the transaction. An error means that it had no effect, or that its effect is unknown.
func (g *group) run(ctx context.Context) error {
	conn, err := g.store.pool.Acquire(ctx)
	if err != nil {
		return sqlError("connecting to PostgreSQL", err)
	}
	if err := g.transact(ctx, conn); err != nil {
		g.abort(conn)
		return err
	}
	conn.Release()
	return nil
}

// abort gives back a connection whose transaction failed.
func (g *group) abort(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	if conn.Conn().IsClosed() {
		conn.Release()
		return
	}
	if _, err := conn.Exec(ctx, `ROLLBACK`); err != nil {
		discard(conn)
		return
	}
	conn.Release()
}

func (g *group) transact(ctx context.Context, conn *pgxpool.Conn) error {
	expects := slices.ContainsFunc(g.order, func(c *cell) bool { return c.absent || c.valued })
	if expects {
		if err := g.take(ctx, conn); err != nil {
			return err
		}
	}
	g.decide()
	return g.write(ctx, conn, !expects)
}

// take begins the transaction and takes what is expected.
func (g *group) take(ctx context.Context, conn *pgxpool.Conn) error {
	var b pgx.Batch
	b.Queue(`BEGIN`)
	var claims, locks rows
	for _, c := range g.order {
		if c.absent {
			claims.add(c, c.draft)
		}
		if c.valued {
			locks.add(c, nil)
		}
	}
	if len(claims.keys) > 0 {
		b.Queue(claimSQL, claims.parts, claims.keys, claims.values).Query(func(r pgx.Rows) error {
			keys, err := pgx.CollectRows(r, pgx.RowTo[[]byte])
			for _, k := range keys {
				g.cells[string(k)].claimed = true
			}
			return err
		})
	}
	if len(locks.keys) > 0 {
		b.Queue(lockSQL, locks.distinctParts(), locks.keys, g.longest).Query(func(r pgx.Rows) error {
			var key, prefix []byte
			_, err := pgx.ForEachRow(r, []any{&key, &prefix}, func() error {
				if c := g.cells[string(key)]; !c.claimed {
					c.found, c.prefix = true, slices.Clone(prefix)
				}
				return nil
			})
			return err
		})
	}
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		return sqlError("locking rows in PostgreSQL", err)
	}
	for _, c := range g.order {
		if c.absent && !c.claimed && !c.found {
			if c.valued {
				return errMoved // it was present when we claimed and absent when we locked: it is not ours
			}
			c.found = true // else the claim had succeeded
		}
		c.present, c.value = c.found, c.prefix
	}
	return nil
}

// decide applies the batches in the order in which they came.
func (g *group) decide() {
	for i, r := range g.taken {
		for j := range r.batch.Expects {
			e := &r.batch.Expects[j]
			if c := g.cells[string(e.Key)]; !e.Holds(c.value, c.present) {
				g.failed[i] = true
			}
		}
		if g.failed[i] {
			continue
		}
		for j := range r.batch.Ops {
			op := &r.batch.Ops[j]
			c := g.cells[string(op.Key)]
			c.dirty, c.present, c.value = true, !op.Delete, op.Value
		}
	}
}

// write writes what the batches leave, and commits.
func (g *group) write(ctx context.Context, conn *pgxpool.Conn, begin bool) error {
	var puts, deletes rows
	for _, c := range g.order {
		switch {
		case c.dirty && c.present:
			if !c.claimed || !bytes.Equal(c.value, c.draft) {
				puts.add(c, c.value)
			}
		case c.dirty && !c.claimed, c.claimed && !c.present:
			deletes.add(c, nil)
		}
	}
	var b pgx.Batch
	if begin {
		b.Queue(`BEGIN`)
	}
	if len(puts.keys) > 0 {
		b.Queue(putSQL, puts.parts, puts.keys, puts.values)
	}
	if len(deletes.keys) > 0 {
		b.Queue(deleteSQL, deletes.distinctParts(), deletes.keys)
	}
	outcome := ""
	b.Queue(`COMMIT`).Query(func(r pgx.Rows) error {
		r.Close()
		outcome = r.CommandTag().String()
		return r.Err()
	})
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		return sqlError("committing to PostgreSQL", err)
	}
	if outcome != "COMMIT" { // the server answers ROLLBACK, without an error, to the commit of a failed transaction
		return fmt.Errorf("committing to PostgreSQL: %w", errors.New("the server answered "+outcome))
	}
	return nil
}

// rows are the columns of an array statement.
type rows struct {
	parts        []int32
	keys, values [][]byte
}

func (r *rows) add(c *cell, value []byte) {
	if value == nil {
		value = []byte{} // nil would be NULL
	}
	r.parts = append(r.parts, c.part)
	r.keys = append(r.keys, c.key)
	r.values = append(r.values, value)
}

// distinctParts restricts a statement to the partitions of its keys.
func (r *rows) distinctParts() []int32 {
	parts := slices.Clone(r.parts)
	slices.Sort(parts)
	return slices.Compact(parts)
}
