package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/web"
)

var long = strings.Repeat("x", 2*maxMapping)

// aMap takes so many bytes, for an owner.
func aMap(owner string, bytes int) *entityMap {
	return &entityMap{owner: owner, expires: time.Now().Add(time.Hour), ids: []tribune.EntityID{tribune.EntityID(long[:bytes])}}
}

func TestStrangersDoNotCrowdOutAReadersEntityMap(t *testing.T) {
	maps := newEntityMaps(time.Now)
	clerk, reader := aMap("clerk-1", 100_000), aMap(stranger+"192.0.2.0/24", 100_000)
	for _, m := range []*entityMap{clerk, reader} {
		m.expires = time.Now().Add(time.Minute) // it would be the first to go
		if err := maps.put(m); err != nil {
			t.Fatal(err)
		}
	}
	for name, attack := range map[string]func(i int) *entityMap{
		"many small maps from one network": func(int) *entityMap { return aMap(stranger+"198.51.100.0/24", 1) },
		"many large maps from one network": func(int) *entityMap { return aMap(stranger+"198.51.100.0/24", 5_000_000) },
		"large maps from ten networks":     func(i int) *entityMap { return aMap(fmt.Sprintf("%s10.0.%d.0/24", stranger, i%10), 5_000_000) },
	} {
		for i := range 3 * maxMaps {
			maps.put(attack(i)) // it may be refused
		}
		if maps.get("", reader.id) == nil {
			t.Errorf("%s: the reader's next page has lost its map", name)
		}
		if maps.get("", clerk.id) == nil {
			t.Errorf("%s: the clerk's next page has lost its map", name)
		}
		for _, s := range []*mapShelf{&maps.known, &maps.strangers} {
			size, shares := 0, 0
			for _, m := range s.byID {
				size, shares = size+m.size, shares+m.share()
			}
			for _, share := range s.shares {
				shares -= share
			}
			if len(s.byID) > maxMaps || s.size > maxMapping || s.size != size || shares != 0 {
				t.Errorf("%s: %d maps of %d bytes, counted as %d; the shares are wrong by %d", name, len(s.byID), size, s.size, shares)
			}
		}
	}
	networks := 0
	for i := range 4 * maxMaps { // an army of networks: one map each
		if maps.put(aMap(fmt.Sprintf("%s10.%d.%d.0/24", stranger, i/256, i%256), 1)) == nil {
			networks++
		}
	}
	if maps.get("", clerk.id) == nil {
		t.Error("an army of strangers has taken the clerk's map")
	}
	if err := maps.put(aMap(stranger+"203.0.113.0/24", 1)); err != nil || networks == 0 {
		t.Errorf("among equals a newcomer gets none: %v", err)
	}
}

func TestAMapThatWouldFillTheShelfIsRefused(t *testing.T) {
	maps := newEntityMaps(time.Now)
	kept := aMap("clerk-1", 10)
	if err := maps.put(kept); err != nil {
		t.Fatal(err)
	}
	if err := maps.put(aMap("clerk-2", 2*maxMapping)); err == nil || maps.get("", kept.id) == nil || maps.known.shares["clerk-2"] != 0 {
		t.Errorf("got %v, shares %v", err, maps.known.shares)
	}
}

func TestWhoseShareAMapTakes(t *testing.T) {
	for _, x := range []struct{ actor, from, want string }{
		{"clerk-1", "192.0.2.7:1", "clerk-1"}, {"", "192.0.2.7:1", stranger + "192.0.2.0/24"}, {"", "192.0.2.200:99", stranger + "192.0.2.0/24"},
		{"", "[2001:db8:1:2::3]:1", stranger + "2001:db8:1::/48"}, {"", "[::ffff:192.0.2.7]:1", stranger + "192.0.2.0/24"}, {"", "[fe80::1%eth0]:1", stranger + "fe80::/48"}, {"", "@", stranger},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = x.from
		if got := ownerOf(r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: tribune.ActorID(x.actor)}))); got != x.want {
			t.Errorf("%q at %s: got %q, want %q", x.actor, x.from, got, x.want)
		}
	}
}
