package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/watch"
	"tribune/policy"
)

// watchFlags are those of tribune watch.
type watchFlags struct {
	cfg                                    watch.Config
	trust, address, metrics, check         string
	resolve, note, steward, council, floor string
	guardians, gossip                      list
	once, asJSON                           bool
}

// runWatch looks at a city from outside and reports what does not fit. docs/watch.md says what it finds, and what it cannot.
func runWatch(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("watch", log)
	d := watchFlags{cfg: watch.Config{Thresholds: watch.DefaultThresholds()}}
	f.StringVar(&d.trust, "trust", "", "file with the keys of the log and its guardians (required; from a source you trust)")
	f.StringVar(&d.cfg.Record, "record", "", "base URL of the city's hub, or of a mirror")
	f.Var(&d.guardians, "guardian", "base URL of a guardian, besides those in the trust file; may be repeated")
	f.Var(&d.gossip, "gossip", "checkpoints or receipts that others were given: a file, a folder, or the URL of another watcher; may be repeated")
	f.StringVar(&d.cfg.Dir, "dir", "tribune-watch", "where incidents, evidence and state are kept; one process at a time")
	f.StringVar(&d.cfg.Mirror, "mirror", "", "where the copy of the record is kept (default DIR/copy)")
	f.BoolVar(&d.once, "once", false, "look twice within seconds and end")
	f.DurationVar(&d.cfg.Interval, "interval", 10*time.Second, "how often to look")
	f.DurationVar(&d.cfg.StallAfter, "stall", 5*time.Minute, "how old the guardians' co-signatures may be, and how long a guardian may be away")
	f.StringVar(&d.address, "http", "", "HOST:PORT of the public page, feed, evidence and copy (default: none)")
	f.StringVar(&d.metrics, "metrics", "", "HOST:PORT of /metrics for Prometheus (default: none)")
	f.StringVar(&d.cfg.Feed, "feed", "", "write an Atom feed to this file")
	f.StringVar(&d.cfg.Title, "title", "", "what page and feed call themselves")
	f.StringVar(&d.cfg.URL, "url", "", "public address of the page, for links in the feed")
	f.StringVar(&d.cfg.Hook, "hook", "", "run this with sh for every incident, notice and end: JSON on standard input, TRIBUNE_TEXT and others in the environment")
	f.StringVar(&d.steward, "steward", "", "key that signs the law (default: the first law's, trusted once)")
	f.StringVar(&d.council, "council", "", "key that signs appointments (with --steward)")
	f.StringVar(&d.floor, "floors", "", "hash of the floors fixed at the ceremony (with --steward)")
	t := &d.cfg.Thresholds
	f.IntVar(&t.Weeks, "volume-weeks", t.Weeks, "volume: weeks of history before an hour is compared with the same hour of the week")
	f.IntVar(&t.Days, "volume-days", t.Days, "volume: days of history before it is compared with the same hour of the day")
	f.Float64Var(&t.Deviations, "volume-deviations", t.Deviations, "volume: robust standard deviations above the median that are unusual")
	f.Float64Var(&t.Factor, "volume-factor", t.Factor, "volume: and how many times the median")
	least := f.Uint("volume-least", uint(t.Least), "volume: fewer acts or people in an hour are never unusual")
	f.StringVar(&d.check, "check", "", "check a file of evidence against the trust file, offline, and end")
	f.StringVar(&d.resolve, "resolve", "", "mark the incident with this ID as explained, and end (stop the watcher first)")
	f.StringVar(&d.note, "note", "", "with --resolve: why, in a sentence that is published")
	f.BoolVar(&d.asJSON, "json", false, "print incidents as JSON, one a line")
	if err := parse(f, args); err != nil {
		return err
	}
	t.Least = uint32(min(*least, 1<<31))
	switch {
	case d.trust == "" || f.NArg() > 0:
		return tribune.Hint(fmt.Errorf("%w: name a trust file", errUsage), "tribune watch --trust trust.txt --record https://city.example --http :8090")
	case d.check != "":
		return d.checkEvidence(out)
	case d.resolve != "":
		return d.resolveOne(out)
	case d.cfg.Record == "" || d.cfg.Interval < time.Second || d.cfg.StallAfter < time.Minute:
		return tribune.Hint(fmt.Errorf("%w: name a record, an interval of at least 1s and a stall of at least 1m", errUsage), "tribune watch --trust trust.txt --record https://city.example --http :8090")
	}
	return d.watch(ctx, out, log)
}

