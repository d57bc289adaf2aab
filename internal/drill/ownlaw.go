package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"tribune/ibe"
	"tribune/protocol"
)

// ownLaw: the stolen hub publishes a law of its own, under which everything is permitted, and acts under it.
func (w *wide) ownLaw(ctx context.Context) error {
	files, err := w.lawFiles()
	if err != nil {
		return err
	}
	text := "@id(\"hub-may-everything\")\n@because(\"The hub says so.\")\n@until(\"2099-12-31\")\npermit (principal, action, resource);\n"
	if files["policies/hub.cedar"], err = forgeAs("birmingham.example/steward", text); err != nil { // as steward, with a key of its own
		return err
	}
	hash, err := w.hub.keepLaw(files)
	if err != nil {
		return err
	}
	if err := w.publishSet(ctx, hash); err != nil {
		return err
	}
	return w.try(ctx, attack{"an act under a law that it has written and signed itself", "in force is", func(_ *wide, x *wish) error {
		x.decision.Set, x.decision.Policies = hash, []string{"hub-may-everything"}
		return nil
	}})
}

// beside are the ways around a release: names without the hub's key, and a second face of the log.
func (w *wide) beside(ctx context.Context) error {
	point, _, err := ibe.Blind(protocol.NameInput(w.hub.group.City, "plate", "QX16 KLM"))
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"points": [][]byte{point}})
	if err != nil {
		return err
	}
	url := w.hub.group.Guardians[0].URL
	status, answer, err := w.hub.call(ctx, http.MethodPost, url, "/name", body, false)
	if err != nil {
		return err
	}
	w.play.check(status == http.StatusUnauthorized && len(answer) < 200, "somebody without the hub's key asks for a blind evaluation of a name", "401", "%d %s", status, bytes.TrimSpace(answer))
	status, _, err = w.hub.call(ctx, http.MethodPost, url, "/name", body, true)
	if err != nil {
		return err
	}
	w.play.control(status == http.StatusOK, "the same request with the hub's key", "200", "%d", status)

	// Another tree of the size that was co-signed: the last leaf replaced by one nobody has seen.
	fork := w.hub.twin(0)
	for i, leaf := range w.hub.leaves {
		if i == len(w.hub.leaves)-1 {
			leaf = append(bytes.Clone(leaf), ' ')
		}
		if err := fork.append(leaf); err != nil {
			return err
		}
	}
	checkpoint, err := fork.checkpoint()
	if err != nil {
		return err
	}
	signed := 0
	for _, m := range fork.group.Guardians {
		status, answer, err = fork.cosign(ctx, m, checkpoint)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			signed++
		}
	}
	w.play.check(signed == 0, "the stolen hub asks for co-signatures under a second face of the log", "none", "%d co-signatures; the last answer: %d %s", signed, status, bytes.TrimSpace(answer))
	return nil
}

// mandate reads a mandate document of the stolen law.
func (w *wide) mandate(id string) ([]byte, error) {
	doc, err := os.ReadFile(filepath.Join(w.theft.dir, "law", "mandates", id+".toml"))
	if err != nil {
		return nil, fmt.Errorf("reading a stolen mandate: %w", err)
	}
	return doc, nil
}
