package twin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"tribune"
	"tribune/internal/store"
)

// A release that changes which rows the documents have in the index (keys.allRows) makes a new layout: it raises
// layoutNow, and Upgrade then makes the rows anew from the documents. One row says what a whole store has:
//
//	v|layout   = layout u16, in the place of no tenant and partition 0
//	v|rebuild  = in each place whose rows were made anew: how far that is (rebuild.go)
//
// Layout 1 is that of the releases before this row: a store that holds something and has no such row has that one.

// layoutNow is what this program reads and writes.
//
//	1   until November 2026: of values what is a scalar, of places cells of the levels 8 to 16
//	2   every attribute in the clear has a row, positions stand under S2 leaf cells, scopes and what expires have rows
const layoutNow = 2

func layoutKey() []byte { return keysAt(tribune.Place{}).of("v", "layout") }

// layoutOf is the layout of a store, with the row that says so (nil = there is none); 0 where the twin has nothing in it.
func layoutOf(ctx context.Context, r store.Reader) (layout uint16, row []byte, err error) {
	row, err = r.Get(ctx, layoutKey())
	if err == nil {
		if len(row) != 2 {
			return 0, nil, &tribune.IntegrityError{What: "the layout of the twin", Err: errDamaged}
		}
		return binary.BigEndian.Uint16(row), row, nil
	}
	if !isAbsent(err) {
		return 0, nil, fmt.Errorf("reading the layout of the indexes: %w", err)
	}
	err = eachPlace(ctx, r, func(tribune.Place) error { return errStop })
	if errors.Is(err, errStop) {
		return 1, nil, nil
	}
	return 0, nil, err
}

var errStop = errors.New("enough")

// setLayout says that a store has the layout of this program; ErrConflict where another hub has said something meanwhile.
func setLayout(ctx context.Context, st store.Store, before []byte) error {
	var b store.Batch
	if before == nil {
		b.ExpectAbsent(layoutKey())
	} else {
		b.ExpectPrefix(layoutKey(), before)
	}
	b.Put(layoutKey(), binary.BigEndian.AppendUint16(nil, layoutNow))
	return st.Commit(ctx, &b)
}

// checkLayout refuses a store whose indexes this program does not know how to read, and says in an empty one what it will write.
func checkLayout(ctx context.Context, st store.Store) error {
	layout, row, err := layoutOf(ctx, st)
	if err == nil && layout == 0 {
		if err = setLayout(ctx, st, row); errors.Is(err, tribune.ErrConflict) { // another hub was first
			layout, _, err = layoutOf(ctx, st)
		} else {
			layout = layoutNow
		}
	}
	switch {
	case err != nil:
		return err
	case layout > layoutNow:
		return tooNew(layout)
	case layout < layoutNow:
		return tribune.Hint(fmt.Errorf("the indexes have layout %d, this program reads %d: %w", layout, layoutNow, tribune.ErrUnsupported), "have Upgrade make them anew first")
	}
	return nil
}

func tooNew(layout uint16) error {
	return tribune.Hint(fmt.Errorf("a newer release has written this store: its indexes have layout %d, this program knows up to %d: %w", layout, layoutNow, tribune.ErrUnsupported),
		"use the release that wrote it, or a newer one; to go back, restore a backup that was made before the upgrade")
}
