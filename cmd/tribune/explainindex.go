package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"tribune"
	"tribune/internal/city"
	"tribune/internal/explain/release"
	"tribune/internal/store/pebble"
	"tribune/internal/tagindex"
	"tribune/internal/twin"
	"tribune/internal/worker"
	"tribune/protocol"
)

const (
	maxTags  = 2_000_000 // that are read of a record's index
	tagsWait = 2 * time.Minute
)

// attackIndex attacks blind indexes whose values the auditor knows: one in a file, all of a city's store, or the tags of its public record.
func attackIndex(ctx context.Context, d *explainFlags, groups []string, log io.Writer) ([]release.Figure, error) {
	from := d.release.released[0]
	sightings := release.Sightings{Most: d.release.sightings, Within: d.release.within}
	held, err := heldIndex(ctx, from)
	if err != nil {
		return nil, err
	}
	if held == nil {
		f, err := os.Open(from)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		x, err := release.ReadIndex(ctx, worker.Worker{}, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		return x.Attack(groups, sightings, releaseConfidence, d.seed)
	}
	for _, of := range held.Of() {
		rows, tokens := held.Size(of)
		fmt.Fprintf(log, "%s: %d rows, %d different tokens\n", of, rows, tokens)
	}
	if d.release.values == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: nothing says what the tokens stand for", errUsage), "--values FILE: CSV of index,entry,value and groupings; the indexes are listed above")
	}
	f, err := os.Open(d.release.values)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, left, err := held.Join(ctx, worker.Worker{}, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.release.values, err)
	}
	if left > 0 {
		fmt.Fprintf(log, "%d rows of which %s does not know the value are held, and not attacked\n", left, d.release.values)
	}
	return release.AttackAll(all, groups, sightings, releaseConfidence, d.seed)
}

// heldIndex reads what somebody holds who has a city's store or its public record; nil where from is a file.
func heldIndex(ctx context.Context, from string) (*release.Held, error) {
	if strings.HasPrefix(from, "https://") || strings.HasPrefix(from, "http://") {
		return readTags(ctx, strings.TrimRight(from, "/"))
	}
	info, err := os.Stat(from)
	if err != nil || !info.IsDir() {
		return nil, err
	}
	return readStore(ctx, city.Dir(from))
}

// readStore reads the blind indexes of a hub that does not run, or of a backup that was put back.
func readStore(ctx context.Context, dir city.Dir) (held *release.Held, err error) {
	if _, err := os.Stat(dir.Store()); err != nil {
		return nil, tribune.Hint(fmt.Errorf("%w: there is no store in %s", errUsage, dir), "a city's directory, or a backup that tribune restore has put somewhere")
	}
	s, err := pebble.Open(pebble.Config{Dir: dir.Store()})
	if err != nil {
		return nil, tribune.Hint(err, "The hub must not run: stop it, or restore a backup somewhere else.")
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	held = &release.Held{}
	return held, twin.EachBlind(ctx, s, func(b twin.Blind) error {
		return held.Add(b.Of, hex.EncodeToString(b.Token[:]), string(b.Entity), b.Seen)
	})
}

// readTags reads the newest index of a public record's tags, whole, as anybody may.
func readTags(ctx context.Context, base string) (*release.Held, error) {
	ctx, stop := context.WithTimeout(ctx, tagsWait)
	defer stop()
	raw, err := fetchBounded(ctx, base+"/trace/latest", 1<<16)
	if err != nil {
		return nil, err
	}
	var latest tagindex.Latest
	if err := json.Unmarshal(raw, &latest); err != nil {
		return nil, fmt.Errorf("%s: %w: it names no index", base, tribune.ErrInvalid)
	}
	raw, err = fetchBounded(ctx, fmt.Sprintf("%s/trace/%d/full", base, latest.Size), maxTags*protocol.IndexEntrySize)
	if err != nil {
		return nil, err
	}
	var entries []protocol.IndexEntry
	for ; len(raw) >= protocol.IndexEntrySize; raw = raw[protocol.IndexEntrySize:] {
		entries = append(entries, protocol.IndexEntry{Tag: tribune.Tag(raw[:16]), Leaf: binary.BigEndian.Uint64(raw[16:])})
	}
	x, err := protocol.NewIndex(latest.Size, entries)
	if err != nil || x.Root != latest.Root || len(raw) > 0 {
		return nil, &tribune.IntegrityError{What: "the index of tags at " + base, Err: errors.New("its entries do not lead to its root")}
	}
	held := &release.Held{}
	for _, e := range x.All() {
		if err := held.Add("tags of the record", hex.EncodeToString(e.Tag[:]), fmt.Sprint(e.Leaf), time.Time{}); err != nil {
			return nil, err
		}
	}
	return held, nil
}

func fetchBounded(ctx context.Context, address string, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", address, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: %s answers %d", tribune.ErrNotFound, address, resp.StatusCode)
	case int64(len(raw)) > most:
		return nil, fmt.Errorf("reading %s: more than %d bytes: %w", address, most, tribune.ErrTooLarge)
	}
	return raw, nil
}
