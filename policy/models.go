package policy

import (
	"slices"
	"time"

	"tribune"
)

// FileModels is the register of models: which models the city uses, for what, and who audits them. It is part of the law and no folder of documents
// because it fixes the limits before the audit: a plan's hash, an auditor or a model itself changes only as law does, by several guardians and 72
// hours in public, so that nobody looks for laxer limits once they have seen the figures. A city without models has no such file.
const FileModels = "models.toml"

// Model is one entry of the register of models.
type Model struct {
	ID      tribune.ModelID
	Title   string
	Purpose string // what it is used for, in words for citizens
	Owner   tribune.OfficeID
	Kind    string       // as tribune explain calls it: logistic, mlp, onnx, ...
	Hash    tribune.Hash // SHA-256 of the model's file
	Plan    tribune.Hash // of the audit's plan: methods, attacks and limits, fixed before it is run
	Auditor string       // signer of its verdicts
	Until   time.Time    // exclusive
	Revoked []tribune.Hash
	Line    int
}

const maxRevoked = 256

type modelsFile struct {
	Model []struct {
		ID      string   `toml:"id"`
		Title   string   `toml:"title"`
		Purpose string   `toml:"purpose"`
		Owner   string   `toml:"owner"`
		Kind    string   `toml:"kind"`
		SHA256  string   `toml:"sha256"`
		Plan    string   `toml:"plan"`
		Auditor string   `toml:"auditor"`
		Until   When     `toml:"until"`
		Revoked []string `toml:"revoked"`
	} `toml:"model"`
}

func readModels(text string) (list []Model, bad Problems) {
	var f modelsFile
	if bad = decode(FileModels, text, &f); len(bad) > 0 {
		return nil, bad
	}
	if len(f.Model) > maxEntries {
		bad.add(FileModels, 0, "", "%d models, at most %d", len(f.Model), maxEntries)
		return nil, bad
	}
	lines, seen := tableLines(text, "model"), map[string]bool{}
	for i, e := range f.Model {
		m := Model{
			ID: tribune.ModelID(e.ID), Title: e.Title, Purpose: e.Purpose, Owner: tribune.OfficeID(e.Owner), Kind: e.Kind, Auditor: e.Auditor, Until: e.Until.End(), Line: lineAt(lines, i),
		}
		checkID(&bad, FileModels, m.Line, "model", e.ID, seen)
		if e.Title == "" || e.Purpose == "" || !idShape.MatchString(e.Kind) {
			bad.add(FileModels, m.Line, "say in plain words what it is used for, and its kind: logistic, mlp, onnx, trees, remote", "model %s has no title, no purpose or no kind", short(e.ID))
		}
		if !e.Until.Set() {
			bad.add(FileModels, m.Line, "add until = 2027-12-31; nothing is without an end", "model %s has no end", short(e.ID))
		}
		m.hashes(&bad, e.SHA256, e.Plan, e.Revoked)
		if slices.ContainsFunc(list, func(o Model) bool { return o.Hash == m.Hash }) {
			bad.add(FileModels, m.Line, "keep one entry: else one model would have two limits", "model %s is there under another id", short(e.ID))
		}
		list = append(list, m)
	}
	return list, bad
}

func (m *Model) hashes(bad *Problems, hash, plan string, revoked []string) {
	read := func(what, text string) (h tribune.Hash) {
		if h.UnmarshalText([]byte(text)) != nil || h == (tribune.Hash{}) {
			bad.add(FileModels, m.Line, "give 64 lower-case hex digits, as tribune explain prints them", "model %s: its %s is no SHA-256", short(string(m.ID)), what)
		}
		return h
	}
	m.Hash, m.Plan = read("sha256", hash), read("plan", plan)
	if len(revoked) > maxRevoked {
		bad.add(FileModels, m.Line, "", "model %s lists more than %d revoked verdicts", short(string(m.ID)), maxRevoked)
		return
	}
	for _, r := range revoked {
		m.Revoked = append(m.Revoked, read("list of revoked verdicts", r))
	}
}

// checkModels holds the register against offices and signers. Who signs verdicts signs nothing else, under no other name: an auditor is independent
// of those who write the law, issue mandates and appoint.
func (s *Set) checkModels() (bad Problems) {
	for _, m := range s.models {
		if s.officeByID[m.Owner] == nil {
			bad.add(FileModels, m.Line, "correct it, or add the office to offices.toml", "model %s belongs to the office %q, which is not in the register", m.ID, short(string(m.Owner)))
		}
		if g := s.signer(m.Auditor); g == nil || !g.may(signsVerdicts) {
			bad.add(FileModels, m.Line, `name a signer of city.toml with signs = ["verdicts"]`, "model %s is audited by %q, who may not sign verdicts", m.ID, short(m.Auditor))
		}
	}
	for i := range s.signers {
		g := &s.signers[i]
		if !g.may(signsVerdicts) {
			continue
		}
		if len(g.Signs) > 1 {
			bad.add(FileCity, 0, "give verdicts to a key that signs nothing else", "%s signs verdicts and more: an auditor is independent", short(g.Name))
		}
		for j := range s.signers {
			if i != j && g.key.SameKey(s.signers[j].key) {
				bad.add(FileCity, 0, "give each their own key", "%s, who signs verdicts, has the key of %s", short(g.Name), short(s.signers[j].Name))
			}
		}
	}
	return bad
}

// Models lists the register of models in the order of its file.
func (s *Set) Models() []Model { return slices.Clone(s.models) }

// Model looks up a model.
func (s *Set) Model(id tribune.ModelID) (Model, bool) {
	i := slices.IndexFunc(s.models, func(m Model) bool { return m.ID == id })
	if i < 0 {
		return Model{}, false
	}
	return s.models[i], true
}

func compareModels(old, new *Set, found *loosening) {
	for _, n := range new.models {
		o, ok := old.Model(n.ID)
		if !ok {
			found.add("model %s is new: %s", n.ID, n.Title)
			continue
		}
		switch {
		case n.Hash != o.Hash:
			found.add("model %s is another model", n.ID)
		case n.Plan != o.Plan:
			found.add("model %s is audited by other limits", n.ID)
		case n.Auditor != o.Auditor || n.Owner != o.Owner:
			found.add("model %s has another owner or another auditor", n.ID)
		case n.Title != o.Title || n.Purpose != o.Purpose || n.Kind != o.Kind:
			found.add("model %s is described in other words", n.ID)
		}
		if n.Until.After(o.Until) {
			found.add("model %s ends later", n.ID)
		}
		if !within(o.Revoked, n.Revoked) {
			found.add("model %s: a verdict that was revoked counts again", n.ID)
		}
	}
}

func (c *checker) models() {
	for _, m := range c.set.models {
		c.say(LevelNote, FileModels, m.Line, "", "%s (%s), of office %s: %s It is audited by %s; without a fresh verdict nothing may be published of it. It ends %s", m.ID, m.Title, m.Owner, m.Purpose, m.Auditor, ended(m.Until))
		c.end(FileModels, m.Line, "model "+string(m.ID), m.Until)
	}
}
