package policy_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// audited is a verdict that lets the model of the demo's register be explained by two methods.
func audited() protocol.ModelVerdict {
	return protocol.ModelVerdict{
		Version: 1, Program: "test", Model: tribune.Hash{1}, Explanations: []string{"gradient+noise:0.5", "lime"}, Plan: tribune.Hash{2}, Verdict: tribune.Hash{3}, Passed: true,
		Worst: map[string]float64{"auc": 0.55, "tpr@1%": 0.03}, From: now.AddDate(0, 0, -1).Unix(), Until: now.AddDate(0, 0, 30).Unix(),
	}
}

func signVerdict(t testing.TB, v protocol.ModelVerdict, skey string) []byte {
	t.Helper()
	text, err := protocol.VerdictText(v)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, text, skey)
}

// publishing is the owner's act with its evidence.
func (d *demo) publishing(t testing.TB) (tribune.Act, tribune.Evidence) {
	act := tribune.Act{
		ID: "00000000000000000000000000000003", Kind: tribune.ActPublish, At: now,
		Caller:      tribune.Caller{Actor: law.Planner, Office: "planner", Purpose: "explain-models", Mandate: "model-explanations-2026"},
		Publication: &tribune.Publication{Model: "parking-demand", Hash: tribune.Hash{1}, Method: "gradient+noise:0.5", File: tribune.Hash{9}},
	}
	return act, tribune.Evidence{Mandate: d.mandates["model-explanations-2026"], Appointment: d.appointments[string(law.Planner)], Verdict: signVerdict(t, audited(), d.auditor)}
}

func TestOnlyAnExplanationThatWasAuditedIsPublished(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	resign := func(spoil func(*protocol.ModelVerdict)) change {
		return func(_ *tribune.Act, e *tribune.Evidence) {
			v := audited()
			spoil(&v)
			e.Verdict = signVerdict(t, v, d.auditor)
		}
	}
	ownKey := keyAs(t, "birmingham.example/model-auditor", d.keys[law.Planner])
	for _, c := range []struct {
		name, missing string // "" = permitted
		change        change
	}{
		{"audited, fresh and by the owner", "", nil},
		{"the other method that it covers", "", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication.Method = "lime" }},
		{"in the first second", "", resign(func(v *protocol.ModelVerdict) { v.From = now.Unix() })},
		{"in the last second", "", resign(func(v *protocol.ModelVerdict) { v.Until = now.Unix() + 1 })},

		{"no verdict", "no verdict was shown", func(_ *tribune.Act, e *tribune.Evidence) { e.Verdict = nil }},
		{"a verdict in the act that is not evidence", "no verdict was shown", func(a *tribune.Act, e *tribune.Evidence) { a.Publication.Verdict, e.Verdict = e.Verdict, nil }},
		{"stale", "the verdict ended", resign(func(v *protocol.ModelVerdict) { v.Until = now.Unix() })},
		{"not yet", "the verdict begins", resign(func(v *protocol.ModelVerdict) { v.From = now.Unix() + 1 })},
		{"for ever", "more than 366 days", resign(func(v *protocol.ModelVerdict) { v.Until = now.AddDate(100, 0, 0).Unix() })},
		{"another model's verdict", "about another model", resign(func(v *protocol.ModelVerdict) { v.Model[5] = 1 })},
		{"another model", "another model than the register's", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication.Hash[5] = 1 }},
		{"a model that is in no register", "not in the register of models", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication.Model = "elsewhere" }},
		{"another method", "does not cover this method", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication.Method = "shap" }},
		{"the defence left out", "does not cover this method", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication.Method = "gradient" }},
		{"a weaker defence", "does not cover this method", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication.Method = "gradient+noise:0.1" }},
		{"failed", "the audit failed", resign(func(v *protocol.ModelVerdict) { v.Passed = false })},
		{"laxer limits", "rests on other limits", resign(func(v *protocol.ModelVerdict) { v.Plan[5] = 1 })},
		{"signed by the publisher's own key under the auditor's name", "nobody has signed it", func(_ *tribune.Act, e *tribune.Evidence) { e.Verdict = signVerdict(t, audited(), ownKey) }},
		{"signed by the council", "nobody has signed it", func(_ *tribune.Act, e *tribune.Evidence) { e.Verdict = signVerdict(t, audited(), d.council) }},
		{"signed by the steward", "nobody has signed it", func(_ *tribune.Act, e *tribune.Evidence) { e.Verdict = signVerdict(t, audited(), d.steward) }},
		{"changed after it was signed", "nobody has signed it", func(_ *tribune.Act, e *tribune.Evidence) {
			v := audited()
			v.Passed = false
			e.Verdict = []byte(strings.Replace(string(signVerdict(t, v, d.auditor)), `"passed":false`, `"passed":true`, 1))
		}},
		{"too long", "nobody has signed it", func(_ *tribune.Act, e *tribune.Evidence) {
			e.Verdict = append(e.Verdict, make([]byte, protocol.MaxVerdictDoc)...)
		}},
		{"by another office", "alone publishes", func(a *tribune.Act, e *tribune.Evidence) {
			a.Caller.Actor, a.Caller.Office, e.Appointment = law.Inspector, "parking-inspector", d.appointments[string(law.Inspector)]
		}},
		{"for another purpose", "no policy permits", func(a *tribune.Act, e *tribune.Evidence) {
			a.Caller.Purpose, a.Caller.Mandate, e.Mandate = "plan-city", "mobility-study-2026", d.mandates["mobility-study-2026"]
		}},
		{"without a mandate", "no mandate was named", func(a *tribune.Act, e *tribune.Evidence) { a.Caller.Mandate, e.Mandate = "", nil }},
		{"about people", "touches nobody", func(a *tribune.Act, _ *tribune.Evidence) { a.Count = 1 }},
		{"about a class of data", "touches nobody and no class", func(a *tribune.Act, _ *tribune.Evidence) { a.Scope.Class = "parking-session" }},
		{"no file", "which file is published", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication.File = tribune.Hash{} }},
		{"nothing said", "does not say what is published", func(a *tribune.Act, _ *tribune.Evidence) { a.Publication = nil }},
		{"a decision that carries a verdict", "only an act that publishes", func(a *tribune.Act, _ *tribune.Evidence) { a.Kind = tribune.ActDecide }},
	} {
		act, e := d.publishing(t)
		if c.change != nil {
			c.change(&act, &e)
		}
		got := set.Decide(act, e)
		if got.Permit != (c.missing == "") || c.missing != "" && !strings.Contains(strings.Join(got.Missing, "\n"), c.missing) {
			t.Errorf("%s: permitted %t, missing %q; want %q", c.name, got.Permit, got.Missing, c.missing)
		}
	}
}

