package city

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"

	"tribune/internal/backup"
	"tribune/internal/store/pebble"
	"tribune/internal/web"
)

// AdminSocket is where the running hub listens to its operator: whoever may open the socket's file, which is the hub's own user.
func (d Dir) AdminSocket() string { return d.path("hub", "admin.sock") }

// administer serves the administrative socket until ctx ends. The store must be open: it is the lock that tells a socket left by a
// killed hub from another hub's.
func (h *Hub) administer(ctx context.Context) error {
	hub := h.cfg.Dir.path("hub")
	if err := backup.RemoveScratch(hub); err != nil {
		return fmt.Errorf("removing what a killed backup has left: %w", err)
	}
	path := h.cfg.Dir.AdminSocket()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing an old administrative socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		// A directory whose path is too long for a socket, or a disk without them: everything else goes on.
		h.log.Warn("no administrative socket: this hub cannot be backed up while it runs", "err", err)
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("closing the administrative socket to others: %w", err), listener.Close())
	}
	server := web.NewServer(h.admin(backup.Handler(h.source, h.log)))
	server.WriteTimeout = 0 // an archive takes as long as the disk it goes to
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the administrative socket: %w", err)
	}
	return nil
}

// source is the hub as a backup sees it.
func (h *Hub) source() backup.Source {
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	s := backup.Source{
		City: h.cfg.City, Origin: h.cfg.Origin, Version: version, Hub: h.cfg.Dir.path("hub"),
		Beside: map[string]string{}, Now: h.now, Epoch: h.epochMark,
		Leaves: func(ctx context.Context) (uint64, []byte, func(func([]byte, error) bool)) {
			checkpoint := h.record.Checkpoint() // first: it must not cover more than the leaves
			return h.record.Size(), checkpoint, leaves(ctx, h)
		},
	}
	for _, file := range []string{h.cfg.Dir.Trust(), h.cfg.Dir.path(configName), h.cfg.Dir.path(legacyConfigName)} {
		s.Beside[filepath.Base(file)] = file
	}
	if embedded, ok := h.store.(*pebble.Store); ok {
		s.Store = embedded.Checkpoint
	}
	return s
}

func leaves(ctx context.Context, h *Hub) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for entry, err := range h.record.Range(ctx, 0) {
			if !yield(entry.Leaf, err) {
				return
			}
		}
	}
}
