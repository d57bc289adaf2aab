package main_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// perKind bounds how many pages of one kind are fetched: a city has thousands of entities, and one template for each type.
const perKind = 8

// site is a running city's pages, found by their own links as one visitor sees them.
type site struct {
	home    string
	cookies []*http.Cookie
	entries map[string]string // what kind of entry of the record an index is
	pages   map[string]page   // by kind, the fullest of those fetched
	fetched map[string]int
	known   map[string]page // of another visitor, not to be fetched again
}

// page is where a page is, without language.
type page struct {
	path string
	size int
}

// newSite begins with what the record holds: each kind of entry has a page that says other things.
func newSite(t *testing.T, home string) *site {
	t.Helper()
	s := &site{home: home, entries: map[string]string{}, pages: map[string]page{}, fetched: map[string]int{}}
	seen := map[string]int{}
	for at := "/record.json?all=1"; at != ""; {
		var part struct {
			Entries []struct {
				Index         int
				Kind, Outcome string
			}
			Older string
		}
		_, body := s.get(t, at)
		if err := json.Unmarshal(body, &part); err != nil || len(part.Entries) == 0 {
			t.Fatalf("%s: %v: %.200s", at, err, body)
		}
		for _, e := range part.Entries {
			kind := e.Kind + "-" + e.Outcome
			if seen[kind]++; seen[kind] <= perKind {
				s.entries[fmt.Sprint(e.Index)] = kind
			}
		}
		at = strings.TrimPrefix(part.Older, home)
	}
	return s
}

// as is the same site as somebody sees it who has logged in.
func (s *site) as(cookies []*http.Cookie) *site {
	return &site{home: s.home, cookies: cookies, entries: s.entries, pages: map[string]page{}, fetched: map[string]int{}, known: s.pages}
}

func (s *site) get(t *testing.T, path string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.home+path, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, c := range s.cookies {
		r.AddCookie(c)
	}
	stay := &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := stay.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return answer, body
}

var (
	links   = regexp.MustCompile(`\s(?:href|src)="([^"]*)"`)
	typed   = regexp.MustCompile(`^/entities/urn:ngsi-ld:([A-Za-z]+):[^/]+`)
	entry   = regexp.MustCompile(`^/record/(entries|leaves|receipts|releases)/(\d+)`)
	varying = regexp.MustCompile(`^/(types|registers/[a-z]+|me/uses|account/keys|law|ngsi-ld/v1/[a-z/]+)/[^/]+`)
	numbers = regexp.MustCompile(`[0-9a-f]{40,}|\d+`)
)

// kindOf is the template behind a path and what it shows, so far as a path tells; "" = another of its kind is looked at.
func (s *site) kindOf(u *url.URL) string {
	path := u.EscapedPath()
	if m := entry.FindStringSubmatch(path); m != nil {
		if s.entries[m[2]] == "" {
			return ""
		}
		path = strings.Replace(path, m[2], s.entries[m[2]], 1)
	}
	path = typed.ReplaceAllString(path, "/entities/$1")
	path = varying.ReplaceAllString(path, "/$1/*")
	q := u.Query()
	q.Del("return") // where the login page leads back to
	if names := slices.Sorted(maps.Keys(q)); len(names) > 0 {
		path += "?" + strings.Join(names, "&")
	}
	return path
}

// crawl follows every link from some paths in one language, and fails where one leads nowhere, away, or to a cookie.
func (s *site) crawl(t *testing.T, lang string, from ...string) {
	t.Helper()
	queue, seen := []string{}, map[string]bool{}
	for _, path := range from {
		queue = append(queue, "/"+lang+path)
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		answer, body := s.get(t, at)
		here, err := url.Parse(s.home + at)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Header.Get("Set-Cookie") != "" && len(s.cookies) == 0 && here.Path != "/login/start" {
			t.Errorf("%s sets a cookie on somebody who has not asked to log in", at)
		}
		if answer.StatusCode == http.StatusSeeOther || answer.StatusCode == http.StatusFound {
			continue
		}
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d", at, answer.StatusCode)
			continue
		}
		rest, isPage := strings.CutPrefix(at, "/"+lang+"/")
		if isPage = isPage && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") && !strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment"); !isPage {
			continue
		}
		if got := answer.Header.Get("Content-Language"); got != lang {
			t.Errorf("%s is in %q", at, got)
		}
		own := *here
		own.Path, own.RawPath = "/"+strings.TrimPrefix(here.Path, "/"+lang+"/"), ""
		if kind := s.kindOf(&own); kind != "" && len(body) > s.pages[kind].size {
			s.pages[kind] = page{"/" + rest, len(body)}
		}
		for _, m := range links.FindAllStringSubmatch(string(body), -1) {
			to, err := here.Parse(html.UnescapeString(m[1]))
			if err != nil {
				t.Errorf("%s: link %q: %v", at, m[1], err)
				continue
			}
			if to.Scheme == "mailto" || to.Scheme == "geo" || to.Scheme == "data" {
				continue
			}
			if to.Scheme+"://"+to.Host != s.home {
				t.Errorf("%s leads away: %s", at, to)
				continue
			}
			to.Fragment = ""
			target := strings.TrimPrefix(to.String(), s.home)
			if seen[target] || !s.wanted(to, lang) {
				continue
			}
			seen[target] = true
			queue = append(queue, target)
		}
	}
}

// wanted says whether one more of what a link leads to is to be fetched.
func (s *site) wanted(to *url.URL, lang string) bool {
	path, most := *to, 1
	if rest, ok := strings.CutPrefix(to.Path, "/"+lang+"/"); ok {
		path.Path, path.RawPath = "/"+rest, ""
		most = perKind
	} else if to.Path == "/"+lang || len(to.Path) > 3 && to.Path[3] == '/' && len(strings.Split(to.Path, "/")[1]) == 2 || len(to.Path) == 3 {
		return false // the same page in the other language
	}
	kind := s.kindOf(&path)
	if kind == "" || s.known[kind].path != "" {
		return false
	}
	if most == 1 {
		kind = numbers.ReplaceAllString(kind, "N")
	}
	key := lang + " " + kind
	s.fetched[key]++
	return s.fetched[key] <= most
}

// plain are the kinds of pages found, without those that only differ by a question in their address.
func (s *site) plain() (kinds []string) {
	for kind := range s.pages {
		if !strings.Contains(kind, "?") {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
