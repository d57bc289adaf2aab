package watch

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

func level(in Incident) slog.Level {
	switch {
	case in.Severity == Notice || !in.Resolved.IsZero():
		return slog.LevelInfo
	case in.Severity == Warning:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// Metrics serves Prometheus's text format. Every label's values are known before anything is watched.
func (w *Watcher) Metrics(rw http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	metric := func(name, help, kind string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	metric("tribune_watch_incidents_open", "Incidents that stand, by kind.", "gauge")
	open := map[Kind]int{}
	for _, in := range w.Book.Open() {
		open[in.Kind]++
	}
	for _, a := range kinds {
		if a.severity != Notice {
			fmt.Fprintf(&b, "tribune_watch_incidents_open{kind=%q,severity=%q} %d\n", a.kind, a.severity, open[a.kind])
		}
	}
	s := w.Copy.Status()
	metric("tribune_watch_leaves", "Leaves held and verified.", "gauge")
	fmt.Fprintf(&b, "tribune_watch_leaves %d\n", s.Size)
	metric("tribune_watch_behind_leaves", "Leaves that somebody has shown and that are not held.", "gauge")
	fmt.Fprintf(&b, "tribune_watch_behind_leaves %d\n", s.Behind)
	metric("tribune_watch_cosigned_timestamp_seconds", "When the guardians signed the head that is held.", "gauge")
	if !s.Cosigned.IsZero() {
		fmt.Fprintf(&b, "tribune_watch_cosigned_timestamp_seconds %d\n", s.Cosigned.Unix())
	}
	metric("tribune_watch_looked_timestamp_seconds", "When the sources were last asked.", "gauge")
	if !s.Looked.IsZero() {
		fmt.Fprintf(&b, "tribune_watch_looked_timestamp_seconds %d\n", s.Looked.Unix())
	}
	metric("tribune_watch_rounds_total", "Rounds made since the start.", "counter")
	fmt.Fprintf(&b, "tribune_watch_rounds_total %d\n", w.rounds.Load())
	rw.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	rw.Write([]byte(b.String()))
}
