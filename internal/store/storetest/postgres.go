package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tribune/internal/need"
)

// postgresUser runs the server where the tests run as root, which PostgreSQL refuses. Debian's package makes it.
const postgresUser = "postgres"

// Password is the password of the test server's user, for tests that look for it where it must not be.
const Password = "tribune-test-7Qx9-secret"

const (
	postgresStart = 30 * time.Second // initdb or start, on a loaded machine
	postgresStop  = 10 * time.Second
)

// Postgres is a PostgreSQL server of the test's own: a fresh cluster in a temporary directory, reachable by a Unix
// socket in it only.
type Postgres struct {
	bin, dir  string
	cred      *syscall.Credential // nil = run as we are
	server    *exec.Cmd
	exited    chan error
	held      int // process of the log's writer, if it is stopped
	log       *os.File
	databases int
}

// StartPostgres starts a server that lives as long as the test. Where PostgreSQL is not installed the test is skipped, or
// fails if TRIBUNE_STRICT=1.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	bin, cred, err := findPostgres()
	if err != nil {
		need.Missing(t, err.Error()+": run scripts/setup")
	}
	p := &Postgres{bin: bin, cred: cred}
	t.Cleanup(func() {
		if err := p.remove(); err != nil {
			t.Error(err)
		}
	})
	if err := p.init(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// findPostgres finds the newest installed server and whom to run it as.
func findPostgres() (bin string, cred *syscall.Credential, err error) {
	var dirs []string // the last is taken
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err != nil { // its siblings are beside the file, not the link
			return "", nil, err
		}
		dirs = append(dirs, path)
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/[1-9][0-9]/bin", "/usr/pgsql-[1-9][0-9]/bin", // Debian, Red Hat
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin", // Homebrew
	} {
		found, err := filepath.Glob(filepath.Join(pattern, "initdb"))
		if err != nil {
			return "", nil, err
		}
		slices.Sort(found)
		dirs = append(dirs, found...)
	}
	if len(dirs) == 0 {
		return "", nil, errors.New("PostgreSQL is not installed: no initdb in PATH or /usr/lib/postgresql/*/bin")
	}
	bin = filepath.Dir(dirs[len(dirs)-1])
	if os.Getuid() != 0 {
		return bin, nil, nil
	}
	u, err := user.Lookup(postgresUser)
	if err != nil {
		return "", nil, fmt.Errorf("PostgreSQL does not run as root and there is no user %s: %w", postgresUser, err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return bin, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// init makes the cluster. Its directory is not the test's own: that one is closed to the server's user, and too long for
// a socket's name.
func (p *Postgres) init() (err error) {
	if p.dir, err = os.MkdirTemp("", "tribune-pg-"); err != nil {
		return err
	}
	if p.cred != nil {
		if err := os.Chown(p.dir, int(p.cred.Uid), int(p.cred.Gid)); err != nil {
			return err
		}
	}
	password := filepath.Join(p.dir, "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o644); err != nil {
		return err
	}
	if p.log, err = os.Create(filepath.Join(p.dir, "log")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), postgresStart)
	defer cancel()
	initdb := p.command(ctx, "initdb", "-D", p.data(), "-U", "tribune", "--pwfile", password, "-A", "scram-sha-256",
		"-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PGPASSWORD=" + Password, "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Setpgid: true} // ctrl-C is for the test to pass on
	return cmd
}

// Start starts the server, with recovery if it was killed, and returns when it answers.
func (p *Postgres) Start(settings ...string) error {
	args := []string{"-D", p.data(), "-k", p.dir, "-c", "listen_addresses=", "-c", "max_connections=100",
		"-c", "deadlock_timeout=50ms"} // tests provoke deadlocks on purpose; the default of 1 s only costs them time
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	p.server = p.command(context.Background(), "postgres", args...)
	p.server.Stdout, p.server.Stderr = p.log, p.log
	if err := p.server.Start(); err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	p.exited = make(chan error, 1)
	go func(server *exec.Cmd, exited chan<- error) { exited <- server.Wait() }(p.server, p.exited)
	ctx, cancel := context.WithTimeout(context.Background(), postgresStart)
	defer cancel()
	for {
		_, refused := p.psql(ctx, "postgres", "SELECT 1")
		if refused == nil {
			return nil
		}
		select {
		case err := <-p.exited:
			p.exited <- err
			return fmt.Errorf("postgres ended at start: %w\n%s", err, p.lastLog())
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w\n%s", refused, p.lastLog())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *Postgres) lastLog() []byte {
	data, err := os.ReadFile(p.log.Name())
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(data, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-15):], []byte("\n"))
}

func (p *Postgres) psql(ctx context.Context, database, sql string) (string, error) {
	out, err := p.command(ctx, "psql", "-X", "-h", p.dir, "-U", "tribune", "-At", "-c", sql, database).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Kill ends the server at once, as if its machine had lost power, but for what the operating system still holds: what the
// server itself had not yet written is gone. Start recovers.
func (p *Postgres) Kill() error { return p.signal(syscall.SIGQUIT) }

// HoldLogWriter stops the process that writes the log behind the commits' backs, until the server ends: what no commit waits
// for then stays in the server's memory.
func (p *Postgres) HoldLogWriter() error {
	ctx, cancel := context.WithTimeout(context.Background(), postgresStart)
	defer cancel()
	out, err := p.psql(ctx, "postgres", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(out)
	if err != nil {
		return fmt.Errorf("the log writer's process: %w", err)
	}
	p.held = pid
	return syscall.Kill(pid, syscall.SIGSTOP)
}

// Stop ends the server and its connections in good order.
func (p *Postgres) Stop() error { return p.signal(syscall.SIGINT) }

func (p *Postgres) signal(sig syscall.Signal) error {
	if p.server == nil {
		return nil
	}
	server := p.server
	p.server = nil
	if err := server.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping postgres: %w", err)
	}
	if held := p.held; held != 0 { // it cannot answer a signal
		p.held = 0
		if err := syscall.Kill(held, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("ending the log writer: %w", err)
		}
	}
	select {
	case <-p.exited: // its status after a signal says nothing
		return nil
	case <-time.After(postgresStop):
		return errors.Join(errors.New("postgres did not stop, it was killed"), server.Process.Kill())
	}
}

func (p *Postgres) remove() error {
	err := p.Kill()
	if p.log != nil {
		err = errors.Join(err, p.log.Close())
	}
	if p.dir != "" {
		err = errors.Join(err, os.RemoveAll(p.dir))
	}
	return err
}

// Database makes an empty database and returns its URL, which holds Password.
func (p *Postgres) Database(t testing.TB) string {
	t.Helper()
	p.databases++
	name := fmt.Sprintf("tribune_%d", p.databases)
	if _, err := p.psql(t.Context(), "postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return p.URL(name, Password)
}

// URL names a database of the server.
func (p *Postgres) URL(database, password string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("tribune", password), Path: "/" + database,
		RawQuery: url.Values{"host": {p.dir}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}
