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
	notGotFor         = 3 * time.Minute // what a hub that shows its log has not sent for as long it keeps back
	untoldFor         = time.Hour       // a hub that has its guardians needs minutes until it says what they state
	listEvery         = 3               // rounds
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
		delete(r.rightly, r.publications[0].index)
		r.publications = slices.Delete(r.publications, 0, 1)
	}
	r.publications = append(r.publications, publication{index, at, p})
}

// explanations looks at some of them a round, in turn, and at the list. there says that the hub has shown its log in this round: what it does not
// answer then it keeps back.
func (r *reading) explanations(ctx context.Context, there bool) {
	if !there {
		return // another time
	}
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
		if !r.explanation(ctx, one) && r.w.patience > 0 {
			break // it keeps us waiting
		}
	}
	if r.w.patience == 0 || r.w.rounds.Load()%listEvery == 0 {
		r.listed(ctx)
	}
}

// explanation asks for one, and for what guardians state of it. It reports whether the hub has answered at all.
func (r *reading) explanation(ctx context.Context, one publication) bool {
	subject, hub := fmt.Sprintf("explanation %d", one.index), r.w.Copy.hub.hub
	raw, untold := r.w.Copy.get(ctx, fmt.Sprintf("%s/record/releases/%d", hub, one.index), maxStatements)
	file, err := r.w.Copy.get(ctx, fmt.Sprintf("%s/models/explanations/%d", hub, one.index), protocol.MaxPublished)
	if ctx.Err() != nil {
		return false
	}
	said, t := r.foundRight(one.index, raw)
	r.rightly[one.index] = r.rightly[one.index] || t > 0 && said >= t
	right := r.rightly[one.index]
	told := untold == nil || missing(untold) // else nothing can be said yet, as where a hub waits for its guardians
	shown := err == nil || errors.Is(err, tribune.ErrTooLarge)
	gone, sure := r.lawful(ctx, one)
	what, wait := "", r.w.patience
	switch {
	case shown && tribune.Hash(sha256.Sum256(file)) != one.of.File:
		what = fmt.Sprintf("As the explanation of model %s that entry %d published, the hub shows another file than the entry names.", one.of.Model, one.index)
	case shown && !right && told && said < t:
		what = fmt.Sprintf("The hub shows the explanation of model %s that entry %d published. %d guardians state that the publication is right, and %d are needed: its owner may not have signed it.", one.of.Model, one.index, said, t)
	case shown && !right && !told && r.guarded():
		what = fmt.Sprintf("The hub shows the explanation of model %s that entry %d published, and does not say what guardians state of it, although it has its guardians.", one.of.Model, one.index)
		wait = max(wait, untoldFor)
	case shown && gone != "":
		what = fmt.Sprintf("The hub shows the explanation of model %s that entry %d published, and should not any more: %s.", one.of.Model, one.index, gone)
	case !shown && right && sure:
		what = fmt.Sprintf("The hub does not show the explanation of model %s that entry %d published, although its verdict and the law let it be shown.", one.of.Model, one.index)
		if !missing(err) { // no answer, or an error: it may be starting, or the line be slow
			wait = max(wait, notGotFor)
		}
	}
	if what != "" || gone != "" || sure || !shown && !right { // else law and clocks do not tell yet
		r.explained(subject, what, wait)
	}
	return answers(err) && answers(untold)
}

// guarded says that guardians have co-signed within minutes: the hub has them.
func (r *reading) guarded() bool {
	head := r.w.Copy.head()
	return head != nil && r.w.cfg.Now().Sub(cosigned(head)) <= r.w.cfg.StallAfter
}

// lawful says why a publication may not be shown any more, "" = it may, or nobody can tell; sure is that it may. A hub's clock may differ from ours,
// and for a while after a change it may go by the law before.
func (r *reading) lawful(ctx context.Context, one publication) (gone string, sure bool) {
	now := r.w.cfg.Now()
	law, err := r.laws.chain.At(ctx, r.next, now)
	if err != nil || law == nil {
		return "", false
	}
	if first := r.laws.first(); first != nil && law.Index != first.index && now.Sub(law.From) < grace(law) {
		return "", false
	}
	set, err := r.laws.set(ctx, law.Set)
	if err != nil || set == nil {
		return "", false
	}
	early, late := set.Publishable(*one.of.Of(), now.Add(-maxAhead)), set.Publishable(*one.of.Of(), now.Add(maxAhead))
	if len(early) > 0 && len(late) > 0 {
		gone = late[0]
	}
	return gone, len(early) == 0 && len(late) == 0
}

// foundRight counts the guardians whose statement on a leaf the hub shows, and how many it takes.
func (r *reading) foundRight(index uint64, raw []byte) (said, need int) {
	list, err := parseStatements(raw)
	hash, unknown := r.w.Copy.mirror.LeafHash(index)
	if err != nil || unknown != nil {
		list = nil
	}
	v := &verify.Verified{Index: index, LeafHash: hash}
	return r.said(index, func(t *verify.Trust) []string {
		var names []string
		for _, s := range list {
			if s.IDs == protocol.HashIDs("", nil) && t.Statement(v, s) == nil {
				names = append(names, s.Guardian)
			}
		}
		return names
	})
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
			switch {
			case known || forgotten:
			case x.Entry >= r.next: // it may have come since we looked, and stands there when we look again
				what = fmt.Sprintf("The hub lists an explanation of model %s as published by entry %d, and shows nobody that entry.", m.ID, x.Entry)
			default:
				what = fmt.Sprintf("The hub lists an explanation of model %s as published by entry %d, and that entry publishes no such file.", m.ID, x.Entry)
			}
		}
	}
	r.explained(subject, what, r.w.patience)
}

// explained reports what is wrong with a subject once it has lasted, and settles it where nothing is.
func (r *reading) explained(subject, what string, wait time.Duration) {
	if what == "" {
		r.w.over(subject)
		r.w.Book.settle(Explained, subject)
	} else if r.w.lasting(subject, wait) {
		r.w.report(Explained, subject, what, nil)
	}
}
