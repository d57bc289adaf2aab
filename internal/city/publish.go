package city

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"tribune"
	"tribune/internal/published"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

// Explanations of models. POST /models/verdicts takes what an auditor has signed, from anybody: it is a signed document. POST /models/files takes a
// file of a known caller, and POST /models/explanations the act that publishes it; GET /models/explanations/INDEX is the file, for as long as the
// law and its verdict let it be shown.

// Explanations is the room's folder.
func (d Dir) Explanations() string { return d.path("hub", "explanations") }

func (h *Hub) openPublished() (err error) {
	h.models, err = published.Open(published.Config{Dir: h.cfg.Dir.Explanations(), Set: h.gate.Set, Now: h.now})
	return err
}

func (h *Hub) explanations(mux *http.ServeMux) {
	mux.HandleFunc("POST /models/verdicts", h.explains(h.addVerdict))
	mux.HandleFunc("POST /models/files", h.explains(h.takeFile))
	mux.HandleFunc("POST /models/explanations", h.explains(h.publishExplanation))
	mux.HandleFunc("GET /models/explanations/{index}", h.explains(h.showExplanation))
}

func (h *Hub) explains(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(w, r); err != nil {
			h.problems.Write(w, r, err)
		}
	}
}

func (h *Hub) addVerdict(w http.ResponseWriter, r *http.Request) error {
	doc, err := web.Body(r)
	if err != nil {
		return err
	}
	v, err := h.models.AddVerdict(doc)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(map[string]any{"passed": v.Passed, "signed": v.Hash, "until": v.Until})
}

func (h *Hub) takeFile(w http.ResponseWriter, r *http.Request) error {
	if !web.CallerOf(r.Context()).Known() {
		return tribune.Hint(tribune.ErrUnknown, "Send Authorization: Bearer with a token of yours.")
	}
	file, err := web.Body(r)
	if err != nil {
		return err
	}
	hash, err := h.models.Wait(web.CallerOf(r.Context()).Office, file)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(map[string]any{"sha256": hash})
}

