package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
	"tribune/internal/tagindex"
	"tribune/protocol"
)

// keepLaws fetches the policy sets and mandates that new leaves name, so that a mirror holds the law as well as the record, and computes the newest
// daily index. A set that nobody
// shows is asked for again with the next growth; the record itself does not wait for it.
func (c *Copy) keepLaws(ctx context.Context) error {
	size := c.mirror.Head().Size
	var index *protocol.IndexLeaf
	var at uint64
	for c.laws < size {
		n := c.laws / layout.EntryBundleWidth
		entries, err := c.mirror.Entries(n)
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		for i := c.laws % layout.EntryBundleWidth; i < uint64(len(entries)) && c.laws < size; i++ {
			l, err := protocol.DecodeLeaf(entries[i])
			if err == nil && l.Act.Kind == tribune.ActLaw {
				if public, err := protocol.DecodeLawPublic(l.Public); err == nil {
					if _, err := c.Law(ctx, public.Set); err != nil {
						return fmt.Errorf("keeping the law of leaf %d: %w", c.laws, err)
					}
				}
			}
			if err == nil && l.Decision.Permit && l.Act.Mandate != "" {
				c.mandates.of(ctx, l.Act.Mandate)
			}
			if err == nil && l.Act.Kind == tribune.ActIndex && l.Decision.Permit {
				if public, err := protocol.DecodeIndexLeaf(l.Public); err == nil && public.Size <= c.laws {
					index, at = &public, c.laws
				}
			}
			c.laws++
		}
	}
	if index == nil {
		return nil
	}
	if fits, err := c.shelve(ctx, at, *index); err != nil || fits {
		return err
	}
	return fmt.Errorf("%w: the index of leaf %d is not what the record gives", tribune.ErrInvalid, at)
}

// Routes serves what was verified: as tlog-tiles at / and, as a hub serves it, at /log/; the laws by hash; and how far the copy is.
// Mandates alone are given as the city showed them: whose signature counts under one is for the reader's own law to say. So a mirror can be followed like a hub (--record) and like a guardian (--guardian).
func (c *Copy) Routes(mux *http.ServeMux) {
	for _, prefix := range []string{"", "/log"} {
		mux.Handle("GET "+prefix+"/tile/", http.StripPrefix(prefix, open(c.mirror)))
		mux.Handle("GET "+prefix+"/checkpoint", open(http.HandlerFunc(c.serveCheckpoint)))
	}
	mux.Handle("GET /law/{hash}", open(http.HandlerFunc(c.serveLaw)))
	mux.Handle("GET /mandates/{id}", open(http.HandlerFunc(c.serveMandate)))
	mux.Handle("GET /group/chain", open(http.HandlerFunc(c.serveChain)))
	tagindex.Routes(mux, c)
	mux.Handle("GET /status", open(http.HandlerFunc(c.serveStatus)))
}

// open lets pages of anybody read: whoever verifies may do so in a browser.
func open(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// serveCheckpoint is the head as it was verified, with the guardians' co-signatures. Headers say how far behind it is.
func (c *Copy) serveCheckpoint(w http.ResponseWriter, r *http.Request) {
	h := c.mirror.Head()
	if h.Size == 0 {
		http.Error(w, "nothing has been mirrored yet", http.StatusNotFound)
		return
	}
	s := c.Status()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Tribune-Behind", strconv.FormatUint(s.Behind, 10)+" leaves")
	w.Write(h.Note)
}

func (c *Copy) serveLaw(w http.ResponseWriter, r *http.Request) {
	var hash tribune.Hash
	if err := hash.UnmarshalText([]byte(r.PathValue("hash"))); err != nil {
		http.Error(w, "a policy set is named by 64 lower-case hex digits", http.StatusNotFound)
		return
	}
	raw, err := os.ReadFile(filepath.Join(c.cfg.Dir, lawDir, hash.String()+".json"))
	if err == nil {
		_, err = parseLaw(raw, hash)
	}
	if err != nil {
		http.Error(w, "this copy does not hold that law", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=604800, immutable")
	w.Write(raw)
}

// serveMandate is the newest version of a mandate's signed document that was ever shown here.
func (c *Copy) serveMandate(w http.ResponseWriter, r *http.Request) {
	docs := c.mandates.kept(tribune.MandateID(r.PathValue("id")))
	if len(docs) == 0 {
		http.Error(w, "this copy holds no mandate of that name", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(docs[len(docs)-1])
}

func (c *Copy) serveStatus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(c.Status())
}

// ServeIndex is a mirror's front page, for whoever finds it.
func (c *Copy) ServeIndex(w http.ResponseWriter, r *http.Request) {
	s := c.Status()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "A verified copy of the record %s.\n\n%s\n\n/checkpoint   the head, with the guardians' co-signatures\n/tile/...     leaves and hashes (C2SP tlog-tiles)\n/law/HASH     policy sets that leaves name\n/mandates/ID  their signed documents, the newest that was shown; check their signatures\n/trace/...    the newest daily index of tags, computed here\n/status       the lines above as JSON\n", s.Log, strings.Join(s.Words(), "\n"))
}

// Words say how far the copy is.
func (s Status) Words() []string {
	lines := []string{fmt.Sprintf("%d leaves are held, every one proven under the guardians' co-signatures.", s.Size)}
	switch {
	case s.Size == 0 && s.Furthest == 0:
		lines = []string{"Nothing is held yet."}
	case s.Behind > 0:
		lines = append(lines, fmt.Sprintf("It is %d leaves behind what has been shown somewhere.", s.Behind))
	default:
		lines = append(lines, "Nobody has shown more.")
	}
	if !s.Cosigned.IsZero() {
		lines = append(lines, "The guardians signed this head at "+s.Cosigned.Format("2006-01-02T15:04:05Z")+".")
	}
	if s.Problem != "" {
		lines = append(lines, "Why it is no further: "+s.Problem)
	}
	return lines
}
