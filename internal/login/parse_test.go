package login

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/web"
)

const goodAccount = `[[account]]
issuer = "https://id.city.example"
subject = "248289761001"
role = "officer"
actor = "inspector-ward"
office = "parking-inspector"
until = 2027-12-31
`

func TestReadAccounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts.toml")
	if list, err := ReadAccounts(file); err != nil || list.Len() != 0 {
		t.Errorf("no file: got %d, %v", list.Len(), err)
	}
	text := goodAccount + "[[account]]\nissuer = \"http://localhost:1\"\nsubject = \"2\"\nrole = \"auditor\"\nuntil = 2027-01-01T12:00:00+02:00\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := ReadAccounts(file)
	if err != nil || list.Len() != 2 {
		t.Fatalf("got %d, %v", list.Len(), err)
	}
	got, ok := list.Find("https://id.city.example", "248289761001")
	if want := (Account{"officer", "inspector-ward", "parking-inspector", time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)}); !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, _ := list.Find("http://localhost:1", "2"); got != (Account{Role: "auditor", Until: time.Date(2027, 1, 1, 10, 0, 0, 0, time.UTC)}) {
		t.Errorf("got %+v", got)
	}
	if _, ok := list.Find("https://id.city.example", "2"); ok {
		t.Error("a subject of another issuer was found")
	}
	if _, ok := (Accounts{}).Find("", ""); ok {
		t.Error("nobody is somebody")
	}
}