// publishExplanation puts the act on record: {act, private, salt, signature, public}, private and public being JCS texts in base64.
func (h *Hub) publishExplanation(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Act       protocol.Act `json:"act"`
		Private   []byte       `json:"private"`
		Salt      []byte       `json:"salt"`
		Signature []byte       `json:"signature"`
		Public    []byte       `json:"public"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return tribune.Hint(fmt.Errorf("%w: the body cannot be read", tribune.ErrInvalid), `Send {"act", "private", "salt", "signature", "public"}.`)
	}
	caller, one := web.CallerOf(r.Context()), h.way.Load()
	switch {
	case !caller.Known():
		return tribune.Hint(tribune.ErrUnknown, "Send Authorization: Bearer with a token of yours.")
	case one == nil:
		return errNoKeys
	}
	p, err := protocol.DecodePublication(body.Public)
	if err != nil {
		return err
	}
	file, err := h.models.Waiting(p.File)
	if err != nil {
		return err
	}
	since, begun := h.record.Published(), false
	index, receipt, err := one.Publish(r.Context(), way.Exercise{Caller: caller, Act: body.Act, Private: body.Private, Salt: body.Salt, Signature: body.Signature}, body.Public, file,
		func(protocol.Publication) error {
			err := h.models.Begin(body.Act.ID, body.Public, file, since)
			begun = err == nil
			return err
		})
	if !begun { // nothing is kept for this request; what is kept under this act's id is another's
		return err
	}
	if err := h.settled(body.Act.ID, index, err); err != nil {
		return err
	}
	web.SetReceipt(w.Header(), receipt)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(map[string]any{"index": index})
}

// settled notes how an act ended. One of which the record cannot say whether it has it waits for the next start, which reads the record.
func (h *Hub) settled(act string, index uint64, err error) error {
	switch {
	case err == nil:
		return h.models.Done(act, index)
	case !errors.Is(err, tribune.ErrUncertain): // what is on record without the word of t guardians is not shown: its owner publishes again
		if dropped := h.models.Drop(act); dropped != nil {
			h.log.Warn("an explanation that was not published stays behind", "err", dropped)
		}
	}
	return err
}

// settlePublished looks up in the record what a crash left open, and strikes what the record does not say. It may be called again and again, while
// guardians are away: what has begun since the start is its own request's to settle.
func (h *Hub) settlePublished(ctx context.Context) error {
	for _, e := range h.models.All() {
		if !e.OnRecord {
			continue
		}
		raw, err := h.record.Leaf(ctx, e.Index)
		if err == nil && says(raw, e) {
			continue
		}
		if err != nil && !errors.Is(err, tribune.ErrNotFound) {
			return fmt.Errorf("holding explanations against the record: %w", err)
		}
		h.log.Error("an explanation was to be shown that the record does not know", "entry", e.Index, "model", e.Publication.Model)
		if err := h.models.Strike(e.Act); err != nil {
			return err
		}
	}
	for _, e := range h.models.Unsettled() {
		if !e.Interrupted {
			continue
		}
		index := uint64(0)
		for entry, err := range h.record.Range(ctx, e.Since) {
			if err != nil {
				return fmt.Errorf("looking for an explanation on record: %w", err)
			}
			if says(entry.Leaf, e) {
				index = entry.Index
				break
			}
		}
		right, err := h.foundRight(ctx, index)
		if err != nil {
			return err
		}
		if right {
			err = h.models.Done(e.Act, index)
		} else {
			h.log.Warn("an explanation that a stop interrupted is not shown: too few guardians have found it right; its owner publishes again", "model", e.Publication.Model, "entry", index)
			err = h.models.Drop(e.Act)
		}
		if err != nil {
			return fmt.Errorf("settling an explanation: %w", err)
		}
	}
	return nil
}

// foundRight reports whether t guardians have stated that the publication at index is right; 0 is none.
func (h *Hub) foundRight(ctx context.Context, index uint64) (bool, error) {
	group := h.group.Load()
	if index == 0 || group == nil {
		return false, nil
	}
	said, err := h.statements(ctx, index)
	return len(said) >= group.T, err
}

// says reports whether a leaf is of an entry's act and publishes what the entry says.
func says(raw []byte, e published.Entry) bool {
	l, err := protocol.DecodeLeaf(raw)
	return err == nil && l.Act.Kind == tribune.ActPublish && l.Act.ID == e.Act && l.Decision.Permit && bytes.Equal(l.Public, e.Public)
}

// showExplanation serves a file with the receipt of the act that published it, and never without: as a download, of exactly the type that stands on
// record, and in a sandbox wherever somebody opens it all the same.
func (h *Hub) showExplanation(w http.ResponseWriter, r *http.Request) error {
	index, err := h.index(r)
	if err != nil {
		return err
	}
	x, file, err := h.models.Explanation(index)
	if err != nil {
		return err
	}
	raw, err := h.record.Leaf(r.Context(), index)
	if err != nil {
		return err
	}
	if !says(raw, x.Entry) {
		return &tribune.IntegrityError{What: "a published explanation", Err: fmt.Errorf("entry %d of the record does not publish it", index)}
	}
	receipt, err := h.record.Receipt(r.Context(), index, false)
	if err != nil {
		return err
	}
	header := w.Header()
	web.SetReceipt(header, receipt)
	header.Set("Cache-Control", "no-store") // taken down is taken down
	if file == nil {
		web.Send(w, web.Problem{
			Title: "This explanation is not shown any more", Status: http.StatusGone, Detail: "It was published in entry " + r.PathValue("index") + " of the record, and what let it be shown has ended.",
			Missing: x.Missing, Request: web.RequestID(r.Context()),
		})
		return nil
	}
	header.Set("Content-Type", mime.FormatMediaType(x.Publication.Type, map[string]string{"charset": "utf-8"}))
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fmt.Sprintf("%s-%d%s", x.Publication.Model, index, extension(x.Publication.Type))}))
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(file)
	return err
}

func extension(kind string) string {
	switch kind {
	case protocol.PublishedCSV:
		return ".csv"
	case protocol.PublishedHTML:
		return ".html"
	}
	return ".json"
}
