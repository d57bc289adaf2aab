package drill

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// tally is how requests of one kind went in one stretch of time.
type tally struct {
	good, bad int
	took      []time.Duration // of the good ones
	slowest   time.Duration   // of all
	statuses  map[int]int     // of the bad ones; 0 = no answer
	said      string          // by the last bad one
	clear     bool            // the last bad one said title, detail and hint
	unclear   int             // bad ones with a status and without these
}

func (t *tally) String() string {
	text := fmt.Sprintf("%d answered", t.good)
	if len(t.took) > 0 {
		text += fmt.Sprintf(" (p50 %s, p99 %s)", ms(t.quantile(0.5)), ms(t.quantile(0.99)))
	}
	if t.bad > 0 {
		text += fmt.Sprintf(", %d not: %v %s", t.bad, t.statuses, t.said)
	}
	return text
}

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

func (t *tally) quantile(q float64) time.Duration {
	if len(t.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.took))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// within counts the good ones that were as fast.
func (t *tally) within(d time.Duration) (n int) {
	for _, took := range t.took {
		if took <= d {
			n++
		}
	}
	return n
}

// stretch is all of them.
type stretch map[kind]*tally

func newStretch() stretch {
	s := stretch{}
	for _, k := range []kind{kindRead, kindAct, kindWrite, kindLook} {
		s[k] = &tally{statuses: map[int]int{}}
	}
	return s
}

// add sums stretches of the same fault.
func (s stretch) add(o stretch) {
	for k, t := range o {
		m := s[k]
		m.good, m.bad, m.unclear = m.good+t.good, m.bad+t.bad, m.unclear+t.unclear
		m.took, m.slowest = append(m.took, t.took...), max(m.slowest, t.slowest)
		for status, n := range t.statuses {
			m.statuses[status] += n
		}
		if t.said != "" {
			m.said = t.said
		}
	}
}

// publicWent: what is public went on.
func (s stretch) publicWent() bool {
	return s[kindWrite].good > 0 && s[kindWrite].bad == 0 && s[kindLook].good > 0 && s[kindLook].bad == 0
}

// closed: nothing personal and no act went through, each was told why, and what is public went on.
func (s stretch) closed() bool {
	for _, k := range []kind{kindRead, kindAct} {
		if t := s[k]; t.good > 0 || t.bad == 0 || t.unclear > 0 || t.statuses[http.StatusServiceUnavailable] != t.bad {
			return false
		}
	}
	return s.publicWent()
}

func (s stretch) String() string {
	return fmt.Sprintf("sessions: %s; acts: %s; public: %d written, %d read, %d failed", s[kindRead], s[kindAct], s[kindWrite].good, s[kindLook].good, s[kindWrite].bad+s[kindLook].bad)
}
