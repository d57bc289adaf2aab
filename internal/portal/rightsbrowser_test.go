package portal

import (
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"tribune/internal/portal/browser"
	"tribune/internal/rights"
	"tribune/protocol"
)

// pressable is what a browser says of one button.
type pressable struct {
	Text                     string
	Width, Height            float64
	Colour, Ground, Border   string
	Font, Weight, Decoration string
	Contrast                 float64
	Order                    int // among what the tab key reaches
	Checked                  bool
}

const measureChoices = `(() => {
  const lum = (c) => { const [r, g, b] = c.match(/[\d.]+/g).map(Number).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const reach = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter((e) => !e.disabled && e.tabIndex >= 0);
  return [...document.querySelectorAll("form.yesno button")].map((e) => {
    const box = e.getBoundingClientRect(), s = getComputedStyle(e);
    const a = lum(s.color), b = lum(s.backgroundColor);
    return { Text: e.innerText, Width: box.width, Height: box.height, Colour: s.color, Ground: s.backgroundColor, Border: s.border, Font: s.fontSize, Weight: s.fontWeight, Decoration: s.textDecorationLine,
      Contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), Order: reach.indexOf(e), Checked: e.matches(":focus, [autofocus], [aria-pressed=true]") };
  });
})()`

// TestRefusingIsAsEasyAsAccepting: yes and no take one press each, are buttons of one size, one colour and one contrast, stand next to each
// other in the order of the keyboard, and neither is chosen before the person chooses. Withdrawing takes one press, too.
func TestRefusingIsAsEasyAsAccepting(t *testing.T) {
	c := newWatchedCity(t)
	f := c.withRights(t)
	c.cfg.Keys.(*fakeKeys).atOnce = true
	b := browser.Start(t)
	for _, look := range []struct {
		name string
		browser.Options
	}{{"light", browser.Options{}}, {"dark", browser.Options{Dark: true}}, {"phone", browser.Options{Width: 390, Height: 844, Lang: "de"}}} {
		p := c.tab(t, b, "ada", look.Options)
		p.Go(t, c.server.URL+"/me/consents")
		all := browser.Eval[[]pressable](t, p, measureChoices)
		if len(all) != 2 {
			t.Fatalf("%s: %d buttons, want a yes and a no: %+v", look.name, len(all), all)
		}
		no, yes := all[0], all[1]
		same := no
		same.Text, same.Order, same.Width, same.Height, same.Contrast = yes.Text, yes.Order, yes.Width, yes.Height, yes.Contrast
		if same != yes {
			t.Errorf("%s: they look different: %+v and %+v", look.name, no, yes)
		}
		if math.Abs(no.Width-yes.Width) > 0.5 || math.Abs(no.Height-yes.Height) > 0.5 || no.Width < 24 || no.Height < 24 {
			t.Errorf("%s: no is %.1f by %.1f, yes %.1f by %.1f", look.name, no.Width, no.Height, yes.Width, yes.Height)
		}
		if math.Abs(no.Contrast-yes.Contrast) > 0.01 || no.Contrast < 4.5 {
			t.Errorf("%s: contrast of no %.2f, of yes %.2f", look.name, no.Contrast, yes.Contrast)
		}
		if yes.Order != no.Order+1 || no.Checked || yes.Checked {
			t.Errorf("%s: keyboard order %d and %d, chosen %v and %v", look.name, no.Order, yes.Order, no.Checked, yes.Checked)
		}
	}
	p := c.tab(t, b, "ada", browser.Options{})
	p.Go(t, c.server.URL+"/account")
	p.Follow(t, "#make-key")
	says(t, p, ".keys", "in this browser")
	answer := func(value, state string) {
		t.Helper()
		p.Go(t, c.server.URL+"/me/consents")
		p.Follow(t, `form.yesno button[value="`+value+`"]`) // one press
		says(t, p, "tbody td", state)
	}
	answer("no", "not permitted")
	answer("yes", "permitted")
	given := f.room.Answers(f.Owner(&ada))
	if len(given) != 1 || given[0].State(time.Now()) != rights.ConsentGiven {
		t.Fatalf("after one press of yes: %+v", given)
	}
	shot(t, p, "consents-given")
	p.Follow(t, `form[action$="/withdraw"] button`) // one press
	says(t, p, "tbody td", "withdrawn")
	if s := f.room.Answers(f.Owner(&ada))[0].State(time.Now()); s != rights.ConsentWithdrawn {
		t.Errorf("after one press of withdraw it is %s", s)
	}
	p.Clean(t)
}