func (d *watchFlags) watch(ctx context.Context, out, log io.Writer) (err error) {
	if d.cfg.Trust, err = os.ReadFile(d.trust); err != nil {
		return fmt.Errorf("reading the trust file: %w", err)
	}
	d.cfg.Guardians, d.cfg.Gossip, d.cfg.Log = d.guardians, d.gossip, logger(log, false)
	d.cfg.Pins = policy.Trust{Steward: d.steward, Council: d.council}
	if d.floor != "" {
		if err := d.cfg.Pins.Floors.UnmarshalText([]byte(d.floor)); err != nil {
			return fmt.Errorf("%w: --floors: %w", errUsage, err)
		}
	}
	w, err := watch.Open(ctx, d.cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if d.once {
		if err := w.Once(ctx); err != nil {
			return err
		}
		return d.result(w, out)
	}
	group, ctx := errgroup.WithContext(ctx)
	if err := d.serve(ctx, group, w, out); err != nil {
		return err
	}
	group.Go(func() error { return w.Run(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	return d.result(w, out)
}

func (d *watchFlags) serve(ctx context.Context, group *errgroup.Group, w *watch.Watcher, out io.Writer) error {
	if d.metrics != "" {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /metrics", w.Metrics)
		if err := serveUntil(ctx, group, d.metrics, mux, func(at string) { fmt.Fprintf(out, "Metrics are at http://%s/metrics\n", at) }); err != nil {
			return err
		}
	}
	if d.address == "" {
		return nil
	}
	h, err := w.Handler()
	if err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	return serveUntil(ctx, group, d.address, h, func(at string) { fmt.Fprintf(out, "The page is at http://%s/\n", at) })
}

// result prints what stands and makes it the exit status.
func (d *watchFlags) result(w *watch.Watcher, out io.Writer) error {
	all, open := w.Book.All(), w.Book.Open()
	if d.asJSON {
		enc := json.NewEncoder(out)
		for _, in := range all {
			if err := enc.Encode(in); err != nil {
				return err
			}
		}
	} else {
		for _, line := range w.Copy.Status().Words() {
			fmt.Fprintln(out, line)
		}
		for _, in := range all {
			if in.Resolved.IsZero() {
				fmt.Fprintf(out, "%s  %s  %s  %s\n  %s\n", in.First.Format(time.RFC3339), in.ID, cmp.Or(string(in.Severity), "-"), in.Kind, in.Text)
			}
		}
		if len(open) == 0 {
			fmt.Fprintln(out, "No incident stands.")
		}
	}
	if len(open) > 0 {
		return tribune.Hint(fmt.Errorf("%w: incidents that stand: %d", errDoesNotHold, len(open)), "Evidence is in %s/evidence; docs/watch.md says what each kind means.", d.cfg.Dir)
	}
	return nil
}

// checkEvidence holds one file of evidence against the trust file.
func (d *watchFlags) checkEvidence(out io.Writer) error {
	trust, err := readTrust(d.trust)
	if err != nil {
		return err
	}
	file, err := os.Open(d.check)
	if err != nil {
		return fmt.Errorf("reading the evidence: %w", err)
	}
	defer file.Close()
	e, err := watch.ReadEvidence(file)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	v, err := e.Check(trust)
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	for _, line := range v.Lines {
		fmt.Fprintln(out, " ", line)
	}
	if v.Proven {
		fmt.Fprintf(out, "This proves an incident of kind %s.\n", e.Kind)
	} else {
		fmt.Fprintf(out, "This is consistent with an incident of kind %s; a part of it is the watcher's word, as said above.\n", e.Kind)
	}
	return nil
}

// resolveOne writes into the book of a watcher that is not running.
func (d *watchFlags) resolveOne(out io.Writer) error {
	if d.note == "" {
		return fmt.Errorf("%w: say with --note why incident %s is explained", errUsage, d.resolve)
	}
	if err := watch.Resolve(d.cfg.Dir, d.resolve, d.note); err != nil {
		return err
	}
	fmt.Fprintf(out, "Incident %s is marked as explained. It stays on the list.\n", d.resolve)
	return nil
}
