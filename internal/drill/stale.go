package drill

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

// playStalePolicy: a stolen hub decides under a law that is not in force. It is even given the steward's key: whoever has that may
// write law, and still not what is in force when.
func playStalePolicy(ctx context.Context, p *play) error {
	w, end, err := p.besieged(ctx)
	if err != nil {
		return err
	}
	first := w.decision.Set
	under := func(set tribune.Hash) func(*wide, *wish) error {
		return func(_ *wide, x *wish) error {
			x.decision.Set = set
			return nil
		}
	}
	never := first
	never[0] ^= 1
	if err := w.tries(ctx, lies, attack{"decides under a policy set that was never published", "in force is", under(never)}); err != nil {
		return err
	}

	// A looser law, signed by the steward, that no guardian has approved.
	looser, err := w.enact(func(files map[string]string) {
		files["policies/drill.cedar"] = "@id(\"drill-anything\")\n@because(\"The hub says so.\")\n@until(\"2099-12-31\")\npermit (principal, action, resource);\n"
	})
	if err != nil {
		return err
	}
	if err := w.publishSet(ctx, looser); err != nil {
		return err
	}
	if err := w.tries(ctx, lies, attack{"decides under a looser set that it has published, signed by the steward, approved by nobody", "in force is", under(looser)}); err != nil {
		return err
	}

	// A stricter law counts at once, and the one before is over at once.
	stricter, err := w.enact(func(files map[string]string) {
		files["offices.toml"] = strings.Replace(files["offices.toml"], "acts_per_hour = 600\n", "acts_per_hour = 590\n", 1)
	})
	if err != nil {
		return err
	}
	end() // the load asks under the first law, which ends here
	if err := w.publishSet(ctx, stricter); err != nil {
		return err
	}
	if err := w.tries(ctx, lies, attack{"decides under the set that was in force before a stricter one", "in force is", under(first)}); err != nil {
		return err
	}
	w.decision.Set = stricter
	if err := w.honest(ctx); err != nil {
		return err
	}
	return w.hiddenLaw(ctx)
}

// hiddenLaw: the hub publishes the hash of a law and shows the law to nobody.
func (w *wide) hiddenLaw(ctx context.Context) error {
	hidden, err := w.enact(func(files map[string]string) {
		files["offices.toml"] = strings.Replace(files["offices.toml"], "acts_per_hour = 600\n", "acts_per_hour = 580\n", 1)
	})
	if err != nil {
		return err
	}
	shown := w.hub.laws[hidden.String()]
	w.hub.hide(hidden)
	if err := w.publishSet(ctx, hidden); err != nil {
		return err
	}
	for _, set := range []tribune.Hash{w.decision.Set, hidden} {
		err := w.tries(ctx, lies, attack{fmt.Sprintf("publishes a set that it shows to nobody, and decides under set %.8s", set), "cannot be read", func(_ *wide, x *wish) error {
			x.decision.Set = set
			return nil
		}})
		if err != nil {
			return err
		}
	}
	w.hub.show(hidden, shown)
	w.decision.Set = hidden
	return w.honest(ctx)
}

// enact changes the stolen law and signs what has changed as the true steward would: the drill has that key, too.
func (w *wide) enact(change func(files map[string]string)) (tribune.Hash, error) {
	signed, err := w.lawFiles()
	if err != nil {
		return tribune.Hash{}, err
	}
	signer, err := w.city.institution("steward")
	if err != nil {
		return tribune.Hash{}, err
	}
	texts := map[string]string{}
	for name, doc := range signed {
		texts[name], _ = protocol.SplitDocument(doc)
	}
	before := map[string]string{}
	for name, text := range texts {
		before[name] = text
	}
	change(texts)
	changed := 0
	for name, text := range texts {
		if text == before[name] {
			continue
		}
		changed++
		if signed[name], err = protocol.SignDocument(text, signer); err != nil {
			return tribune.Hash{}, err
		}
	}
	if changed == 0 {
		return tribune.Hash{}, fmt.Errorf("%w: the law did not change", errDrill)
	}
	return w.hub.keepLaw(signed)
}

// institution is the true key of the city's steward or council.
func (c *city) institution(name string) (note.Signer, error) {
	skey, err := os.ReadFile(c.path("institutions", name+".key"))
	if err != nil {
		return nil, fmt.Errorf("taking the %s's key: %w", name, err)
	}
	s, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, fmt.Errorf("taking the %s's key: %w", name, err)
	}
	return s, nil
}

// lawFiles are the files of the stolen law.
func (w *wide) lawFiles() (map[string][]byte, error) {
	names, err := filepath.Glob(filepath.Join(w.theft.dir, "law", "sets", "*.json"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("%w: the stolen directory holds no policy set", errDrill)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		return nil, fmt.Errorf("reading the stolen law: %w", err)
	}
	var set struct {
		Files map[string][]byte `json:"files"`
	}
	if json.Unmarshal(data, &set) != nil || len(set.Files["city.toml"]) == 0 {
		return nil, fmt.Errorf("%w: the stolen law cannot be read", errDrill)
	}
	return set.Files, nil
}

// keepLaw has the stolen hub serve a policy set, and returns its hash.
func (h *stolenHub) keepLaw(files map[string][]byte) (tribune.Hash, error) {
	sums := map[string]string{}
	for name, file := range files {
		sums[name] = fmt.Sprintf("%x", sha256.Sum256(file))
	}
	canonical, err := protocol.JCS(sums)
	if err != nil {
		return tribune.Hash{}, err
	}
	hash := tribune.Hash(sha256.Sum256(append(protocol.Label("law"), canonical...)))
	body, err := json.Marshal(map[string]any{"files": files})
	if err != nil {
		return tribune.Hash{}, err
	}
	h.show(hash, body)
	return hash, nil
}

func (h *stolenHub) show(set tribune.Hash, body []byte) {
	h.lawsMu.Lock()
	defer h.lawsMu.Unlock()
	h.laws[set.String()] = body
}

func (h *stolenHub) hide(set tribune.Hash) {
	h.lawsMu.Lock()
	defer h.lawsMu.Unlock()
	delete(h.laws, set.String())
}

// publishSet puts a leaf of kind law on record, by the hub's own key.
func (w *wide) publishSet(ctx context.Context, set tribune.Hash, approvals ...approval) error {
	public := map[string]any{"set": set}
	if len(approvals) > 0 {
		public["approvals"] = approvals
	}
	text, err := protocol.JCS(public)
	if err != nil {
		return err
	}
	law := protocol.Leaf{Version: protocol.Version, Public: text, Tags: []tribune.Tag{}, Decision: w.enrolDecision}
	law.Act = protocol.Act{ID: protocol.NewID(), Kind: tribune.ActLaw, Office: "data-hub", Time: protocol.Time(time.Now())}
	if law.Act.Com, err = protocol.Commitment(protocol.NewSalt(), text); err != nil {
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
	_, err = w.hub.publish(ctx, w.hub.group.W)
	return err
}

// approval is a guardian's consent to a law, as a leaf of kind law publishes it.
type approval struct {
	Guardian  string `json:"guardian"`
	Signature []byte `json:"signature"`
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func fromBase64(s string) []byte {
	b, _ := base64.StdEncoding.DecodeString(s) // of a receipt that this drill has made
	return b
}
