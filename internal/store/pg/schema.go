package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tribune"
)

// version of the tables below.
const version = 1

// schemaLock serialises hubs that start at the same moment on an empty database: pg_advisory_xact_lock("tribunes").
const schemaLock = 0x7472_6962_756e_6573

// The partition is a column so that PostgreSQL, or a cluster that speaks its wire protocol, can place rows by it; the
// primary key begins with the key, so that a scan across partitions is a merge of index scans. A fifth of each page is
// left free: an update that fits into its page touches no index.
const (
	createStore = `CREATE TABLE tribune_store (
	one        bool PRIMARY KEY DEFAULT true CHECK (one),
	version    int4 NOT NULL,
	partitions int4 NOT NULL)`
	createTable = `CREATE TABLE tribune_kv (
	part  int4  NOT NULL,
	key   bytea NOT NULL,
	value bytea NOT NULL,
	PRIMARY KEY (key, part)) PARTITION BY LIST (part)`
	createPartition = `CREATE TABLE tribune_kv_%[1]d PARTITION OF tribune_kv FOR VALUES IN (%[1]d) WITH (fillfactor = 80)`
)

// prepare checks the server and the tables, creates them where there are none, and returns the number of partitions.
func prepare(ctx context.Context, pool *pgxpool.Pool, want uint16) (uint16, error) {
	if want > MaxPartitions {
		return 0, fmt.Errorf("%d partitions, at most %d: %w", want, MaxPartitions, tribune.ErrInvalid)
	}
	var have uint16
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var fsync string
		if err := tx.QueryRow(ctx, `SELECT current_setting('fsync')`).Scan(&fsync); err != nil {
			return err
		}
		if fsync != "on" {
			return tribune.Hint(fmt.Errorf("the server runs with fsync=%s, it would lose what it acknowledged: %w", fsync, tribune.ErrInvalid),
				"set fsync=on in postgresql.conf")
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(schemaLock)); err != nil {
			return err
		}
		var exists bool
		if err := tx.QueryRow(ctx, `SELECT to_regclass('tribune_store') IS NOT NULL`).Scan(&exists); err != nil {
			return err
		}
		var err error
		if exists {
			have, err = read(ctx, tx)
		} else {
			have, err = create(ctx, tx, want)
		}
		return err
	})
	if err != nil {
		return 0, sqlError("preparing the tables in PostgreSQL", err)
	}
	if want != 0 && want != have {
		return 0, tribune.Hint(fmt.Errorf("the database has %d partitions, not %d: %w", have, want, tribune.ErrConflict),
			"partitions are fixed when a database is made: leave the number out, or use an empty database")
	}
	return have, nil
}

func read(ctx context.Context, tx pgx.Tx) (uint16, error) {
	var v, partitions int32
	err := tx.QueryRow(ctx, `SELECT version, partitions FROM tribune_store`).Scan(&v, &partitions)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && (partitions < 1 || partitions > MaxPartitions)) {
		return 0, &tribune.IntegrityError{What: "table tribune_store", Err: tribune.ErrInvalid}
	}
	if err != nil {
		return 0, err
	}
	if v != version {
		return 0, tribune.Hint(fmt.Errorf("the tables have version %d, this program knows %d: %w", v, version, tribune.ErrUnsupported),
			"use the release of tribune that made them, or newer")
	}
	return uint16(partitions), nil
}

func create(ctx context.Context, tx pgx.Tx, partitions uint16) (uint16, error) {
	if partitions == 0 {
		partitions = DefaultPartitions
	}
	statements := []string{createStore, createTable}
	for n := range partitions {
		statements = append(statements, fmt.Sprintf(createPartition, n))
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return 0, err
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO tribune_store (version, partitions) VALUES ($1, $2)`, version, int32(partitions))
	return partitions, err
}
