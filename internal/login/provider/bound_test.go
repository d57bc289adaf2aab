package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// direct drives a provider without a network, so that time can be faked around it.
type direct struct {
	*testing.T
	*Provider
}

func newDirect(t *testing.T) direct {
	p, err := New(config(t, "http://localhost:1"))
	if err != nil {
		t.Fatal(err)
	}
	return direct{t, p}
}

func (d direct) do(method, path string, form url.Values, cookies ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Host = "localhost:1"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result()
}

// begin gets as far as the page.
func (d direct) begin(verifier string) (page string, cookie *http.Cookie) {
	d.Helper()
	resp := d.do("GET", "/authorize?"+url.Values{
		"client_id": {"tribune"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}.Encode(), nil)
	if resp.StatusCode != http.StatusFound || len(resp.Cookies()) != 1 {
		d.Fatalf("/authorize: %d", resp.StatusCode)
	}
	return resp.Header.Get("Location"), resp.Cookies()[0]
}

func (d direct) code(verifier string) string {
	d.Helper()
	page, cookie := d.begin(verifier)
	u, err := d.do("POST", page, url.Values{"person": {"citizen"}}, cookie).Location()
	if err != nil {
		d.Fatal(err)
	}
	return u.Query().Get("code")
}

func (d direct) redeem(code, verifier string) int {
	return d.do("POST", "/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {"tribune"}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}).StatusCode
}

func TestFloodOfRequestsIsBoundedAndEndsTheOldest(t *testing.T) {
	d := newDirect(t)
	verifier := oauth2.GenerateVerifier()
	oldest, oldCookie := d.begin(verifier)
	for range mostRequests - 1 {
		d.begin(verifier)
	}
	if got := d.do("GET", oldest, nil, oldCookie).StatusCode; got != http.StatusOK {
		t.Errorf("a full house ended a login that fitted in: %d", got)
	}
	newest, newCookie := d.begin(verifier)
	if n := len(d.store.requests.byID); n != mostRequests || d.store.requests.age.Len() != n {
		t.Errorf("%d requests are kept, and %d in order; at most %d", n, d.store.requests.age.Len(), mostRequests)
	}
	if got := d.do("GET", oldest, nil, oldCookie).StatusCode; got != http.StatusForbidden {
		t.Errorf("the oldest: %d", got)
	}
	if got := d.do("GET", newest, nil, newCookie).StatusCode; got != http.StatusOK {
		t.Errorf("the newest: %d", got)
	}
}

func TestRequestCodeAndTokenEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirect(t)
		verifier := oauth2.GenerateVerifier()
		page, cookie := d.begin(verifier)
		time.Sleep(requestLife - time.Second)
		if got := d.do("GET", page, nil, cookie).StatusCode; got != http.StatusOK {
			t.Errorf("a page in time: %d", got)
		}
		time.Sleep(time.Second)
		if got := d.do("POST", page, url.Values{"person": {"citizen"}}, cookie).StatusCode; got != http.StatusForbidden {
			t.Errorf("a button pressed too late: %d", got)
		}

		inTime, late := d.code(verifier), d.code(verifier)
		time.Sleep(codeLife - time.Second)
		if got := d.redeem(inTime, verifier); got != http.StatusOK {
			t.Errorf("a code in time: %d", got)
		}
		time.Sleep(time.Second)
		if got := d.redeem(late, verifier); got != http.StatusBadRequest {
			t.Errorf("a late code: %d", got)
		}

		token, err := d.Token(t.Context(), "citizen", "")
		if err != nil {
			t.Fatal(err)
		}
		userinfo := func() int {
			return d.do("POST", "/userinfo", url.Values{"access_token": {token}}).StatusCode
		}
		if got := userinfo(); got != http.StatusOK {
			t.Errorf("userinfo in time: %d", got)
		}
		time.Sleep(tokenLife)
		if got := userinfo(); got != http.StatusUnauthorized {
			t.Errorf("userinfo too late: %d", got)
		}
		for i := range 3 {
			if d.begin(verifier); d.store.requests.age.Len() != i+1 {
				t.Errorf("%d requests are kept, of which %d can still be answered", d.store.requests.age.Len(), i+1)
			}
		}
	})
}

func TestTableForgetsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := newTable[int](time.Minute, 3)
		for i := range 5 {
			tab.put(fmt.Sprint(i), i)
		}
		tab.set("2", 22)
		tab.set("0", 99) // gone: stays gone
		tab.put("3", 33) // comes again: now the youngest
		if _, ok := tab.get("0"); ok || len(tab.byID) != 3 {
			t.Errorf("after a flood: %v", tab.byID)
		}
		tab.put("5", 5)
		if _, ok := tab.get("2"); ok {
			t.Error("the oldest is still there")
		}
		if v, ok := tab.take("3"); !ok || v != 33 {
			t.Errorf("3 is %d, %v", v, ok)
		}
		if _, ok := tab.take("3"); ok {
			t.Error("taken twice")
		}
		tab.dropIf(func(v int) bool { return v == 4 })
		if _, ok := tab.get("4"); ok || tab.age.Len() != 1 {
			t.Errorf("4 is still there, of %d", tab.age.Len())
		}
		time.Sleep(time.Minute)
		if _, ok := tab.get("5"); ok || tab.age.Len() != 0 {
			t.Error("nothing ends")
		}
	})
}
