package city

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"tribune"
)

// The receipt of every leaf of kind law is kept as it was when the leaf was published: its co-signatures say since when the law has been
// public, to a guardian that joins later. A receipt made later says nothing of that.

func (d Dir) lawReceipt(index uint64) string {
	return filepath.Join(d.Law(), "receipts", strconv.FormatUint(index, 10)+".tlog")
}

func (h *Hub) keepLawReceipt(ctx context.Context, index uint64) error {
	receipt, err := h.record.Receipt(ctx, index, true)
	if err != nil {
		return err
	}
	path := h.cfg.Dir.lawReceipt(index)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeFile(path, receipt, 0o600)
}

// lawReceipt answers GET /law/leaves/INDEX.
func (h *Hub) lawReceipt(w http.ResponseWriter, r *http.Request) {
	i, err := h.index(r)
	var receipt []byte
	if err == nil {
		if receipt, err = os.ReadFile(h.cfg.Dir.lawReceipt(i)); errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: no receipt of that leaf was kept; it is of no law", tribune.ErrNotFound)
		}
	}
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(receipt)
}
