package drill

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// truncated: the record is cut before an act, and goes on without it.
func (c *coup) truncated(ctx context.Context) error {
	h := c.hub
	x, err := c.plain(c.victims[0])
	if err != nil {
		return err
	}
	if _, _, err := c.record(ctx, x); err != nil {
		return err
	}
	cut := h.twin(len(h.leaves) - 1)
	shorter, err := cut.checkpoint()
	if err != nil {
		return err
	}
	for range 3 { // and grown again past what guardians hold
		if err := cut.append([]byte(`{"nothing":"happened"}`)); err != nil {
			return err
		}
	}
	longer, err := cut.checkpoint()
	if err != nil {
		return err
	}
	signed, tried, said := 0, 0, ""
	h.face(cut)
	for i, m := range h.group.Guardians {
		if i < len(c.keys) {
			continue // it signs anything, and is one of w
		}
		for _, checkpoint := range [][]byte{shorter, longer} {
			cut.sizes[m.Name] = h.sizes[m.Name]
			tree := cut
			if bytes.Equal(checkpoint, shorter) {
				tree = nil
			}
			status, answer, err := h.witness(ctx, m, tree, checkpoint)
			if err != nil {
				return err
			}
			tried++
			if status == http.StatusOK {
				signed++
			}
			said = fmt.Sprintf("%d %s", status, bytes.TrimSpace(answer))
		}
	}
	h.face(nil)
	c.play.times(tried, signed == 0, "the coup cuts the record before an act, and lets it grow again without it", "no honest guardian co-signs; the coup's alone are too few to publish", "%d co-signatures; %s", signed, said)
	return nil
}

// offRecord: a release for a leaf that only the coup has seen: signed by the log and the coup's guardians.
func (c *coup) offRecord(ctx context.Context) error {
	h := c.hub
	x, err := c.plain(c.victims[0])
	if err != nil {
		return err
	}
	raw, req, err := c.sealed(x)
	if err != nil {
		return err
	}
	hidden := h.twin(len(h.leaves))
	if err := hidden.append(raw); err != nil {
		return err
	}
	checkpoint, err := hidden.checkpoint()
	if err != nil {
		return err
	}
	var lines [][]byte
	for i := range c.keys {
		key, err := c.city.cosigner(i + 1)
		if err != nil {
			return err
		}
		line, err := lineOf(checkpoint, key)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	if req.Receipt, err = hidden.receiptOf(len(hidden.leaves)-1, append(checkpoint, bytes.Join(lines, nil)...)); err != nil {
		return err
	}
	released, said := 0, ""
	for i, m := range h.group.Guardians {
		if i < len(c.keys) {
			continue
		}
		a, err := h.releaseBy(ctx, m, req)
		if err != nil {
			return err
		}
		if a.Statement != nil {
			released++
		} else {
			said = a.Refusal.Reason
		}
	}
	c.play.times(h.group.N-len(c.keys), released == 0, "the coup asks the honest guardians for the keys of an act that is on no public record, under the log's and its own guardians' signatures", "none releases", "%d release; %s", released, said)
	return nil
}
