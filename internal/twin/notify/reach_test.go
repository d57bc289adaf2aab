package notify

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"tribune"
)

func endpoint(t testing.TB, uri string, more ...string) Endpoint {
	t.Helper()
	e, err := ParseEndpoint(json.RawMessage(`{"uri":"` + uri + `"` + strings.Join(append([]string{""}, more...), ",") + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestInnerAddressesAreOutOfReachUnlessAllowed(t *testing.T) {
	var public Reach
	some, err := ParseReach([]string{"10.1.0.0/16", "192.168.1.20", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		address      string
		public, some bool
	}{
		{"8.8.8.8", true, true},
		{"2606:4700::1111", true, true},
		{"127.0.0.1", false, false},
		{"127.9.9.9", false, false},
		{"::1", false, true},
		{"::", false, false},
		{"0.0.0.0", false, false},
		{"10.1.2.3", false, true},
		{"10.2.2.3", false, false},
		{"172.16.0.1", false, false},
		{"192.168.1.20", false, true},
		{"192.168.1.21", false, false},
		{"169.254.169.254", false, false},
		{"100.64.0.1", false, false},
		{"224.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"fe80::1", false, false},
		{"fd00::1", false, false},
		{"::ffff:127.0.0.1", false, false},
		{"::ffff:10.1.2.3", false, true},
		{"::7f00:1", false, false},
		{"64:ff9b::7f00:1", false, false},
		{"2002:7f00:1::", false, false},
		{"fec0::1", false, false},
		{"::ffff:0:7f00:1", false, false}, // an IPv4 address as translators write it
		{"64:ff9b:1::7f00:1", false, false},
		{"5f00::1", false, false},
	} {
		a := netip.MustParseAddr(test.address)
		if got := public.allows(a); got != test.public {
			t.Errorf("%s from the public internet alone: %v", test.address, got)
		}
		if got := some.allows(a); got != test.some {
			t.Errorf("%s with some ranges: %v", test.address, got)
		}
		if !(&Reach{Anywhere: true}).allows(a) {
			t.Errorf("%s is not anywhere", test.address)
		}
	}
}

func TestAnInnerEndpointIsRefusedWhenItIsSubscribed(t *testing.T) {
	var r Reach
	for uri, ok := range map[string]bool{
		"http://127.0.0.1:9200/": false, "http://[::1]/": false, "https://localhost/x": false, "http://LOCALHOST./x": false, "http://a.localhost/": false,
		"mqtt://10.0.0.1/t": false, "http://169.254.169.254/latest/meta-data": false, "https://data.example/x": true, "http://8.8.8.8/": true,
	} {
		if err := r.Check(endpoint(t, uri)); (err == nil) != ok || err != nil && !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// A name that resolved to a public address when it was subscribed may resolve to an inner one later.
func TestANameThatResolvesInsideIsNotConnectedTo(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	s := NewSender(SenderConfig{})
	defer s.Close()
	for _, uri := range []string{strings.Replace(server.URL, "127.0.0.1", "localhost", 1), server.URL, strings.Replace(server.URL, "http", "mqtt", 1) + "/t"} {
		if err := s.Send(t.Context(), endpoint(t, uri), Notification{Body: []byte("{}")}); err == nil || called {
			t.Errorf("%s: %v, called %v", uri, err, called)
		}
	}
}

func FuzzParseReach(f *testing.F) {
	f.Add("10.0.0.0/8")
	f.Add("::1")
	f.Add("1.2.3.4/33")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := ParseReach([]string{in})
		if err == nil && (len(r.Allow) != 1 || !r.Allow[0].IsValid()) {
			t.Errorf("%q is read as %v", in, r)
		}
	})
}
