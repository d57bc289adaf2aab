package city

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/tagindex"
	"tribune/internal/trace"
	"tribune/protocol"
)

// openTrace makes the daily index of tags, and serves it.
func (h *Hub) openTrace(mux *http.ServeMux) {
	h.traces = trace.New(trace.Config{
		Origin: h.cfg.Origin, Record: h.record, Every: h.cfg.TraceEvery, Built: h.cfg.TraceBuilt, Now: h.now, Log: h.log,
		Guardians: func(ctx context.Context) (trace.Guardians, int, error) {
			select {
			case <-h.vault.opened: // then there are guardians with keys
			case <-ctx.Done():
				return nil, 0, ctx.Err()
			}
			group := h.group.Load()
			return h.guardians, protocol.IndexNeed(group.N, group.W), nil
		},
		Publish: func(ctx context.Context, public json.RawMessage) (uint64, error) {
			// No policy decides about it: it says what is on record already, and guardians have signed that it is true.
			decision := tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}
			index, _, err := h.seal(ctx, h.own(tribune.ActIndex), public, nil, decision, tribune.Evidence{})
			return index, err
		},
	})
	h.traces.Routes(mux)
}

// sayIndex tells at a demo's screen what a city does once a day.
func (d *demo) sayIndex(latest tagindex.Latest) {
	d.indexSaid.Do(func() {
		fmt.Fprintf(d.Out, "  The index of tags, by which people find the uses of their data, is entry %d of the record. It is made every %s here, so that\n  there is something to see; a city makes it once a day.\n", latest.Leaf, demoTraceEvery)
	})
}
