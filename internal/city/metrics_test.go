package city

import "testing"

// nginx passes requests on without any header that says so, unless it is told to: what the public URL says decides.
func TestMetricsAreNotOpenToTheWorldBehindASilentProxy(t *testing.T) {
	for _, c := range []struct {
		public, address string
		tls, want       bool
	}{
		{"", "127.0.0.1:8080", false, false}, {"", "0.0.0.0:8080", false, false},
		{"http://localhost:8080", "127.0.0.1:8080", false, false}, {"http://127.0.0.1:9", "127.0.0.1:8080", false, false},
		{"http://hub.city.example:8080", "0.0.0.0:8080", false, false}, {"http://hub.city.example", "[::]:80", false, false},
		{"https://hub.city.example", "0.0.0.0:443", true, false}, {"https://hub.city.example:8443/", "0.0.0.0:8443", true, false},

		{"https://hub.city.example", "127.0.0.1:8080", false, true}, {"https://hub.city.example", "0.0.0.0:8080", false, true},
		{"https://hub.city.example", "0.0.0.0:8443", true, true}, {"https://hub.city.example", "0.0.0.0:443", false, true},
		{"https://hub.city.example:8443", "127.0.0.1:8443", true, true}, // handed on as it is
		{"http://hub.city.example", "127.0.0.1:80", false, true}, {"http://hub.city.example", "0.0.0.0:8080", false, true},
	} {
		if got := fronted(c.public, c.address, c.tls); got != c.want {
			t.Errorf("url %q, listening at %s, TLS %v: something stands in front: %v, want %v", c.public, c.address, c.tls, got, c.want)
		}
	}
}
