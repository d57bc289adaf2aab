package main

import (
	"context"
	"crypto/sha256"
	"fmt"

	"tribune"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/export"
	"tribune/internal/explain/model"
)

// given are reference models that were trained elsewhere, on the halves that tribune explain export wrote.
type given struct {
	files   []string
	hashes  []tribune.Hash
	subject audit.Subject
}

// openGiven reads every reference once, so that one that does not fit is found before hours of work; they are read again when their turn comes, and not kept.
func openGiven(ctx context.Context, d *explainFlags, p audit.Plan, s audit.Subject) (*given, error) {
	files, err := export.Find(d.references, exported(d, p, s, nil))
	if err != nil {
		return nil, err
	}
	g := &given{files: files, hashes: make([]tribune.Hash, len(files)), subject: s}
	for r := range files {
		t, err := g.open(ctx, r)
		if err != nil {
			return nil, err
		}
		g.hashes[r] = t.hash
		if err := s.Explains(t.Model, p); err != nil {
			return nil, fmt.Errorf("%s: %w", files[r], err)
		}
	}
	return g, nil
}

func (g *given) open(ctx context.Context, r int) (*target, error) {
	t, err := openFile(ctx, g.files[r])
	if err != nil {
		return nil, err
	}
	if err := t.fits(g.subject); err != nil {
		return nil, fmt.Errorf("%s: %w", g.files[r], err)
	}
	return t, nil
}

// reference is number r, from 1.
func (g *given) reference(ctx context.Context, r int, _ data.Set) (model.Model, error) {
	t, err := g.open(ctx, r-1)
	if err != nil {
		return nil, err
	}
	if t.hash != g.hashes[r-1] {
		return nil, fmt.Errorf("%w: %s changed while it was used", tribune.ErrInvalid, g.files[r-1])
	}
	return t.Model, nil
}

// String is for report and verdict: whose word it is, and which bytes.
func (g *given) String() string {
	h := sha256.New()
	for _, one := range g.hashes {
		h.Write(one[:])
	}
	return fmt.Sprintf("%d models trained elsewhere, each on its half of the records, as their owner says; SHA-256 of their hashes in order %x", len(g.files), h.Sum(nil))
}
