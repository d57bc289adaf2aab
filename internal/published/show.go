package published

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"tribune"
	"tribune/internal/durable"
	"tribune/policy"
	"tribune/protocol"
)

// Explanation is one that stands on record as published.
type Explanation struct {
	Entry
	Missing []string // why it is not shown any more, in plain words; none = it is shown
}

// Verdict is what an auditor signed of a model.
type Verdict struct {
	protocol.ModelVerdict
	Document []byte
	Auditor  string
	Hash     tribune.Hash // of what was signed: by it a register revokes it
	Counts   bool         // something may be published by it now
	Missing  []string     // why not
}

// Explanations of a model, the newest first.
func (r *Room) Explanations(model tribune.ModelID) (all []Explanation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range slices.Backward(r.entries) {
		if e.OnRecord && e.Publication.Model == model {
			all = append(all, r.explanation(e))
		}
	}
	return all
}

func (r *Room) explanation(e Entry) Explanation {
	return Explanation{e, r.cfg.Set().Publishable(*e.Publication.Of(), r.cfg.Now())}
}

// Explanation is the one whose leaf is at index, and its file; the file is nil where it is taken down. Whether the leaf is what the entry says is
// the caller's to check.
func (r *Room) Explanation(index uint64) (Explanation, []byte, error) {
	r.mu.Lock()
	i := slices.IndexFunc(r.entries, func(e Entry) bool { return e.OnRecord && e.Index == index })
	if i < 0 {
		r.mu.Unlock()
		return Explanation{}, nil, fmt.Errorf("%w: entry %d published no explanation", tribune.ErrNotFound, index)
	}
	x := r.explanation(r.entries[i])
	r.mu.Unlock()
	if len(x.Missing) > 0 {
		return x, nil, nil
	}
	file, err := bounded(r.path("files", x.Publication.File.String()), protocol.MaxPublished)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil, fmt.Errorf("%w: the file of entry %d is gone", tribune.ErrNotFound, index)
	}
	if err != nil {
		return x, nil, fmt.Errorf("reading what is published: %w", err)
	}
	if tribune.Hash(sha256.Sum256(file)) != x.Publication.File {
		return x, nil, &tribune.IntegrityError{What: "a published explanation", Err: fmt.Errorf("the file of entry %d is not the one that stands on record", index)}
	}
	return x, file, nil
}

// AddVerdict keeps a verdict that an auditor known to the law has signed of a model in the register, passed or not.
func (r *Room) AddVerdict(doc []byte) (Verdict, error) {
	v, err := r.verdict(doc)
	if err != nil {
		return v, err
	}
	if !slices.ContainsFunc(r.cfg.Set().Models(), v.of) {
		return v, fmt.Errorf("%w: the verdict is of no model in the register, or not by the model's auditor", tribune.ErrInvalid)
	}
	one, err := read(doc)
	if err != nil {
		return v, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.verdicts, func(o kept) bool { return o.text == one.text }); i >= 0 {
		// The one that is kept may be signed by a key that counts no more: then this one takes its place.
		if old, err := r.verdict(r.verdicts[i].doc); err == nil && slices.ContainsFunc(r.cfg.Set().Models(), old.of) {
			return v, nil
		}
		if err := r.unkeep(i); err != nil {
			return v, err
		}
	}
	if len(r.verdicts) >= maxVerdicts { // one that has ended counts never again
		i := slices.IndexFunc(r.verdicts, func(o kept) bool { return !r.cfg.Now().Before(o.until) })
		if i < 0 {
			return v, fmt.Errorf("%w: %d verdicts are kept", tribune.ErrBusy, len(r.verdicts))
		}
		if err := r.unkeep(i); err != nil {
			return v, err
		}
	}
	if err := durable.Write(r.path("verdicts", tribune.Hash(sha256.Sum256(doc)).String()+".txt"), doc); err != nil {
		return v, fmt.Errorf("keeping a verdict: %w", err)
	}
	r.verdicts = append(r.verdicts, one)
	return v, nil
}

func (r *Room) unkeep(i int) error {
	if err := r.remove(r.path("verdicts", tribune.Hash(sha256.Sum256(r.verdicts[i].doc)).String()+".txt")); err != nil {
		return fmt.Errorf("forgetting a verdict: %w", err)
	}
	r.verdicts = slices.Delete(r.verdicts, i, i+1)
	return nil
}

func (r *Room) verdict(doc []byte) (Verdict, error) {
	signed, auditor, err := r.cfg.Set().Verdict(doc)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{ModelVerdict: signed, Document: doc, Auditor: auditor}
	v.Hash, err = signed.Hash()
	return v, err
}

// Verdicts of a model, the newest first, as the law in force reads them.
func (r *Room) Verdicts(model tribune.ModelID) (all []Verdict) {
	set, now := r.cfg.Set(), r.cfg.Now()
	m, ok := set.Model(model)
	if !ok {
		return nil
	}
	r.mu.Lock()
	docs := slices.Clone(r.verdicts)
	r.mu.Unlock()
	for _, one := range docs {
		doc := one.doc
		v, err := r.verdict(doc)
		if err != nil || !v.of(m) {
			continue
		}
		// Any method that it covers and any file: what then is missing is the verdict's own.
		v.Missing = set.Publishable(tribune.Publication{Model: m.ID, Hash: m.Hash, Method: v.ModelVerdict.Explanations[0], File: v.Hash, Verdict: doc}, now)
		v.Counts = len(v.Missing) == 0
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Verdict) int { return int(min(max(b.From-a.From, -1), 1)) })
	return all
}

// of reports whether the verdict is one of this model by its auditor.
func (v Verdict) of(m policy.Model) bool { return v.Model == m.Hash && v.Auditor == m.Auditor }
