package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// Opening opens a leaf's commitments, for the subject, a court or an auditor: wrapped by the epoch key at rest.
type Opening struct {
	Private  json.RawMessage  `json:"private"`
	Salt     []byte           `json:"salt"`
	Evidence tribune.Evidence `json:"evidence"`
	Redacted int              `json:"redacted,omitempty"` // subjects that were taken out because they were erased; then it opens no leaf any more

	Entities map[tribune.Pseudonym][]tribune.EntityID `json:"entities,omitempty"` // of a reading: what its answer names each subject's data by
}

// UnmarshalJSON restores the one spelling of the private part, which is what a leaf commits to: what was stored may have its <, > and & escaped.
func (o *Opening) UnmarshalJSON(data []byte) error {
	type stored Opening
	if err := json.Unmarshal(data, (*stored)(o)); err != nil {
		return err
	}
	var p protocol.Private
	err := json.Unmarshal(o.Private, &p)
	if err == nil {
		o.Private, err = protocol.JCS(p)
	}
	return err
}

// opening is what the leaf with that hash commits to; ErrNotFound where it is not here, or no longer.
func (w *Way) opening(ctx context.Context, leaf tribune.Hash) (o Opening, err error) {
	key := openingKey(leaf)
	wrapped, err := w.cfg.Store.Get(ctx, key)
	if err != nil {
		return o, fmt.Errorf("reading the opening of a leaf: %w", err)
	}
	data, err := w.cfg.Vault.Unwrap(string(key), wrapped)
	if err != nil {
		return o, fmt.Errorf("reading the opening of a leaf: %w", err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return o, &tribune.IntegrityError{What: "the opening of a leaf", Err: err}
	}
	return o, nil
}

// Openings rest under way||opening|leaf hash wrapped: they are written before their leaf has an index. The guardians'
// public statements rest under way||release|index in clear.
func openingKey(leaf tribune.Hash) []byte {
	return store.Key("way", tribune.Place{}, "opening", string(leaf[:]))
}
func releaseKey(index uint64) []byte {
	return store.Uint(store.Key("way", tribune.Place{}, "release"), index)
}

func (w *Way) keepOpening(ctx context.Context, leaf tribune.Hash, s *sheet) error {
	data, err := json.Marshal(Opening{Private: s.private, Salt: s.salt, Evidence: s.evidence, Entities: s.entities()})
	if err != nil {
		return err
	}
	if err := w.cfg.Vault.Keep(ctx, openingKey(leaf), data); err != nil {
		return fmt.Errorf("keeping an opening: %w", err)
	}
	return nil
}

// dropOpening forgets the opening of a leaf that surely is not on record. One that stays behind does no harm.
func (w *Way) dropOpening(ctx context.Context, leaf tribune.Hash) {
	var b store.Batch
	b.Delete(openingKey(leaf))
	if err := w.cfg.Store.Commit(ctx, &b); err != nil {
		w.cfg.Log.Warn("an opening without a leaf stays behind", "err", err)
	}
}

func (w *Way) keepStatements(ctx context.Context, index uint64, statements []protocol.Statement) error {
	data, err := json.Marshal(statements)
	if err != nil {
		return err
	}
	var b store.Batch
	b.Put(releaseKey(index), data)
	if err := w.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("keeping release statements: %w", err)
	}
	return nil
}

// Statements are the guardians' public release statements for the leaf at index; none where nothing was released.
func (w *Way) Statements(ctx context.Context, index uint64) ([]protocol.Statement, error) {
	data, err := w.cfg.Store.Get(ctx, releaseKey(index))
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading release statements: %w", err)
	}
	var statements []protocol.Statement
	if err := json.Unmarshal(data, &statements); err != nil {
		return nil, &tribune.IntegrityError{What: "stored release statements", Err: err}
	}
	return statements, nil
}
