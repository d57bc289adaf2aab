package drill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
)

// ownLaw: the stolen hub publishes a law of its own, under which everything is permitted, and acts under it.
func (w *wide) ownLaw(ctx context.Context) error {
	hash, err := w.enactOwn()
	if err != nil {
		return err
	}
	public, err := protocol.JCS(map[string]any{"set": hash})
	if err != nil {
		return err
	}
	law := protocol.Leaf{Version: protocol.Version, Public: public, Tags: []tribune.Tag{}, Decision: w.enrolDecision}
	law.Act = protocol.Act{ID: protocol.NewID(), Kind: tribune.ActLaw, Office: "data-hub", Time: protocol.Time(time.Now())}
	if law.Act.Com, err = protocol.Commitment(protocol.NewSalt(), public); err != nil {
		return err
	}
	if law.Signature, err = law.Act.Sign(w.hubKey); err != nil {
		return err
	}
	raw, err := law.Encode()
	if err != nil {
		return err
	}
	if err := w.hub.append(raw); err != nil {
		return err
	}
	return w.try(ctx, attack{"an act under a law that it has written and signed itself", "in force is", func(_ *wide, x *wish) error {
		x.decision.Set, x.decision.Policies = hash, []string{"hub-may-everything"}
		return nil
	}})
}

// enactOwn takes the stolen policy set, adds a permission and signs as steward with a key of its own.
func (w *wide) enactOwn() (tribune.Hash, error) {
	names, err := filepath.Glob(filepath.Join(w.theft.dir, "law", "sets", "*.json"))
	if err != nil || len(names) == 0 {
		return tribune.Hash{}, fmt.Errorf("%w: the stolen directory holds no policy set", errDrill)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		return tribune.Hash{}, fmt.Errorf("reading the stolen law: %w", err)
	}
	var set struct {
		Files map[string][]byte `json:"files"`
	}
	if json.Unmarshal(data, &set) != nil || len(set.Files["city.toml"]) == 0 {
		return tribune.Hash{}, fmt.Errorf("%w: the stolen law cannot be read", errDrill)
	}
	text := "@id(\"hub-may-everything\")\n@because(\"The hub says so.\")\n@until(\"2099-12-31\")\npermit (principal, action, resource);\n"
	if set.Files["policies/hub.cedar"], err = forgeAs("birmingham.example/steward", text); err != nil {
		return tribune.Hash{}, err
	}
	sums := map[string]string{}
	for name, file := range set.Files {
		sums[name] = fmt.Sprintf("%x", sha256.Sum256(file))
	}
	canonical, err := protocol.JCS(sums)
	if err != nil {
		return tribune.Hash{}, err
	}
	hash := tribune.Hash(sha256.Sum256(append(protocol.Label("law"), canonical...)))
	w.hub.laws[hash.String()], err = json.Marshal(set)
	return hash, err
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
	fork := *w.hub
	fork.leaves, fork.hashes = nil, nil
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