// keyAs makes a note secret key of an actor's key, under a name of their choice.
func keyAs(t testing.TB, name string, key ed25519.PrivateKey) string {
	t.Helper()
	vkey, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(vkey, "+")[1]
	return fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", name, hash, base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...)))
}

func TestNoPolicyOverridesAMissingVerdict(t *testing.T) {
	d := newDemo(t)
	files := d.amended(t, "policies/planning.cedar", "", "\n@id(\"all\")\n@because(\"Everything.\")\n@until(\"2027-12-31\")\npermit (principal, action, resource);\n")
	for name, trust := range map[string]policy.Trust{"with the floor": d.trust, "with a floor that says nothing of it": d.unpinned()} {
		if name != "with the floor" {
			text, _ := protocol.SplitDocument(files[policy.FileFloors])
			before, rest, _ := strings.Cut(text, `@id("floor-unaudited-explanation")`)
			_, after, _ := strings.Cut(rest, "@id(")
			files[policy.FileFloors] = sign(t, before+"@id("+after, d.steward)
		}
		set := load(t, files, trust)
		act, e := d.publishing(t)
		if got := set.Decide(act, e); !got.Permit {
			t.Fatalf("%s, audited: %q", name, got.Missing)
		}
		e.Verdict = nil
		if got := set.Decide(act, e); got.Permit {
			t.Errorf("%s: published without a verdict", name)
		}
	}
}

