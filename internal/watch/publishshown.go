package watch

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// What the hub shows of explanations of models is held against the record: each publication on record, while verdict and law let it be shown, is there, byte for
// byte, with the word of t guardians; and nothing else is listed.

const (
	maxPublications   = 4096 // the newest; a hub keeps as many
	publicationsRound = 8    // asked about in a round
	publicationAfter  = 5 * time.Minute
	listEvery         = 3 // rounds
	maxModelList      = 32 << 20
)

// publication is one that stands on record.
type publication struct {
	index uint64
	at    time.Time
	of    protocol.Publication
}

// published notes a leaf of kind publish.
func (r *reading) published(index uint64, l protocol.Leaf) {
	p, err := protocol.DecodePublication(l.Public)
	at, wrong := l.Act.When()
	if l.Act.Kind != tribune.ActPublish || !l.Decision.Permit || err != nil || wrong != nil {
		return
	}
	if len(r.publications) >= maxPublications {
		r.publications = slices.Delete(r.publications, 0, 1)
	}
	r.publications = append(r.publications, publication{index, at, p})
}

// explanations looks at some of them a round, in turn, and at the list.
func (r *reading) explanations(ctx context.Context) {
	some := min(publicationsRound, len(r.publications))
	if r.w.patience == 0 { // this round and the next are all there are
		some = len(r.publications)
	}
	for range some {
		r.publicationAt %= len(r.publications)
		one := r.publications[r.publicationAt]
		r.publicationAt++
		if r.w.patience > 0 && r.w.cfg.Now().Sub(one.at) < publicationAfter {
			continue
		}
		r.explanation(ctx, one)
	}
	if r.w.patience == 0 || r.w.rounds.Load()%listEvery == 0 {
		r.listed(ctx)
	}
}

// explanation asks for one, and for what guardians state of it.
func (r *reading) explanation(ctx context.Context, one publication) {
	subject := fmt.Sprintf("explanation %d", one.index)
	law, err := r.laws.chain.At(ctx, r.next, r.w.cfg.Now())
	if err != nil || law == nil {
		return
	}
	if first := r.laws.first(); first != nil && law.Index != first.index && r.w.cfg.Now().Sub(law.From) < grace(law) {
		return // the hub may go by the law before
	}
	set, err := r.laws.set(ctx, law.Set)
	if err != nil || set == nil {
		return
	}
	hub := r.w.Copy.hub.hub
	raw, untold := r.w.Copy.get(ctx, fmt.Sprintf("%s/record/releases/%d", hub, one.index), maxStatements)
	file, err := r.w.Copy.get(ctx, fmt.Sprintf("%s/models/explanations/%d", hub, one.index), protocol.MaxPublished)
	if !answers(err) {
		return // the hub is away: another time
	}
	said, t := r.foundRight(one.index, raw), max(r.laws.t, 1)
	if r.rightly[one.index] = r.rightly[one.index] || said >= t; r.rightly[one.index] || untold != nil && !missing(untold) {
		said = t // it was told before; or it is not told now, as where a hub waits for its guardians
	}
	right := r.rightly[one.index]
	shown, gone := err == nil || errors.Is(err, tribune.ErrTooLarge), set.Publishable(*one.of.Of(), r.w.cfg.Now())
	what := ""
	switch {
	case shown && tribune.Hash(sha256.Sum256(file)) != one.of.File:
		what = fmt.Sprintf("As the explanation of model %s that entry %d published, the hub shows another file than the entry names.", one.of.Model, one.index)
	case shown && said < t:
		what = fmt.Sprintf("The hub shows the explanation of model %s that entry %d published. %d guardians state that the publication is right, and %d are needed: its owner may not have signed it.", one.of.Model, one.index, said, t)
	case shown && len(gone) > 0:
		what = fmt.Sprintf("The hub shows the explanation of model %s that entry %d published, and should not any more: %s.", one.of.Model, one.index, gone[0])
	case !shown && right && len(gone) == 0:
		what = fmt.Sprintf("The hub does not show the explanation of model %s that entry %d published, although its verdict and the law let it be shown.", one.of.Model, one.index)
	}
	r.explained(subject, what)
}

// foundRight counts the guardians whose statement on a leaf the hub shows.
func (r *reading) foundRight(index uint64, raw []byte) int {
	list, err := parseStatements(raw)
	hash, unknown := r.w.Copy.mirror.LeafHash(index)
	if err != nil || unknown != nil {
		return 0
	}
	said := map[string]bool{}
	for _, s := range list {
		if r.w.Copy.statement(&verify.Verified{Index: index, LeafHash: hash}, s) == nil {
			said[s.Guardian] = true
		}
	}
	return len(said)
}

// listed holds the register that the hub shows against the record: it lists no explanation that no entry has published.
func (r *reading) listed(ctx context.Context) {
	raw, err := r.w.Copy.get(ctx, r.w.Copy.hub.hub+"/models.json", maxModelList)
	if err != nil {
		return
	}
	var models []struct {
		ID           tribune.ModelID `json:"id"`
		Explanations []struct {
			Entry  uint64       `json:"entry"`
			SHA256 tribune.Hash `json:"sha256"`
		} `json:"explanations"`
	}
	if json.Unmarshal(raw, &models) != nil {
		return
	}
	subject, what := "list of explanations", ""
	for _, m := range models {
		for _, x := range m.Explanations {
			known := slices.ContainsFunc(r.publications, func(p publication) bool {
				return p.index == x.Entry && p.of.Model == m.ID && p.of.File == x.SHA256
			})
			forgotten := len(r.publications) == maxPublications && x.Entry < r.publications[0].index
			if !known && !forgotten && x.Entry < r.next {
				what = fmt.Sprintf("The hub lists an explanation of model %s as published by entry %d, and that entry publishes no such file.", m.ID, x.Entry)
			}
		}
	}
	r.explained(subject, what)
}

// explained reports what is wrong with a subject once it has lasted, and settles it where nothing is.
func (r *reading) explained(subject, what string) {
	if what == "" {
		r.w.over(subject)
		r.w.Book.settle(Explained, subject)
	} else if r.w.lasting(subject, r.w.patience) {
		r.w.report(Explained, subject, what, nil)
	}
}
