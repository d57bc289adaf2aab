package portal

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/portal/browser"
	"tribune/protocol"
)

// kindsDeclared are the kinds of act that tribune.go declares, read from its source: what nobody has put into words must not go unseen.
func kindsDeclared(t *testing.T) (all []tribune.ActKind) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../tribune.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "ActKind" {
			for _, one := range v.Values {
				text, err := strconv.Unquote(one.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, tribune.ActKind(text))
			}
		}
		return true
	})
	if len(all) < 15 {
		t.Fatalf("only %d kinds of act were found: %v", len(all), all)
	}
	return all
}

// TestEveryKindOfEntryIsToldInPlainWords: on the page of the record, on an entry's page and in the kept verifier, in each language.
func TestEveryKindOfEntryIsToldInPlainWords(t *testing.T) {
	for _, k := range kindsDeclared(t) {
		if !slices.Contains(everyKind(), k) {
			t.Errorf("kind %s: everyKind does not know it", k)
		}
		english, means := kindWords(languages()[0], k)
		for _, w := range languages() {
			n := naming{w: w}
			title, said := kindWords(w, k)
			if title == "" || said == "" || n.kind(k) != title {
				t.Errorf("kind %s, %s: no words", k, w.Tag)
			}
			if w.Tag != "en" && (title == english || said == means) {
				t.Errorf("kind %s, %s: said in English: %q, %q", k, w.Tag, title, said)
			}
			done, refused := n.deed(entry{Kind: k, Permit: true, Count: 2}), n.deed(entry{Kind: k, Count: 2})
			if k != tribune.ActDisclose && (done == w.T("did an act of kind “%s”", title) || strings.Contains(done, "“"+string(k)+"”")) {
				t.Errorf("kind %s, %s: an entry says %q", k, w.Tag, done)
			}
			if own := [...]tribune.ActKind{tribune.ActRefusals, tribune.ActCeremony}; !slices.Contains(own[:], k) && done == refused {
				t.Errorf("kind %s, %s: what was refused is told as done: %q", k, w.Tag, refused)
			}
			file, err := Verifier(w.Tag)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(file), `data-word="k-`+string(k)+`"`) {
				t.Errorf("kind %s, %s: the kept verifier has no words for it", k, w.Tag)
			}
		}
	}
}

// TestKeptVerifierTellsEveryKind: what was checked is told in words, with what the entry makes public; of a kind that nobody knows by its id.
func TestKeptVerifierTellsEveryKind(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	public := map[tribune.ActKind]string{
		tribune.ActPublish: `{"file":"` + tribune.Hash{7}.String() + `","method":"gradient+clip:1","model":"parking-demand"}`, tribune.ActErase: `{"day":"2026-11-22","erased":[]}`,
		tribune.ActRefusals: `{"count":7,"day":"2026-11-21"}`, tribune.ActLaw: `{"set":{"not":"text"}}`,
	}
	kinds := append(kindsDeclared(t), "of-tomorrow")
	at := map[string]int{}
	for _, k := range kinds {
		one := leaf(k, true)
		one.Version, one.Act.ID, one.Act.Time = protocol.Version, protocol.NewID(), protocol.Time(now)
		one.Decision.Missing, one.Tags, one.Signature = []string{}, []tribune.Tag{}, make([]byte, 64)
		one.Public = json.RawMessage(public[k])
		data, err := one.Encode()
		if err != nil {
			t.Fatal(err)
		}
		at[string(k)] = l.append(data)
	}
	proofs := map[string]string{}
	for name, i := range at {
		proofs[name] = string(l.receipt(i, len(l.leaves), 0, 1, 2).Marshal())
	}
	for _, w := range languages() {
		p := browser.Open(t, keptVerifier(t, w.Tag), browser.Options{Lang: w.Tag})
		fill(t, p, l.trust, proofs, "")
		got := outcomes(t, p)
		for _, k := range kinds {
			title, means := kindWords(w, k)
			if title == "" {
				title = string(k)
			}
			if said := got[string(k)]; !strings.HasPrefix(said, "note ok") || !strings.Contains(said, title) || !strings.Contains(said, means) || strings.Contains(said, "k-"+string(k)) || strings.Contains(said, "p-"+string(k)) {
				t.Errorf("%s, %s: %q", k, w.Tag, said)
			}
		}
		for k, want := range map[tribune.ActKind][]string{tribune.ActPublish: {"parking-demand", "gradient+clip:1", tribune.Hash{7}.String()}, tribune.ActErase: {"2026-11-22"}, tribune.ActRefusals: {"2026-11-21", "7"}} {
			for _, text := range want {
				if !strings.Contains(got[string(k)], text) {
					t.Errorf("%s, %s: %q does not say %q", k, w.Tag, got[string(k)], text)
				}
			}
		}
	}
}
