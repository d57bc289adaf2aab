package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune/internal/client"
	"tribune/protocol"
)

// representativeActs: a court lets somebody act for the citizen, for real: they look, ask, and are given the trace key by guardians, by login and at the
// desk. The citizen sees all of it, and once the court ends it nothing works any more.
func representativeActs(t *testing.T, c *city, guest *client.Client) {
	dir := t.TempDir()
	doc, end := filepath.Join(dir, "doc.txt"), filepath.Join(dir, "end.txt")
	write := func(file string, args ...string) {
		t.Helper()
		r := tribune(t, dir, args...)
		if err := os.WriteFile(file, []byte(r.out), 0o600); err != nil || r.code != 0 {
			t.Fatalf("exit %d: %s (%v)", r.code, r.log, err)
		}
	}
	sign := func(who, file string) {
		t.Helper()
		if r := tribune(t, dir, "sign", "--key", filepath.Join(c.dir, "institutions", who+".key"), file); r.code != 0 {
			t.Fatalf("signing: %s", r.log)
		}
	}
	record := func(file string) result { return tribune(t, dir, "represent", "record", file, "--record", guest.Base) }
	write(doc, "represent", "new", "--city", "birmingham.example", "--basis", "court", "--ward", "plate="+resident(t, c), "--ward-called", "Alex", "--representative", "person=ruth.advocate",
		"--representative-called", "Ruth Advocate", "--scope", "access,key,look", "--until", time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
	write(end, "represent", "end", doc)
	own := filepath.Join(dir, "own.txt")
	write(own, "represent", "new", "--city", "birmingham.example", "--basis", "court", "--ward", "plate="+resident(t, c), "--ward-called", "Alex", "--representative", "person=ruth.advocate",
		"--representative-called", "Ruth Advocate", "--scope", "look", "--until", time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
	sign("steward", own)
	if r := record(own); r.code == 0 {
		t.Error("a representation that no registry and no court has signed is on record")
	}
	sign("court", doc)
	if r := record(doc); r.code != 0 || !strings.Contains(r.out, "is entry") {
		t.Fatalf("granting: %s%s", r.out, r.log)
	}
	id := regexp.MustCompile(`"id":"([0-9a-f]{32})"`).FindStringSubmatch(string(readFile(t, doc)))[1]

	home := localhost(guest.Base)
	ruth, alex := visitorAs(t, home, "representative"), visitorAs(t, home, "citizen")
	page := ruth.get(t, "/en/me/wards/"+id)
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)[1]
	if looked := ruth.post(t, "/en/me/wards/"+id+"/look", url.Values{"csrf": {token}}); !strings.Contains(looked, "Your look is entry") || !strings.Contains(looked, "looked up data about Alex") {
		t.Errorf("the look shows %.400s", looked)
	}
	if asked := ruth.post(t, "/en/me/wards/"+id+"/cases", url.Values{"csrf": {token}, "kind": {"access"}}); !strings.Contains(asked, "Asked by") {
		t.Errorf("the request shows %.400s", asked)
	}
	if beyond := ruth.post(t, "/en/me/wards/"+id+"/cases", url.Values{"csrf": {token}, "kind": {"erasure"}}); !strings.Contains(beyond, "does not extend") {
		t.Errorf("beyond the scope: %.400s", beyond)
	}

	var group protocol.Group
	if err := json.Unmarshal(get(t, guest, "/group").Body, &group); err != nil {
		t.Fatal(err)
	}
	trust, key := filepath.Join(c.dir, "trust.txt"), filepath.Join(dir, "ward.trace")
	recoverKeyAs(t, "representative", "--trust", trust, "--out", key, "--record", guest.Base, "--for", doc)
	found := tribune(t, dir, "trace", "--trust", trust, "--key", key, "--record", guest.Base)
	if found.code != 0 || strings.Count(found.out, "whoever may act for them") != 4 {
		t.Errorf("with the ward's key: exit %d, want 4 deeds: %s%s", found.code, found.out, found.log)
	}
	c.deskForWard(t, group, doc, filepath.Join(dir, "desk.trace"))

	for _, path := range []string{"/en/me", "/en/me/representatives"} {
		if seen := alex.get(t, path); !strings.Contains(seen, "Ruth Advocate") || !strings.Contains(seen, "looked at who used the data") || !strings.Contains(seen, "asked the guardians for the trace key") {
			t.Errorf("the ward sees on %s: %.300s", path, seen)
		}
	}
	if cases := alex.get(t, "/en/me/cases"); !strings.Contains(cases, "by a representative") {
		t.Errorf("the ward's cases: %.300s", cases)
	}

	sign("court", end)
	if r := record(end); r.code != 0 {
		t.Fatalf("ending: %s%s", r.out, r.log)
	}
	if after := ruth.get(t, "/en/me/wards/"+id); strings.Contains(after, "Look, and have it recorded") {
		t.Error("after its end they can still look")
	}
	if r := tribune(t, dir, "trace", "desk", "--trust", trust, "--record", guest.Base, "--session", filepath.Join(dir, "late"), "--for", doc); r.code == 0 {
		t.Error("after its end the city still puts on record that the key is asked for")
	}
}

// deskForWard: two guardians look at the representative's papers.
func (c *city) deskForWard(t *testing.T, group protocol.Group, doc, out string) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"trace", "desk", "--trust", filepath.Join(c.dir, "trust.txt"), "--record", c.as(t, "").Base, "--session", filepath.Join(dir, "case")}
	said := tribune(t, dir, append(args, "--for", doc)...)
	for round := range 2 {
		line := regexp.MustCompile(`guardian person desk (.*)`).FindStringSubmatch(said.out)
		if line == nil || said.code != 0 {
			t.Fatalf("round %d of the desk: exit %d: %s%s", round+1, said.code, said.out, said.log)
		}
		next := args
		for n := range 2 {
			config := filepath.Join(c.dir, "guardians", fmt.Sprint(n+1))
			own := filepath.Join(dir, fmt.Sprint("guardian", n, ".toml"))
			if err := os.WriteFile(own, []byte(fmt.Sprintf("dir = %q\n", config)), 0o600); err != nil {
				t.Fatal(err)
			}
			answer := filepath.Join(dir, fmt.Sprint("answer", round, n))
			r := shell(t, dir, binary+" guardian person desk "+strings.Replace(line[1], "guardian.toml", own, 1))
			if r.code != 0 {
				t.Fatalf("guardian %d: %s%s", n+1, r.out, r.log)
			}
			if err := os.WriteFile(answer, []byte(r.out), 0o600); err != nil {
				t.Fatal(err)
			}
			next = append(next[:len(next):len(next)], "--answer", answer)
		}
		said = tribune(t, dir, append(next, "--out", out)...)
	}
	if said.code != 0 || !strings.Contains(said.out, "is in "+out) {
		t.Errorf("the desk: exit %d: %s%s", said.code, said.out, said.log)
	}
}

// visited is a browser of few words.
type visited struct {
	*http.Client
	home string
}

func visitorAs(t *testing.T, home, person string) visited {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := visited{&http.Client{Jar: jar, Timeout: patience}, home}
	page, err := v.Get(home + "/login/start?provider=demo")
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	at := *page.Request.URL
	v.home = at.Scheme + "://" + at.Host
	v.post(t, at.Path, url.Values{"person": {person}})
	v.home = home
	return v
}

func (v visited) get(t *testing.T, path string) string {
	t.Helper()
	return v.read(t, http.MethodGet, path, nil)
}

func (v visited) post(t *testing.T, path string, form url.Values) string {
	t.Helper()
	return v.read(t, http.MethodPost, path, form)
}

func (v visited) read(t *testing.T, method, path string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, v.home+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.home)
	}
	resp, err := v.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
