package pg

import (
	"context"
	"fmt"

	"tribune"
)

// aloneLock is held by the hub that has the database to itself: pg_try_advisory_lock("tribuneh").
const aloneLock = 0x7472_6962_756e_6568

// Alone makes this process the only one that has called Alone on the database, until Close or its death. It holds a connection, and
// with it the lock: one that PostgreSQL loses is not taken again. ErrBusy: another process has it.
func (s *Store) Alone(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return sqlError("connecting to PostgreSQL", err)
	}
	held := conn.Hijack() // pools end connections that grow old
	var mine bool
	if err := held.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(aloneLock)).Scan(&mine); err != nil {
		held.Close(ctx)
		return sqlError("asking for the database", err)
	}
	if !mine {
		held.Close(ctx)
		return tribune.Hint(fmt.Errorf("%w: another hub works on this database", tribune.ErrBusy),
			"Run one hub on a database: each keeps a change log, subscriptions and registrations that it takes to be the only one's. One that has died lets go when PostgreSQL notices.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alone = held
	return nil
}