func TestRevokedVerdictCountsNoMoreAndWhoLoosensTheRegisterWaits(t *testing.T) {
	d := newDemo(t)
	old := load(t, d.files, d.trust)
	hash, err := audited().Hash()
	if err != nil {
		t.Fatal(err)
	}
	revoked := load(t, d.amended(t, policy.FileModels, "", "revoked = [\""+hash.String()+"\"]\n"), d.trust)
	act, e := d.publishing(t)
	if got := revoked.Decide(act, e); got.Permit || !slices.Contains(got.Missing, "the verdict was revoked") {
		t.Errorf("a revoked verdict: %+v", got)
	}
	if ok, why := policy.Tightens(old, revoked); !ok {
		t.Errorf("to revoke waits: %s", why)
	}
	if ok, _ := policy.Tightens(revoked, old); ok {
		t.Error("a verdict counts again at once")
	}
	for name, c := range map[string][2]string{
		"other limits":    {`plan = "02`, `plan = "03`},
		"another model":   {`sha256 = "01`, `sha256 = "04`},
		"a later end":     {"until = 2027-11-22", "until = 2028-11-22"},
		"another owner":   {`owner = "planner"`, `owner = "data-protection"`},
		"other words":     {`title = "Demand for parking"`, `title = "Nothing special"`},
		"a further model": {"", "\n[[model]]\nid = \"more\"\ntitle = \"More\"\npurpose = \"More.\"\nowner = \"planner\"\nkind = \"mlp\"\nsha256 = \"" + strings.Repeat("0a", 32) + "\"\nplan = \"" + strings.Repeat("0b", 32) + "\"\nauditor = \"birmingham.example/model-auditor\"\nuntil = 2027-01-01\n"},
	} {
		changed := load(t, d.amended(t, policy.FileModels, c[0], c[1]), d.trust)
		if ok, _ := policy.Tightens(old, changed); ok {
			t.Errorf("%s counts at once", name)
		}
	}
	fewer, _ := protocol.SplitDocument(d.files[policy.FileModels])
	fewer, _, _ = strings.Cut(fewer, "[[model]]")
	files := d.amended(t, policy.FileModels, "", "\n")
	files[policy.FileModels] = sign(t, fewer, d.steward)
	none := load(t, files, d.trust)
	if ok, why := policy.Tightens(old, none); !ok || none.Decide(act, e).Permit {
		t.Errorf("a model taken off the register: tightens %t (%s)", ok, why)
	}
	delete(files, policy.FileModels)
	if set := load(t, files, d.trust); len(set.Models()) != 0 {
		t.Error("models without a register")
	}
}

func TestRegisterOfModelsIsReadStrictly(t *testing.T) {
	d := newDemo(t)
	vkey := func(skey string) string {
		k, _ := protocol.SeedOf(skey)
		v, _ := note.NewEd25519VerifierKey(strings.Split(skey, "+")[2], k.Public().(ed25519.PublicKey))
		return v
	}
	for name, c := range map[string][4]string{
		"nobody's office":          {policy.FileModels, `owner = "planner"`, `owner = "nobody"`, "not in the register"},
		"council audits":           {policy.FileModels, "/model-auditor", "/council", "may not sign verdicts"},
		"no end":                   {policy.FileModels, "until =", "# until =", "has no end"},
		"no hash":                  {policy.FileModels, `sha256 = "01`, `sha256 = "0`, "is no SHA-256"},
		"one model, two limits":    {policy.FileModels, "", "\n[[model]]\nid = \"again\"\ntitle = \"A\"\npurpose = \"A.\"\nowner = \"planner\"\nkind = \"mlp\"\nsha256 = \"" + tribune.Hash{1}.String() + "\"\nplan = \"" + tribune.Hash{7}.String() + "\"\nauditor = \"birmingham.example/model-auditor\"\nuntil = 2027-01-01\n", "under another id"},
		"auditor signs more":       {policy.FileCity, `signs = ["verdicts"]`, `signs = ["verdicts", "mandates"]`, "an auditor is independent"},
		"auditor's key, two names": {policy.FileCity, "", "\n[[signer]]\nkey = \"" + vkey(keyAs(t, "other", seedOf(t, d.auditor))) + "\"\nsigns = [\"mandates\"]\n", "has the key of"},
	} {
		if _, err := policy.Load(d.amended(t, c[0], c[1], c[2]), d.trust); err == nil || !strings.Contains(err.Error(), c[3]) {
			t.Errorf("%s: %v, want %q", name, err, c[3])
		}
	}
	// A steward may list whoever they like as an auditor, in public and with 72 hours of notice. Who publishes is never their own auditor all the same.
	files := d.amended(t, policy.FileCity, "", "\n[[signer]]\nkey = \""+vkey(keyAs(t, "planner.example", d.keys[law.Planner]))+"\"\nsigns = [\"verdicts\"]\n")
	both := d.amended(t, policy.FileModels, "birmingham.example/model-auditor", "planner.example")
	files[policy.FileModels] = both[policy.FileModels]
	act, e := d.publishing(t)
	e.Verdict = signVerdict(t, audited(), keyAs(t, "planner.example", d.keys[law.Planner]))
	if got := load(t, files, d.trust).Decide(act, e); got.Permit || !strings.Contains(strings.Join(got.Missing, "\n"), "an auditor is somebody else") {
		t.Errorf("the publisher's own key as auditor: %+v", got)
	}
}

func seedOf(t testing.TB, skey string) ed25519.PrivateKey {
	t.Helper()
	k, err := protocol.SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
