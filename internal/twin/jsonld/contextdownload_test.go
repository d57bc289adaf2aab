package jsonld_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

func downloader(tb testing.TB) *jsonld.Downloader {
	tb.Helper()
	return jsonld.NewDownloader(jsonld.DownloadConfig{Dialer: &net.Dialer{}})
}

func TestDownloadsAreBounded(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/gone", http.NotFound)
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/there", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, speedIs(1)) })
	s := httptest.NewServer(mux)
	defer s.Close()
	d := downloader(t)
	for _, path := range []string{"/loop", "/file", "/endless", "/gone"} {
		if _, _, err := d.Download(t.Context(), s.URL+path); err == nil {
			t.Errorf("%s was downloaded", path)
		}
	}
	if _, _, err := d.Download(t.Context(), strings.Replace(s.URL, "http://", "http://user:secret@", 1)+"/there"); !errors.Is(err, tribune.ErrInvalid) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a URL with a password: %v", err)
	}
	if doc, _, err := d.Download(t.Context(), s.URL+"/moved"); err != nil || string(doc) != speedIs(1) {
		t.Errorf("/moved: %s, %v", doc, err)
	}
}

func TestASlowContextServerTakesNotAllPlaces(t *testing.T) {
	let := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	quick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, speedIs(1)) }))
	defer quick.Close()
	d := downloader(t)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	busy := make(chan struct{}, 100)
	for i := range 100 {
		group.Go(func() {
			if _, _, err := d.Download(ctx, fmt.Sprintf("%s/%d", slow.URL, i)); errors.Is(err, tribune.ErrBusy) {
				busy <- struct{}{}
			}
		})
	}
	for range 96 { // four wait for it, the rest are told at once
		select {
		case <-busy:
		case <-time.After(60 * time.Second):
			t.Fatal("more than four wait for one slow server")
		}
	}
	if _, _, err := d.Download(t.Context(), quick.URL); err != nil {
		t.Errorf("another server's context waits for the slow one: %v", err)
	}
	cancel()
	close(let)
	group.Wait()
}

func TestACopyHoldsAsLongAsItsServerSays(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header string
		want   time.Duration
	}{
		{"Cache-Control: max-age=300", 5 * time.Minute},
		{"Cache-Control: public, max-age=300, s-maxage=60", time.Minute},
		{`Cache-Control: max-age="300"` + "\nAge: 100", 200 * time.Second},
		{"Cache-Control: no-store", time.Second},
		{"Cache-Control: No-Cache, max-age=300", time.Second},
		{"Cache-Control: max-age=0", time.Second},
		{"Cache-Control: max-age=99999999", 30 * 24 * time.Hour},
		{"Cache-Control: max-age=-4\nExpires: Sun, 22 Nov 2026 13:00:00 GMT\nDate: Sun, 22 Nov 2026 12:00:00 GMT", time.Hour},
		{"Expires: Sun, 22 Nov 2026 14:00:00 GMT\nDate: Sun, 22 Nov 2026 13:30:00 GMT", 30 * time.Minute},
		{"Expires: 0", time.Second},
		{"Last-Modified: Sun, 22 Nov 2026 02:00:00 GMT", time.Hour},
		{"Last-Modified: Thu, 22 Nov 2001 02:00:00 GMT", 24 * time.Hour},
		{"", 6 * time.Hour},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			for line := range strings.SplitSeq(c.header, "\n") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					w.Header().Set(name, value)
				}
			}
			fmt.Fprint(w, speedIs(1))
		}))
		d := jsonld.NewDownloader(jsonld.DownloadConfig{Dialer: &net.Dialer{}, Now: func() time.Time { return now }})
		_, until, err := d.Download(t.Context(), s.URL)
		if got := until.Sub(now); err != nil || got != c.want {
			t.Errorf("%q: %v, %v, want %v", c.header, got, err, c.want)
		}
		s.Close()
	}
}
