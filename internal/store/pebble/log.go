package pebble

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// logger hands Pebble's messages to slog. They name files and sizes, never keys or values.
type logger struct {
	log    *slog.Logger
	fatal  func(error)
	stalls *atomic.Uint64
}

func (l logger) Infof(format string, args ...any) {
	l.log.Debug("store", "message", fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("store", "message", fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble would report success to its caller.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.fatal(err)
	panic(err)
}

// listener says what an operator can act on, and keeps the rest quiet.
func (l logger) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { l.log.Error("store: background work failed, it will be tried again", "error", err) },
		DiskSlow: func(info pebble.DiskSlowInfo) {
			l.log.Warn("store: the disk is slow", "path", info.Path, "after", info.Duration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			l.stalls.Add(1)
			l.log.Warn("store: writers wait for compaction", "reason", info.Reason)
		},
	}
}
