package pg_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pg"
	"tribune/internal/store/storetest"
)

// factory makes databases of the given number of partitions on one server.
func factory(server *storetest.Postgres, partitions uint16) storetest.Factory {
	return func(t testing.TB) storetest.Opener {
		cfg := pg.Config{URL: server.Database(t), Partitions: partitions}
		return func() (store.Store, error) { return pg.Open(t.Context(), cfg) }
	}
}

func TestContract(t *testing.T) {
	server := storetest.StartPostgres(t)
	for _, partitions := range []uint16{1, 16} {
		t.Run(fmt.Sprintf("partitions=%d", partitions), func(t *testing.T) {
			storetest.Run(t, factory(server, partitions))
		})
	}
	t.Run("several hubs", func(t *testing.T) {
		cfg := pg.Config{URL: server.Database(t), Partitions: 2, Conns: 8}
		var hubs []store.Store
		for range 3 {
			s, err := pg.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			hubs = append(hubs, s)
		}
		storetest.Contend(t, hubs...)
	})
}

func BenchmarkStore(b *testing.B) {
	server := storetest.StartPostgres(b)
	storetest.Bench(b, factory(server, 0))
}

// machine is a server that is killed. What the operating system holds survives; what PostgreSQL had not written does not.
type machine struct {
	server   *storetest.Postgres
	settings []string // of the server, from its next start
	cfg      pg.Config
	hold     bool // the log's writer is stopped
	down     bool
	open     func(context.Context, pg.Config) (*pg.Store, error)
}

func (m *machine) Boot() (store.Store, error) {
	if m.down {
		if err := m.server.Start(m.settings...); err != nil {
			return nil, err
		}
		m.down = false
		if m.hold {
			if err := m.server.HoldLogWriter(); err != nil {
				return nil, err
			}
		}
	}
	return m.open(context.Background(), m.cfg)
}

func (m *machine) PowerOff(*rand.Rand) (storetest.Machine, error) {
	m.down = true
	return m, m.server.Kill()
}

func TestNothingAcknowledgedIsLostWhenTheServerIsKilled(t *testing.T) {
	server := storetest.StartPostgres(t)
	m := &machine{server: server, cfg: pg.Config{URL: server.Database(t), Partitions: 2}, open: pg.Open}
	if err := storetest.Crash(m, 5, 1); err != nil {
		t.Fatal(err)
	}
}

// The positive control: with synchronous_commit=off the same check must find a loss. The server's log writer, which every full
// page of log wakes, is stopped: on some days it is quick enough to lose nothing.
func TestKillCheckFindsAStoreThatDoesNotSync(t *testing.T) {
	server := storetest.StartPostgres(t)
	m := &machine{server: server, cfg: pg.Config{URL: server.Database(t), Partitions: 2}, open: pg.OpenWithoutSync,
		settings: []string{"wal_buffers=64MB"}, hold: true}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	m.down = true
	err := storetest.Crash(m, 8, 1)
	if err == nil {
		t.Fatal("a store that acknowledges before the log is written passed the crash check")
	}
	if !strings.Contains(err.Error(), "was acknowledged") && !strings.Contains(err.Error(), "was known") {
		t.Fatalf("the check failed for another reason than a lost write: %v", err)
	}
}

func TestNoErrorHoldsTheUrlsPassword(t *testing.T) {
	server := storetest.StartPostgres(t)
	good := server.Database(t)
	secret := storetest.Password
	for name, url := range map[string]string{
		"wrong password":        server.URL("tribune_1", secret+"-wrong"),
		"no such database":      server.URL("none", secret),
		"nobody listens":        "postgres://tribune:" + secret + "@127.0.0.1:1/db?sslmode=disable",
		"no such host":          "postgres://tribune:" + secret + "@no-such-host.invalid/db",
		"password in the query": "postgres://127.0.0.1:1/db?sslmode=disable&user=tribune&password=" + secret,
		"broken port":           "postgres://tribune:" + secret + "@host:port/db",
		"broken escape":         "postgres://tribune:" + secret + "%zz@host/db",
		"broken mode":           "postgres://tribune:" + secret + "@host/db?sslmode=perhaps",
		"keywords":              "host=/nowhere user=tribune password='" + secret + " dbname=db",
		"not a URL":             secret,
		"space":                 "postgres://tribune:a b" + secret + "@host:99999/db",
	} {
		s, err := pg.Open(t.Context(), pg.Config{URL: url})
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = s.Close()
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), secret) || strings.Contains(fmt.Sprintf("%+v", e), secret) {
				t.Errorf("%s: the error holds the password: %v", name, e)
			}
		}
		if tribune.HintOf(err) == "" || strings.Contains(tribune.HintOf(err), secret) {
			t.Errorf("%s: %v has hint %q", name, err, tribune.HintOf(err))
		}
	}
	s, err := pg.Open(t.Context(), pg.Config{URL: good}) // the positive control
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSecondHubIsRefusedUntilTheFirstHasGone(t *testing.T) {
	url := storetest.StartPostgres(t).Database(t)
	open := func() *pg.Store {
		s, err := pg.Open(t.Context(), pg.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	first, second := open(), open()
	if err := first.Alone(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Alone(t.Context()); !errors.Is(err, tribune.ErrBusy) || tribune.HintOf(err) == "" {
		t.Errorf("beside the first: got %v, want %v with a hint", err, tribune.ErrBusy)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Alone(t.Context()); err != nil {
		t.Errorf("after the first: %v", err)
	}
}

func TestServerThatDoesNotSyncIsRefused(t *testing.T) {
	server := storetest.StartPostgres(t)
	url := server.Database(t)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := server.Start("fsync=off"); err != nil {
		t.Fatal(err)
	}
	_, err := pg.Open(t.Context(), pg.Config{URL: url})
	if !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(tribune.HintOf(err), "fsync=on") {
		t.Fatalf("got %v, hint %q, want ErrInvalid and a hint to set fsync=on", err, tribune.HintOf(err))
	}
}

func TestPartitionsOfADatabaseCannotBeChanged(t *testing.T) {
	server := storetest.StartPostgres(t)
	url := server.Database(t)
	for _, test := range []struct {
		partitions, want uint16
		err              error
	}{
		{300, 0, tribune.ErrInvalid}, {5, 5, nil}, {0, 5, nil}, {5, 5, nil}, {6, 0, tribune.ErrConflict},
	} {
		s, err := pg.Open(t.Context(), pg.Config{URL: url, Partitions: test.partitions})
		if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Fatalf("opening with %d partitions: got %v, want %v", test.partitions, err, test.err)
		}
		if err != nil {
			continue
		}
		if s.Partitions() != test.want {
			t.Errorf("opening with %d partitions: it has %d, want %d", test.partitions, s.Partitions(), test.want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
