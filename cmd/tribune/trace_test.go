package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tribune/internal/client"
	"tribune/protocol"
)

// citizenTraces: a citizen gets their key from two guardians and finds who used their data, and the city is asked for neither.
func citizenTraces(t *testing.T, c *city, guest *client.Client) {
	plate := resident(t, c)
	for range 2 {
		poll(t, "an inspector to ask", func() bool {
			return tribune(t, t.TempDir(), "ask", "--dir", c.dir, "--as", "inspector-ward", "--plate", plate).code == 0
		}, func() string { return "refused" })
	}
	var group protocol.Group
	if err := json.Unmarshal(get(t, guest, "/group").Body, &group); err != nil {
		t.Fatal(err)
	}
	trust, key := filepath.Join(c.dir, "trust.txt"), filepath.Join(t.TempDir(), "my.trace")
	recoverKey(t, "--trust", trust, "--out", key, "--guardian", group.Guardians[1].URL, "--guardian", group.Guardians[2].URL)

	mirrors := []string{"trace", "--trust", trust, "--key", key, "--json"}
	for _, m := range group.Guardians {
		mirrors = append(mirrors, "--mirror", m.URL)
	}
	r := tribune(t, t.TempDir(), mirrors...)
	var said struct {
		Traces []struct {
			Identity struct{ Kind int }
			Uses     []struct{ Act protocol.Leaf }
			Findings []struct{ What string }
		}
	}
	if err := json.Unmarshal([]byte(r.out), &said); err != nil || r.code != 0 {
		t.Fatalf("exit %d: %s%s (%v)", r.code, r.out, r.log, err)
	}
	if mine := said.Traces[0]; mine.Identity.Kind != 3 || len(mine.Uses) < 2 || mine.Uses[0].Act.Act.Office != "parking-inspector" || len(mine.Findings) != 0 {
		t.Errorf("found %+v", mine)
	}
	whole := tribune(t, t.TempDir(), "trace", "--trust", trust, "--key", key, "--record", filepath.Join(c.dir, "hub", "log"), "--full")
	if whole.code != 0 || !strings.Contains(whole.out, fmt.Sprintf("Uses of your data: %d on record.", len(said.Traces[0].Uses))) {
		t.Errorf("the whole record, offline: exit %d: %s%s", whole.code, whole.out, whole.log)
	}
	if sheet := tribune(t, t.TempDir(), append(mirrors[:len(mirrors):len(mirrors)], "--json=false", "--print")...); sheet.code != 0 || !strings.Contains(sheet.out, "looked up data about you") {
		t.Errorf("on paper: exit %d: %s%s", sheet.code, sheet.out, sheet.log)
	}
	lyingMirrors(t, mirrors[:6], group)
}

// lyingMirrors serve buckets of the index with one more entry. Alone they are found out; beside an honest one they are named.
func lyingMirrors(t *testing.T, args []string, group protocol.Group) {
	var liars []string
	for _, m := range group.Guardians[:3] {
		at, err := url.Parse(m.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(at)
		proxy.ModifyResponse = func(r *http.Response) error {
			if strings.Count(r.Request.URL.Path, "/") == 4 && strings.HasPrefix(r.Request.URL.Path, "/trace/") {
				body, err := io.ReadAll(r.Body)
				r.Body = io.NopCloser(strings.NewReader(string(body) + strings.Repeat("\xff", protocol.IndexEntrySize)))
				r.ContentLength = -1
				r.Header.Del("Content-Length")
				return err
			}
			return nil
		}
		server := httptest.NewServer(proxy)
		t.Cleanup(server.Close)
		liars = append(liars, "--mirror", server.URL)
	}
	alone := tribune(t, t.TempDir(), append(args[:len(args):len(args)], liars...)...)
	if alone.code != 3 || !strings.Contains(alone.log, "do not lead to the root of the index") {
		t.Errorf("liars alone: exit %d: %s%s", alone.code, alone.out, alone.log)
	}
	beside := tribune(t, t.TempDir(), append(append(args[:len(args):len(args)], liars...), "--mirror", group.Guardians[3].URL)...)
	if beside.code != 3 || !strings.Contains(beside.out, `"kind":"bucket"`) || !strings.Contains(beside.out, `"n":2`) {
		t.Errorf("liars beside an honest mirror: exit %d: %s%s", beside.code, beside.out, beside.log)
	}
}

// recoverKey runs tribune trace recover, and logs in as the citizen with a browser of few words.
func recoverKey(t *testing.T, args ...string) {
	t.Helper()
	recoverKeyAs(t, "citizen", args...)
}

func recoverKeyAs(t *testing.T, person string, args ...string) {
	t.Helper()
	var log, out output
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"trace", "recover"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &out, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var at string
	poll(t, "an address to log in at", func() bool {
		at = regexp.MustCompile(`http://\S+/authorize\?\S+`).FindString(log.String())
		return at != ""
	}, log.String)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: patience}
	page, err := browser.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	press, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page.Request.URL.String(), strings.NewReader("person="+person))
	if err != nil {
		t.Fatal(err)
	}
	press.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	press.Header.Set("Origin", page.Request.URL.Scheme+"://"+page.Request.URL.Host)
	answer, err := browser.Do(press)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if err := <-done; err != nil {
		t.Fatalf("recover: %v: %s%s", err, out.String(), log.String())
	}
}
