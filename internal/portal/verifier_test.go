package portal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/portal/browser"
	"tribune/protocol"
)

// keptVerifier is the verifier as a person keeps it: a file on their disk.
func keptVerifier(t *testing.T, lang string) string {
	t.Helper()
	file, err := Verifier(lang)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "verifier.html")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + path
}

// fill puts a trust file, proofs by file name and a trace key into the verifier, and has it check.
func fill(t *testing.T, p *browser.Page, trust string, proofs map[string]string, key string) {
	t.Helper()
	input, err := json.Marshal(map[string]any{"trust": trust, "proofs": proofs, "key": key})
	if err != nil {
		t.Fatal(err)
	}
	browser.Eval[bool](t, p, `(() => {
		const given = `+string(input)+`;
		document.getElementById("trust-text").value = given.trust;
		document.getElementById("key-text").value = given.key;
		const files = new DataTransfer();
		for (const name of Object.keys(given.proofs).sort()) files.items.add(new File([given.proofs[name]], name));
		document.getElementById("proofs-file").files = files.files;
		document.getElementById("check").click();
		return true;
	})()`)
	p.Wait(t, `!document.getElementById("check").disabled`)
}

// outcomes are what the verifier says of each thing it checked: its title, and whether it holds.
func outcomes(t *testing.T, p *browser.Page) map[string]string {
	t.Helper()
	return browser.Eval[map[string]string](t, p, `Object.fromEntries([...document.querySelectorAll("#results article")].map(a =>
		[a.querySelector("h3").textContent, (a.querySelector(".note")?.className ?? "") + ": " + a.innerText]))`)
}

func TestKeptVerifierChecksWithoutAnyNetwork(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	mine := traceKey(1)
	l.grow(5)
	first, second := l.use(protocol.UseTag(mine, 1)), l.use(protocol.UseTag(mine, 3))
	l.grow(30)
	forged := l.receipt(second, 30, 0, 1, 2)
	forged.Extra = []byte(strings.Replace(string(forged.Extra), "parking-inspector", "parking-inspectoR", 1))
	good := string(l.receipt(first, 30, 0, 1, 2).Marshal())
	p := browser.Open(t, keptVerifier(t, "en"), browser.Options{})

	fill(t, p, l.trust, map[string]string{
		"a-first.tlog": good, "b-second.tlog": string(l.receipt(second, 30, 0, 1, 2).Marshal()), "c-others.tlog": string(l.receipt(2, 30, 0, 1, 3).Marshal()),
	}, base64.StdEncoding.EncodeToString(mine))
	got := outcomes(t, p)
	for title, want := range map[string][2]string{
		"a-first.tlog": {"note ok", "mark number 1"}, "b-second.tlog": {"note ok", "mark number 3"}, "c-others.tlog": {"note ok", "not about you"},
		"About you": {"note warn", "not among the proofs: 2"}, "All in all": {"note ok", "3 of 3"},
	} {
		if !strings.HasPrefix(got[title], want[0]) || !strings.Contains(got[title], want[1]) {
			t.Errorf("%s: %q, want %q with %q", title, got[title], want[0], want[1])
		}
	}

	fill(t, p, l.trust, map[string]string{"forged.tlog": string(forged.Marshal()), "few.tlog": string(l.receipt(first, 30, 0, 1).Marshal()), "good.tlog": good}, "")
	got = outcomes(t, p)
	for title, want := range map[string]string{"forged.tlog": "note no", "few.tlog": "note no", "good.tlog": "note ok", "All in all": "note no"} {
		if !strings.HasPrefix(got[title], want) {
			t.Errorf("%s: %q, want %q", title, got[title], want)
		}
	}
	if dir := os.Getenv("TRIBUNE_PICTURES"); dir != "" {
		p.Screenshot(t, filepath.Join(dir, "verifier-checked.png"))
	}
	fill(t, p, "log nonsense\n", map[string]string{"good.tlog": good}, "")
	if got = outcomes(t, p); !strings.HasPrefix(got["All in all"], "note no") {
		t.Errorf("with a broken trust file: %q", got)
	}
	if tried := browser.Eval[string](t, p, `fetch("https://example.org/").then(() => "sent", () => "refused")`); tried != "refused" {
		t.Error("the kept verifier may speak to the network")
	}
}

// The file that tribune trace recover writes is what people have, and a key in hex is what some have kept.
func TestKeptVerifierTakesTheFileOfTheProgram(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	quarter, err := protocol.ParseQuarter("2026-Q3")
	if err != nil {
		t.Fatal(err)
	}
	file := protocol.TraceKeys{City: "birmingham.example", Keys: []protocol.KeptKey{
		{D: bytes.Repeat([]byte{5}, 48), Identity: tribune.Identity{Kind: tribune.IdentityTrace}}, {D: bytes.Repeat([]byte{6}, 48), Identity: tribune.Identity{Kind: tribune.IdentityHidden, Quarter: quarter}},
	}}
	var at []int
	for i, k := range file.Keys {
		key, err := protocol.TraceKey(k.D)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, l.use(protocol.UseTag(key, uint64(i+1))))
	}
	kept, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	proofs := map[string]string{}
	for i, name := range []string{"own", "hidden"} {
		proofs[name] = string(l.receipt(at[i], 2, 0, 1, 2).Marshal())
	}
	p := browser.Open(t, keptVerifier(t, "en"), browser.Options{})
	fill(t, p, l.trust, proofs, string(kept))
	got := outcomes(t, p)
	for title, want := range map[string]string{"own": "mark number 1, computed", "hidden": "mark number 2 of the uses that were hidden until 2026-Q3", "About you": "Your uses 1 to 1 are all here"} {
		if !strings.HasPrefix(got[title], "note ok") || !strings.Contains(got[title], want) {
			t.Errorf("%s: %q, want %q", title, got[title], want)
		}
	}
	fill(t, p, l.trust, proofs, hex.EncodeToString(file.Keys[0].D))
	if got = outcomes(t, p); !strings.Contains(got["own"], "mark number 1, computed") || !strings.Contains(got["hidden"], "not about you") {
		t.Errorf("with the key in hex: %q", got)
	}
	fill(t, p, l.trust, proofs, `{"keys":[]}`)
	if got = outcomes(t, p); !strings.Contains(got["All in all"], "no trace key") {
		t.Errorf("with no key at all: %q", got["All in all"])
	}
}

func TestKeptVerifierIsForEveryone(t *testing.T) {
	for _, o := range []browser.Options{{Lang: "en"}, {Lang: "de", Dark: true, Width: 360, Height: 780}} {
		p := browser.Open(t, keptVerifier(t, o.Lang), o)
		p.Axe(t)
		p.Fits(t)
		p.Clean(t)
		if dir := os.Getenv("TRIBUNE_PICTURES"); dir != "" {
			p.Screenshot(t, filepath.Join(dir, "verifier-"+o.Lang+".png"))
		}
	}
}

func TestVerifierIsADownloadInTheReadersLanguage(t *testing.T) {
	p, err := New(testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "de"} {
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+lang+"/verifier.html", nil))
		want, err := Verifier(lang)
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusOK || w.Body.String() != string(want) || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: status %d, %d bytes, %q; want the file that the command prints, as a download", lang, w.Code, w.Body.Len(), w.Header().Get("Content-Disposition"))
		}
	}
	if _, err := Verifier("xx"); err == nil {
		t.Error("a language that nobody wrote has a verifier")
	}
}
