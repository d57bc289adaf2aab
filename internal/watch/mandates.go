package watch

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/durable"
)

// mandates are the signed documents that the city shows, every version that was ever shown.
type mandates struct {
	copy  *Copy
	asked map[tribune.MandateID]time.Time
	docs  map[tribune.MandateID][][]byte
}

const (
	mandateDir   = "mandates"
	mandateAgain = 10 * time.Minute // how often a document is asked for again
	maxMandates  = 4096
	maxVersions  = 16
)

// mandateID keeps what a leaf says out of paths and URLs.
var mandateID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func newMandates(c *Copy) *mandates {
	return &mandates{copy: c, asked: map[tribune.MandateID]time.Time{}, docs: map[tribune.MandateID][][]byte{}}
}

// of gives all versions of a mandate's document; shown is false where there is none.
func (m *mandates) of(ctx context.Context, id tribune.MandateID) (docs [][]byte, shown bool) {
	if !mandateID.MatchString(string(id)) {
		return nil, false
	}
	now := m.copy.cfg.Now()
	if last, known := m.asked[id]; !known || now.Sub(last) > mandateAgain {
		if !known && len(m.asked) >= maxMandates {
			return nil, false
		}
		m.asked[id] = now
		m.refresh(ctx, id)
	}
	docs = m.docs[id]
	return docs, len(docs) > 0
}

// kept are the versions on disk, the oldest first. It may be called by anybody at any time.
func (m *mandates) kept(id tribune.MandateID) (docs [][]byte) {
	if !mandateID.MatchString(string(id)) {
		return nil
	}
	entries, _ := os.ReadDir(filepath.Join(m.copy.cfg.Dir, mandateDir, string(id)))
	for _, e := range entries { // their names begin with the time at which they were first shown
		raw, err := readBounded(filepath.Join(m.copy.cfg.Dir, mandateDir, string(id), e.Name()), maxMandateBody)
		if err == nil && strings.HasSuffix(e.Name(), ".toml") && len(docs) < maxVersions {
			docs = append(docs, raw)
		}
	}
	return docs
}

func (m *mandates) refresh(ctx context.Context, id tribune.MandateID) {
	dir := filepath.Join(m.copy.cfg.Dir, mandateDir, string(id))
	if m.docs[id] == nil {
		m.docs[id] = m.kept(id)
	}
	raw, err := m.copy.get(ctx, m.copy.hub.hub+"/mandates/"+url.PathEscape(string(id)), maxMandateBody)
	if err != nil || slices.ContainsFunc(m.docs[id], func(d []byte) bool { return string(d) == string(raw) }) || len(m.docs[id]) >= maxVersions {
		return
	}
	name := m.copy.cfg.Now().UTC().Format("20060102T150405.000000000Z") + ".toml"
	if os.MkdirAll(dir, 0o755) == nil && durable.WritePublic(filepath.Join(dir, name), raw) == nil {
		m.docs[id] = append(m.docs[id], raw)
	}
}
