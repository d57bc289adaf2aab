package guardian

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// stateFile says, for the command guardian approve, which reigns there have been and are announced: the command runs beside the process
// that holds the folder.
const stateFile = "law-state.json"

// noted is one leaf of kind law in stateFile, one that counts or will.
type noted struct {
	Set  tribune.Hash `json:"set"`
	From int64        `json:"from"` // Unix second; 0 = at once
}

// state is what decides for us now, and what is announced. It fails where a leaf cannot be judged.
func (l *lawBook) state(ctx context.Context) (protocol.LawState, error) {
	now := l.cfg.Now()
	s := protocol.LawState{Now: now.Unix(), Pending: []protocol.LawAnnounce{}}
	set, err := l.inForce(ctx, l.chain.Next(), now)
	if errors.Is(err, tribune.ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.InForce = set.Hash()
	pending, err := l.chain.Pending(ctx, now)
	for _, r := range pending {
		s.Pending = append(s.Pending, protocol.LawAnnounce{From: r.From.Unix(), Leaf: r.Index, Seen: r.Seen.Unix(), Set: r.Set})
	}
	return s, err
}

// note writes stateFile where it has changed.
func (l *lawBook) note(ctx context.Context) error {
	all, err := l.chain.Rulings(ctx)
	if err != nil {
		return nil // what cannot be judged now is judged later
	}
	notes := []noted{}
	for _, r := range all {
		switch {
		case r.Never:
		case r.Wait:
			notes = append(notes, noted{r.Set, r.From.Unix()})
		default:
			notes = append(notes, noted{Set: r.Set})
		}
	}
	raw, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	path := filepath.Join(l.cfg.Dir, stateFile)
	if old, err := durable.Read(path); err == nil && bytes.Equal(old, raw) {
		return nil
	}
	if err := durable.Write(path, raw); err != nil {
		return fmt.Errorf("keeping the state of the law: %w", err)
	}
	return nil
}

// readInForce is the set that decides for the guardian with that folder, as its process has noted it.
func readInForce(dir string, at time.Time) (tribune.Hash, error) {
	raw, err := durable.Read(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return tribune.Hash{}, tribune.Hint(fmt.Errorf("%w: this guardian has seen no law yet", tribune.ErrNotFound), "Start it with guardian serve, and wait until the city's law is on record.")
	}
	var notes []noted
	if err == nil {
		err = json.Unmarshal(raw, &notes)
	}
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("reading the state of the law: %w", err)
	}
	var set tribune.Hash
	for _, n := range notes {
		if !time.Unix(n.From, 0).After(at) {
			set = n.Set
		}
	}
	if set == (tribune.Hash{}) {
		return set, fmt.Errorf("%w: no law is in force for this guardian", tribune.ErrNotFound)
	}
	return set, nil
}

// lawNow answers GET /law.
func (g *Guardian) lawNow(w http.ResponseWriter, r *http.Request) {
	state, err := g.law.state(r.Context())
	if err != nil {
		http.Error(w, "the law cannot be judged now", http.StatusServiceUnavailable)
		return
	}
	state.Guardian = g.self.name
	w.Header().Set("Cache-Control", "no-cache")
	writeJSON(w, state)
}

// lawSet answers GET /law/HASH with a set as the hub showed it to us: to a hub that was restored from before it had that set.
func (g *Guardian) lawSet(w http.ResponseWriter, r *http.Request) {
	var hash tribune.Hash
	if err := hash.UnmarshalText([]byte(r.PathValue("hash"))); err != nil {
		http.Error(w, "not the hash of a policy set", http.StatusBadRequest)
		return
	}
	raw, err := os.ReadFile(filepath.Join(g.cfg.Dir, lawDir, hash.String()+".json"))
	if err != nil {
		http.Error(w, "this guardian was never shown that policy set", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(raw)
}
