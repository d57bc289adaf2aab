package provider

import (
	"net/http"
	"strings"
	"testing"
)

func TestPageSpeaksTheReadersLanguage(t *testing.T) {
	rp := start(t)
	for name, c := range map[string]struct{ accept, locales, want string }{
		"nothing said":         {"", "", "en"},
		"German":               {"de-AT,de;q=0.9,en;q=0.5", "", "de"},
		"German second":        {"fr;q=0.9,de;q=0.8", "", "de"},
		"neither":              {"ja", "", "en"},
		"nonsense":             {";;q=x, \xff", "", "en"},
		"the client's wish":    {"en", "de", "de"},
		"a wish for something": {"de", "ja", "de"},
	} {
		t.Run(name, func(t *testing.T) {
			rp := rp.in(t)
			a := rp.send("GET", rp.begin("ui_locales", c.locales), nil, "Accept-Language", c.accept)
			sentence := map[string]string{"en": english().Demo, "de": german().Demo}[c.want]
			if a.status != http.StatusOK || a.header.Get("Content-Language") != c.want || !strings.Contains(a.body, `<html lang="`+c.want+`">`) || !strings.Contains(a.body, sentence) {
				t.Errorf("%d %v %s", a.status, a.header, a.body)
			}
		})
	}
}

func TestPageSaysWhoAndForWhat(t *testing.T) {
	rp := start(t)
	a := rp.send("GET", rp.begin("authorization_details", details), nil)
	for _, want := range []string{
		"Demo only: no password; a real city connects its own provider.", hub,
		"<code>enforce-parking</code>", "<code>parking-enforcement-2026</code>",
		"Verified: plate AB12CDE.", english().Roles["journalist"],
		`<button name="person" value="inspector" aria-describedby="about-inspector"><span>Log in as</span> Ines Inspector</button>`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, a.body)
		}
	}
	if n := strings.Count(a.body, "Verified:"); n != 1 {
		t.Errorf("%d people have verified names, want the citizen alone", n)
	}
	plain := rp.send("GET", rp.begin(), nil)
	if strings.Contains(plain.body, english().Asked) {
		t.Error("a page without authorization_details speaks of them")
	}
}
