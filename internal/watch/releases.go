package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tribune/protocol"
	"tribune/verify"
)

// Release statements are looked at for what is new, and for the last maxReleases acts at a start: one question each.
const (
	maxReleases   = 512
	releasesRound = 50 // a round
	maxStatement  = 64 // statements of one leaf: there are no more guardians
	releaseAfter  = time.Minute
)

// releases holds the statements that the hub shows against their leaves. A hub that shows none hides nothing that the guardians
// have not kept; one that shows a false one is found.
func (w *Watcher) releases(ctx context.Context) {
	r := w.read
	for range min(releasesRound, len(r.releases)) {
		index := r.releases[0]
		leaf, err := w.Copy.leaf(index)
		if err != nil {
			r.releases = r.releases[1:]
			continue
		}
		if at, err := leaf.Act.When(); err == nil && w.patience > 0 && w.cfg.Now().Sub(at) < releaseAfter {
			return
		}
		raw, err := w.Copy.get(ctx, fmt.Sprintf("%s/record/releases/%d", w.Copy.hub.hub, index), maxStatements)
		if err != nil {
			if !missing(err) {
				return // another time
			}
			r.releases = r.releases[1:]
			continue
		}
		r.releases = r.releases[1:]
		w.statements(index, leaf, raw)
	}
}

func (w *Watcher) statements(index uint64, leaf protocol.Leaf, raw []byte) {
	list, err := parseStatements(raw)
	if err != nil {
		w.report(BadRelease, fmt.Sprintf("leaf %d", index), fmt.Sprintf("What the hub shows as release statements of leaf %d cannot be read.", index), nil)
		return
	}
	hash, err := w.Copy.mirror.LeafHash(index)
	if err != nil {
		return
	}
	v := &verify.Verified{Index: index, LeafHash: hash, Leaf: leaf}
	var good []protocol.Statement
	for _, s := range list {
		switch err := w.Copy.statement(v, s); {
		case err != nil:
			w.release(index, s, nil, fmt.Sprintf("The hub shows a release statement for leaf %d that does not fit: %v.", index, err))
		case opensNothing(leaf) != "":
			w.release(index, s, nil, fmt.Sprintf("%s states that it released keys for leaf %d, although %s.", s.Guardian, index, opensNothing(leaf)))
		case len(good) > 0 && good[0].IDs != s.IDs:
			w.release(index, s, &good[0], fmt.Sprintf("%s and %s state that they released keys for leaf %d, and for different identities.", good[0].Guardian, s.Guardian, index))
		default:
			good = append(good, s)
		}
	}
}

func (w *Watcher) release(index uint64, s protocol.Statement, other *protocol.Statement, text string) {
	w.read.say(index, BadRelease, text, func(e *Evidence) { e.Statement, e.Other = &s, other })
}

func parseStatements(raw []byte) ([]protocol.Statement, error) {
	var list []protocol.Statement
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if len(list) > maxStatement {
		return nil, fmt.Errorf("%d statements", len(list))
	}
	return list, nil
}
