package way

import (
	"context"
	"errors"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// PrepareNotice decides an act of kind decide by which an office reads what a notice to it names, and returns it for its actor to sign. It carries the
// next mark of the person whom the notice is about, as long as their trace key is here. Of somebody who was erased it is not, and to bring it back for
// this would begin anew what they have ended: then the act concerns nobody by its count, and the person reads of it beside the notice. So it is where
// the office was given the data under a warrant of that quarter (0 = of none) which is hidden still: a mark would tip the person off. Decide puts
// it on record. It fails as PrepareDecision does.
func (w *Way) PrepareNotice(ctx context.Context, caller tribune.Caller, p tribune.Pseudonym, quarter uint32, note string) (protocol.Act, error) {
	if w.cfg.Vault.Barred(p) || quarter != 0 && w.cfg.Now().Before(w.HiddenUntil(p, quarter)) {
		return w.prepareDecision(ctx, caller, nil, note)
	}
	k, err := w.cfg.Vault.TraceKey(ctx, p)
	switch {
	case err == nil:
		clear(k)
		return w.prepareDecision(ctx, caller, []tribune.Pseudonym{p}, note)
	case errors.Is(err, tribune.ErrNotFound):
		return w.prepareDecision(ctx, caller, nil, note)
	}
	return protocol.Act{}, fmt.Errorf("preparing to read a notice: %w", err)
}
