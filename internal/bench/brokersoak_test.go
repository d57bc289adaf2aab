package bench

import (
	"math"
	"strings"
	"testing"
)

// soakedFor are looks at a memory that is as the functions say.
func soakedFor(n int, live, rss func(i int) float64) (all []Look) {
	for i := range n {
		all = append(all, Look{Second: 5 * float64(i+1), Live: live(i), RSS: rss(i)})
	}
	return all
}

func TestSoakTellsALeakFromGarbageThatWaits(t *testing.T) {
	flat := func(level float64) func(int) float64 {
		return func(i int) float64 { return level + 10*math.Sin(float64(i)) }
	}
	for _, c := range []struct {
		name  string
		looks []Look
		flat  bool
		says  string
	}{
		{"flat", soakedFor(120, flat(200), flat(600)), true, "memory is flat"},
		{"caches fill in the first half", soakedFor(120, func(i int) float64 { return min(float64(i)*5, 250) }, func(i int) float64 { return min(float64(i)*20, 1000) }), true, "memory is flat"},
		{"what lives grows", soakedFor(120, func(i int) float64 { return 200 + float64(i)/2 }, flat(600)), false, "memory grows"},
		{"what is resident grows", soakedFor(120, flat(200), func(i int) float64 { return 600 + 4*float64(i) }), false, "memory grows"},
		{"only the resident set is known", soakedFor(120, func(int) float64 { return 0 }, flat(600)), true, "memory is flat"},
		{"short", soakedFor(20, flat(200), flat(600)), false, "too short to judge"},
		{"none", nil, false, "too short to judge"},
	} {
		if s := judge(c.looks); s.Flat != c.flat || !strings.HasPrefix(s.Says, c.says) {
			t.Errorf("%s: %+v", c.name, s.Says)
		}
	}
	if s := judge(soakedFor(100, func(i int) float64 { return 100 + float64(i) }, flat(600))); math.Abs(s.LiveSlope-12) > 1e-6 {
		t.Errorf("a megabyte in 5 s is %v MB a minute", s.LiveSlope)
	}
}

func TestWhatLivesIsReadFromTheCollectorsLines(t *testing.T) {
	const text = `{"address":"http://127.0.0.1:1"}
gc 1 @0.014s 3%: 0.055+0.89+0.014 ms clock, 0.11+0.25/0.50/0.25+0.028 ms cpu, 3->4->2 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P
gc 12 @1.204s 1%: 0.055+10+0.014 ms clock, 0.11+2.5/9.0/0.25+0.028 ms cpu, 403->421->100 MB, 500 MB goal, 1 MB stacks, 0 MB globals, 2 P
`
	if got := liveMB(text); math.Abs(got-104.8576) > 1e-9 {
		t.Errorf("got %v", got)
	}
	if got := liveMB("a hub that says nothing of it\n"); got != 0 {
		t.Errorf("got %v", got)
	}
}

// TestSoakDeletesWhatItCreates: a load that lets entities pile up would be what grows. In an open loop any worker takes the next turn.
func TestSoakDeletesWhatItCreates(t *testing.T) {
	b := &broker{Bench: &Bench{}, held: 100}
	for _, shared := range []bool{true, false} {
		w, there := b.mixed(1, shared), map[string]bool{}
		created, deleted := 0, 0
		for turn := range 40_000 {
			worker := 3
			if shared {
				worker = turn * 7 % 64
			}
			request := string(w.next(nil, worker, turn))
			line, body, _ := strings.Cut(request, "\r\n")
			switch method, rest, _ := strings.Cut(line, " "); method {
			case "POST":
				_, id, _ := strings.Cut(body, `"id":"`)
				id, _, _ = strings.Cut(id, `"`)
				there[id] = true
				created++
			case "DELETE":
				id := strings.TrimSuffix(strings.TrimPrefix(rest, entities+"/"), " HTTP/1.1")
				if there[id] {
					deleted++
				}
				delete(there, id)
			}
		}
		if created != 2000 || deleted < 1400 || len(there) > 510 {
			t.Errorf("shared %v: %d created, %d deleted, %d left", shared, created, deleted, len(there))
		}
	}
}
