package record

import (
	"context"
	"log/slog"
	"sync"

	"k8s.io/klog/v2"
)

// klogRoute is the one process-wide variable of this package: Tessera logs through klog, which has one logger a process
// and may only be given it before it is used. The first record of a process decides.
var klogRoute sync.Once

func routeTesseraLog(log *slog.Logger) {
	klogRoute.Do(func() {
		klog.SetSlogLogger(slog.New(quiet{log.With("room", "record", "from", "tessera").Handler()}))
	})
}

// quiet passes a foreign log on at level Debug: Tessera repeats each failed publication five times a second, and what
// an operator must know of it this package says once.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.Handler.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