func TestAccountsThatAreRefused(t *testing.T) {
	for what, change := range map[string][2]string{
		"unknown key": {"role =", "admin = true\nrole ="}, "no issuer": {`issuer = "https://id.city.example"`, ""}, "issuer in clear": {"https://id", "http://id"},
		"no subject": {`"248289761001"`, `""`}, "role nobody has": {`"officer"`, `"mayor"`}, "role that needs no list": {`"officer"`, `"citizen"`},
		"officer without office": {`office = "parking-inspector"`, ""}, "office without actor": {`actor = "inspector-ward"`, ""}, "actor that is a path": {"inspector-ward", "../ward"},
		"no end": {"until = 2027-12-31", ""}, "end without a zone": {"2027-12-31", "2027-12-31T00:00:00"}, "end in words": {"2027-12-31", `"never"`},
		"there twice": {goodAccount, goodAccount + goodAccount}, "not TOML": {"[[account]]", "[[account"},
	} {
		_, err := parseAccounts(strings.Replace(goodAccount, change[0], change[1], 1))
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	file := filepath.Join(t.TempDir(), "accounts.toml")
	if err := os.WriteFile(file, []byte(strings.Repeat("#\n", maxAccountFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAccounts(file); err == nil || tribune.HintOf(err) == "" {
		t.Errorf("a huge file: got %v", err)
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add(goodAccount)
	f.Add("[[account]]\nuntil = 2027-12-31T00:00:00Z\n[[account]]")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseAccounts(text)
		if err != nil {
			return
		}
		for at, a := range list.by {
			if at[0] == "" || at[1] == "" || a.Until.IsZero() || a.Role == web.RoleCitizen || (a.Actor == "") != (a.Office == "") {
				t.Errorf("%v lists %+v", at, a)
			}
		}
	})
}

// Whatever is accepted stays on the host, as a browser resolves it.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/account", "//evil", `/\evil`, "/\t/evil", "/a?b=//c#d", "/%2f%2fevil", "/..//evil", "/a/../..//x", "//", "///evil"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://city.example/login/callback")
	f.Fuzz(func(t *testing.T, s string) {
		got := localPath(s)
		if got != s && got != "/" {
			t.Fatalf("%q became %q", s, got)
		}
		// What a browser does before it reads an address: drop tabs and line ends, take backslashes for slashes.
		seen := strings.ReplaceAll(strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(got), `\`, "/")
		to, err := base.Parse(seen)
		if err != nil || to.Host != base.Host || to.Scheme != "https" || strings.HasPrefix(seen, "//") || strings.HasPrefix(to.Path, "//") {
			t.Errorf("%q leads to %v, %v", s, to, err)
		}
	})
}

func FuzzAuthorizationDetails(f *testing.F) {
	for _, s := range []string{
		`[{"type":"tribune_act","purpose":"a","mandate":"b"}]`, `[{"type":"x"},{"type":"tribune_act","purpose":"a"}]`, `[{"type":"tribune_act","purpose":"a","purpose":"b"}]`,
		`[{"type":"tribune_act","Purpose":"a"}]`, `[[]]`, `{}`, `null`, `[null]`, `[{"type":"tribune_act","purpose":"a","locations":["https://city.example"]}]`,
	} {
		f.Add(s)
	}
	l := &Login{cfg: Config{URL: "https://city.example"}}
	f.Fuzz(func(t *testing.T, s string) {
		if !json.Valid([]byte(s)) {
			return // the token's own parser refuses it
		}
		var c tribune.Caller
		err := l.bind(&c, json.RawMessage(s))
		if err != nil && (c.Purpose != "" || c.Mandate != "") {
			t.Errorf("%q is refused and still binds %+v", s, c)
		}
		if err == nil && strings.Contains(s, "{") && c.Purpose == "" {
			t.Errorf("%q restricts nothing", s)
		}
		if !word(string(c.Purpose)) && c.Purpose != "" || !word(string(c.Mandate)) && c.Mandate != "" {
			t.Errorf("%q binds %+v", s, c)
		}
	})
}

func TestLimiterForgetsNothingAndGrowsNoFurther(t *testing.T) {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := newLimiter(func() time.Time { return at }, 3, time.Minute)
	for i, want := range []bool{true, true, true, false, false} {
		if got := l.allow("a"); got != want {
			t.Errorf("event %d: got %v", i, got)
		}
	}
	if !l.blocked("a") || l.blocked("b") {
		t.Error("blocked says otherwise than allow")
	}
	at = at.Add(time.Minute)
	if l.blocked("a") || !l.allow("a") || l.allow("a") {
		t.Error("one a minute")
	}
	for i := range 2 * maxCounted {
		l.allow(strconv.Itoa(i))
	}
	if len(l.full) > maxCounted+1 {
		t.Errorf("it holds %d keys", len(l.full))
	}
	if l.allow("a") {
		t.Error("a flood of others freed a key")
	}
	at = at.Add(time.Hour)
	if l.allow("new"); len(l.full) > 2 {
		t.Errorf("after an hour it holds %d keys", len(l.full))
	}
}

func TestAddressesOfOneHomeAreOne(t *testing.T) {
	l := &Login{cfg: Config{Address: peer}}
	of := func(remote string) string { return l.address(&http.Request{RemoteAddr: remote}) }
	if of("[2001:db8:1:2::1]:1") != of("[2001:db8:1:2:ffff::9%eth0]:2") || of("[2001:db8:1:2::1]:1") == of("[2001:db8:1:3::1]:1") {
		t.Error("IPv6 is not counted by its /64")
	}
	if of("192.0.2.1:1") != of("[::ffff:192.0.2.1]:2") || of("192.0.2.1:1") == of("192.0.2.2:1") {
		t.Error("IPv4 is not counted by its address")
	}
	if of("@") != (netip.Addr{}).String() {
		t.Error("a socket without an address")
	}
}

func TestGreetings(t *testing.T) {
	for in, want := range map[string]string{"Ada  Lovelace\n": "Ada Lovelace", "\u202eevil": "evil", "\xff": "", strings.Repeat("a", 200): strings.Repeat("a", 100), " ": ""} {
		if got := greeting(in); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
	if got := greeting("", "ada"); got != "ada" {
		t.Errorf("got %q", got)
	}
}