// TestOfficeAnswersInTheBrowser: the office signs its answer with the key of its browser, and the person reads it.
func TestOfficeAnswersInTheBrowser(t *testing.T) {
	c := newWatchedCity(t)
	f := c.withRights(t)
	b := browser.Start(t)
	tag := protocol.UseTag(traceKey(1), 1).String()
	ask := c.tab(t, b, "ada", browser.Options{})
	ask.Go(t, c.server.URL+"/me/uses/"+tag)
	ask.Follow(t, "form.why button")
	says(t, ask, "main", "days left")
	p := c.tab(t, b, "ward", browser.Options{})
	p.Go(t, c.server.URL+"/account")
	p.Follow(t, "#make-key")
	says(t, p, ".keys", "in this browser")
	p.Go(t, c.server.URL+"/desk/cases")
	p.Follow(t, "tbody a")
	says(t, p, "#read", "Read it")
	shot(t, p, "deskcase-unread")
	p.Follow(t, "form.asking button")
	says(t, p, "#sign-panel", "This is what you sign")
	p.Follow(t, "#sign-now")
	browser.Eval[bool](t, p, `(() => { document.querySelector("input[value=answered]").checked = true; document.querySelector("#text").value = "We checked whether it had paid."; return true })()`)
	p.Follow(t, "form.asking button")
	says(t, p, "#sign-panel", "This is what you sign")
	shot(t, p, "deskcase-act")
	p.Follow(t, "#sign-now")
	says(t, p, "main", "answered")
	ask.Go(t, c.server.URL+"/me/cases")
	ask.Follow(t, "tbody a")
	says(t, ask, ".timeline", "We checked whether it had paid.")
	shot(t, ask, "case-answered")
	if f.decided != 2 {
		t.Errorf("%d acts on record, want 2: reading and answering", f.decided)
	}
	p.Clean(t)
	ask.Clean(t)
}

// TestRightsPagesCanBeReadByEveryone: every page of rights, light, dark, on a phone and without scripts.
func TestRightsPagesCanBeReadByEveryone(t *testing.T) {
	c := newWatchedCity(t)
	c.withRights(t)
	c.cfg.Recipients = fakeRecipients{}
	b := browser.Start(t)
	c.key(t, &ada, 1)
	c.key(t, &ward, 3)
	at := c.sent(t, &ada, "/me/cases", url.Values{"kind": {"restriction"}, "of": {"0"}, "class": {"parking-session"}, "text": {"Somebody else drove. Please stop using it until that is settled."}})
	why := c.sent(t, &ada, "/me/uses/"+protocol.UseTag(traceKey(1), 1).String()+"/why", url.Values{})
	for _, who := range []struct {
		name string
		browser.Options
	}{
		{"light", browser.Options{}}, {"dark", browser.Options{Dark: true}}, {"phone", browser.Options{Width: 390, Height: 844, Lang: "de"}},
		{"narrow", browser.Options{Width: 320, Height: 640}}, {"plain", browser.Options{NoScript: true}},
	} {
		for _, page := range []struct{ name, as, path string }{
			{"rights", "nobody", "/rights"}, {"cases", "ada", "/me/cases"}, {"case", "ada", at}, {"consents", "ada", "/me/consents"},
			{"deskcases", "ward", "/desk/cases"}, {"deskcase", "ward", strings.Replace(why, "/me/", "/desk/", 1)}, {"mewhy", "ada", "/me"},
			{"recipients", "ada", "/me/recipients"}, {"notices", "ward", "/desk/notices"}, {"notice", "ward", "/desk/notices/" + fakeRecipients{}.lines()[0].ID}, {"tracekey", "nobody", "/trace-key"},
			{"breach", "ward", "/desk/breach?kind=hub&from=2020-01-01T00:00&until=2099-01-01T00:00&aware=2026-11-22T08:00"},
		} {
			t.Run(page.name+"-"+who.name, func(t *testing.T) {
				p := c.tab(t, b, page.as, who.Options)
				p.Go(t, c.server.URL+page.path)
				p.Fits(t)
				if !who.NoScript {
					p.Axe(t)
				}
				if who.name == "light" {
					p.Walk(t)
				}
				p.Clean(t)
				shot(t, p, page.name+"-"+who.name)
			})
		}
	}
}
