package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/verify"
)

// Config says what is watched, from where, trusting whom.
type Config struct {
	Trust      []byte        // the text of the trust file, the operator's own choice
	Dir        string        // incidents, evidence, state, and copy/ where Mirror is empty
	Mirror     string        // where the copy of the record is kept; "" = Dir/copy
	Record     string        // base URL of the hub, or of a mirror
	Guardians  []string      // base URLs besides those in the trust file
	Gossip     []string      // what others were shown: files or folders of checkpoints and receipts, or URLs of checkpoints
	Pins       policy.Trust  // whose law counts; zero = the keys of the first law on record, trusted once
	Thresholds Thresholds    // zero = DefaultThresholds
	Interval   time.Duration // between rounds; 0 = 10 s
	StallAfter time.Duration // how old co-signatures may be; 0 = 5 minutes
	Feed       string        // Atom feed written to this file; "" = none
	Title      string        // of feed and page; "" = the log's name
	URL        string        // public address of the page, for links in the feed; "" = none
	Hook       string        // run with sh for each incident, and for its end; "" = none
	HTTP       *http.Client  // nil = one of our own, which follows no redirects
	Now        func() time.Time
	Log        *slog.Logger // nil = slog.Default()
}

// patience is how long what may be a hiccup must last before it is an incident. Releases are looked at as long after their act.
const patience = time.Minute

// maxAhead is how far ahead of ours a guardian's clock may be.
const maxAhead = 2 * time.Minute

// Watcher makes rounds. Book and Copy may be used at any time, Run and Once by one at a time.
type Watcher struct {
	cfg   Config
	trust *verify.Trust     // the operator's; Copy knows who followed
	names map[string]string // URL of a guardian to its name, where the trust file says
	Copy  *Copy
	Book  *Book

	unlock   func() error
	patience time.Duration
	since    map[string]spell // what may be a hiccup: since when, how often seen
	state    state
	read     *reading
	rounds   atomic.Uint64
}

type spell struct {
	since time.Time
	times int
}

// Open reads copy and incidents back, and the leaves of the copy.
func Open(ctx context.Context, cfg Config) (*Watcher, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Interval == 0 {
		cfg.Interval = 10 * time.Second
	}
	if cfg.StallAfter == 0 {
		cfg.StallAfter = 5 * time.Minute
	}
	if cfg.Thresholds == (Thresholds{}) {
		cfg.Thresholds = DefaultThresholds()
	}
	if cfg.Mirror == "" {
		cfg.Mirror = filepath.Join(cfg.Dir, "copy")
	}
	w := &Watcher{cfg: cfg, names: map[string]string{}, since: map[string]spell{}, patience: patience}
	err := w.open(ctx)
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Watcher) open(ctx context.Context) (err error) {
	cfg := w.cfg
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return fmt.Errorf("opening the watcher's folder: %w", err)
	}
	if w.unlock, err = lock(filepath.Join(cfg.Dir, "lock")); err != nil {
		return fmt.Errorf("opening the watcher's folder: %w", err)
	}
	key, urls, err := ReadTrust(cfg.Trust)
	if err != nil {
		return err
	}
	if w.trust, err = verify.ParseTrust(cfg.Trust); err != nil {
		return err
	}
	guardians := cfg.Guardians
	for name, url := range urls {
		w.names[strings.TrimSuffix(url, "/")] = name
		guardians = append(guardians, url)
	}
	if w.Book, err = OpenBook(cfg.Dir, cfg.Now); err != nil {
		return err
	}
	if err := w.state.load(cfg.Dir); err != nil {
		return err
	}
	w.Copy, err = OpenCopy(CopyConfig{
		Trust: w.trust, LogKey: key, Dir: cfg.Mirror, Record: cfg.Record, Guardians: distinct(guardians), Names: urls, HTTP: cfg.HTTP, Now: cfg.Now,
	})
	if err != nil {
		return err
	}
	w.read = newReading(w)
	return w.leaves(ctx, nil)
}

func distinct(urls []string) (out []string) {
	seen := map[string]bool{}
	for _, u := range urls {
		if u = strings.TrimSuffix(u, "/"); !seen[u] {
			seen[u], out = true, append(out, u)
		}
	}
	return out
}

// ReadTrust reads of a trust file what verify.Trust does not keep: the log's key, and where guardians are reached.
func ReadTrust(text []byte) (logKey string, guardians map[string]string, err error) {
	if _, err := verify.ParseTrust(text); err != nil {
		return "", nil, err
	}
	guardians = map[string]string{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		switch f := strings.Fields(line); {
		case len(f) >= 2 && f[0] == "log":
			logKey = f[1]
		case len(f) == 4 && f[0] == "witness" && !strings.Contains(f[3], ".invalid"):
			name, _, _ := strings.Cut(f[2], "+")
			guardians[name] = f[3]
		}
	}
	return logKey, guardians, nil
}

// Close lets other processes have the folders.
func (w *Watcher) Close() error {
	var err error
	if w.Copy != nil {
		err = w.Copy.Close()
	}
	if w.unlock != nil {
		err = errors.Join(err, w.unlock())
	}
	return err
}

// Run makes rounds until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		if err := w.round(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Once makes two rounds: what was wrong in both is no hiccup.
func (w *Watcher) Once(ctx context.Context) error {
	w.patience = 0
	for range 2 {
		if err := w.round(ctx); err != nil {
			return err
		}
		select {
		case <-time.After(min(w.cfg.Interval, 2*time.Second)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// round looks at everything once. Its errors are the watcher's own: a folder that cannot be written, a copy that is damaged.
func (w *Watcher) round(ctx context.Context) error {
	before := w.Copy.head()
	w.Copy.followMembers(ctx, chainEvery)
	seen := w.look(ctx)
	w.changes()
	if err := w.follow(ctx, seen); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	w.compare(ctx, seen)
	if err := w.leaves(ctx, before); err != nil {
		return err
	}
	w.fresh(seen)
	w.probe(ctx, seen)
	w.releases(ctx)
	w.read.vitalChecks(ctx)
	w.read.explanations(ctx, seen.hub != nil)
	w.rounds.Add(1)
	if err := w.state.save(w.cfg.Dir); err != nil {
		return err
	}
	if err := w.Book.save(); err != nil {
		return err
	}
	return w.tell(ctx)
}

// changes tells of changes of guardians.
func (w *Watcher) changes() {
	for _, f := range w.Copy.members.take() {
		w.report(f.kind, f.text, f.text, nil)
	}
}

// lasting reports whether something has been so for long enough to be more than a hiccup.
func (w *Watcher) lasting(what string, for_ time.Duration) bool {
	now := w.cfg.Now()
	s, known := w.since[what]
	if !known {
		s.since = now
	}
	s.times++
	w.since[what] = s
	if w.patience == 0 {
		for_ = 0
	}
	return s.times >= 2 && now.Sub(s.since) >= for_
}

func (w *Watcher) over(what string) { delete(w.since, what) }

// integrity reports errors after which a watcher must not go on.
func integrity(err error) bool {
	var broken *tribune.IntegrityError
	return errors.As(err, &broken)
}
