package main_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune/internal/portal/browser"
)

// A stranger's first ten minutes, in a real browser on a real demo: find a car park, see its history, log in as a citizen, see
// a use of one's data, verify it, take everything along; then, as a journalist, find the policy that allowed it and the
// officer's office. Each step goes by what the page shows.
func TestStrangersTenMinutes(t *testing.T) {
	b := browser.Start(t)
	c := newCity(t)
	c.start(t, "--patrol", "5s")
	home := localhost(c.as(t, "").Base)
	p := b.Open(t, home+"/", browser.Options{})

	step := func(name string, walk func(t *testing.T)) {
		if !t.Run(name, walk) {
			t.Fatalf("the stranger is lost at: %s", name)
		}
	}
	step("finds a car park", func(t *testing.T) {
		browser.Eval[bool](t, p, `(document.querySelector("#find-name").focus(), true)`)
		p.Press(t, "bull")
		p.Follow(t, "#find button")
		p.Follow(t, `main a[href*="/entities/urn:ngsi-ld:OffStreetParking"]`)
		shows(t, p, "Bull Ring")
	})
	step("sees its history", func(t *testing.T) {
		shows(t, p, "History")
		p.Wait(t, `document.querySelectorAll("main table tbody tr").length > 0`)
		p.Clean(t) // from here on there is the provider, too
	})
	step("logs in as a citizen", func(t *testing.T) {
		logIn(t, p, home, "citizen")
		p.Go(t, home+"/me")
		shows(t, p, "My data")
	})
	step("sees a use of their data", func(t *testing.T) {
		for range 20 {
			if strings.Contains(p.Text(t), "looked up data about you") {
				break
			}
			p.Go(t, home+"/me")
		}
		shows(t, p, "Parking inspector looked up data about you", "Parking enforcement", "Decision of the city council on parking enforcement")
	})
	step("verifies it in the browser", func(t *testing.T) {
		p.Click(t, "[data-check]")
		p.Wait(t, `document.body.innerText.includes("Everything holds.")`)
		p.Click(t, "#complete [data-of]")
		p.Wait(t, `!document.querySelector("#go").hidden`)
		p.Click(t, "#go")
		p.Wait(t, `document.querySelector("#complete-result").innerText.includes("the list is complete")`)
	})
	step("makes a key of their own", func(t *testing.T) {
		p.Go(t, home+"/account")
		p.Click(t, "#make-key")
		p.Wait(t, `document.readyState == "complete" && document.querySelector('main a[href*="/record/entries/"]') != null`)
	})
	step("takes everything along", func(t *testing.T) {
		p.Go(t, home+"/me/export")
		archive := browser.Eval[string](t, p, `(async () => {
			const form = document.querySelector('form[action*="/me/export"]:not([hidden])');
			const res = await fetch(form.action, {method: form.method, body: form.method == "post" ? new URLSearchParams(new FormData(form)) : undefined});
			const bytes = new Uint8Array(await res.arrayBuffer());
			return Array.from(bytes, b => String.fromCharCode(b)).join("");
		})()`)
		checkArchive(t, latin1(archive))
		// What is offered as a file is looked into: the page's own policy lets nobody fetch it.
		browser.Eval[bool](t, p, `(() => { const make = URL.createObjectURL; window.offered = []; URL.createObjectURL = b => { offered.push(b); return make(b); }; return true; })()`)
		p.Click(t, ".opening [data-of]")
		p.Wait(t, `document.querySelector(".opening .act button") != null`)
		shows(t, p, "This is what you sign")
		p.Click(t, ".opening .act button")
		p.Wait(t, `document.querySelector(".opening .result a[download]") != null`)
		saved := browser.Eval[string](t, p, `offered[0].text()`)
		plate, err := os.ReadFile(filepath.Join(c.dir, "sim", "resident"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(saved, strings.TrimSpace(string(plate))) || !strings.Contains(saved, "ParkingSession") {
			t.Errorf("the copy holds nothing of the person it is of: %.300s", saved)
		}
	})
	step("sees their own look as a use, too", func(t *testing.T) {
		p.Go(t, home+"/me")
		shows(t, p, "You looked at your own data", "Right of access")
	})
	step("comes back as a journalist and finds policy and office", func(t *testing.T) {
		p.Follow(t, ".who form button")
		logIn(t, p, home, "journalist")
		p.Go(t, home+"/record?office=parking-inspector")
		p.Follow(t, `main a[href*="/record/entries/"]`)
		shows(t, p, "Parking inspector", "How it was decided")
		entry := browser.Eval[string](t, p, "location.href")
		p.Follow(t, `main a[href*="/registers/policies/inspector-looks-up-sessions"]`)
		shows(t, p, "A parking inspector may see where and how long a vehicle has parked", "permit (")
		p.Go(t, entry)
		p.Follow(t, `main a[href*="/registers/offices/parking-inspector"]`)
		shows(t, p, "look up the parking sessions of a vehicle")
	})
	c.interrupt(t)
}

// logIn goes through the demo's provider as one of its people.
func logIn(t *testing.T, p *browser.Page, home, person string) {
	t.Helper()
	p.Go(t, home+"/login")
	p.Follow(t, `a[href^="/login/start"]`)
	p.Follow(t, `button[value="`+person+`"]`)
	p.Wait(t, `location.origin == "`+home+`"`)
}

// shows waits until the page says what it should.
func shows(t *testing.T, p *browser.Page, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if flat := strings.Join(strings.Fields(p.Text(t)), " "); !strings.Contains(flat, text) {
			t.Errorf("the page does not say %q; it says: %.1500s", text, flat)
		}
	}
}

func localhost(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }

// latin1 undoes what carries bytes through a JavaScript string.
func latin1(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		out = append(out, byte(r))
	}
	return out
}

// checkArchive: the archive of what is known without opening anything has readable files, and proofs.
func checkArchive(t *testing.T, data []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("the archive cannot be read: %v", err)
	}
	names := map[string]int{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil || len(content) == 0 {
			t.Errorf("%s: %d bytes, %v", f.Name, len(content), err)
		}
		names[filepath.Ext(f.Name)]++
	}
	if names[".json"] == 0 || names[".csv"] == 0 || names[".tlog"] == 0 {
		t.Errorf("the archive holds %v; want tables, data and proofs", names)
	}
}
