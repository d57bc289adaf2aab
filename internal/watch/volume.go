package watch

import (
	"fmt"
	"slices"
	"time"

	"tribune"
)

// Thresholds say when much is unusual. An hour is unusual where it has at least Least of something, more than Factor times the
// median of the same hours before, and lies more than Deviations robust standard deviations (1.4826 MAD) above it. The same hours
// are those of the week, where there are at least Weeks of them, else those of the day, where there are at least Days.
type Thresholds struct {
	Weeks, Days        int
	Deviations, Factor float64
	Least              uint32
}

// DefaultThresholds suit a city's office: an inspector's shift does not raise them, a list that is worked through does.
func DefaultThresholds() Thresholds {
	return Thresholds{Weeks: 4, Days: 7, Deviations: 6, Factor: 3, Least: 20}
}

// Bounds of memory: 16 KB for each office and purpose, and registers have few.
const (
	keptHours = 12 * 7 * 24
	maxUses   = 1024
)

type useKey struct {
	office  tribune.OfficeID
	purpose tribune.PurposeID
}

// hours is what one office did for one purpose, hour by hour, as a ring over the last twelve weeks.
type hours struct {
	first, last int64 // since 1970
	acts        [keptHours]uint32
	subjects    [keptHours]uint32
}

// volumes counts the record by office, purpose and hour of the acts' own times.
type volumes struct{ by map[useKey]*hours }

func newVolumes() *volumes { return &volumes{by: map[useKey]*hours{}} }

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func hourTime(h int64) time.Time { return time.Unix(h*3600, 0).UTC() }

// add counts one act. ok is false where it is older than what is kept, or one office and purpose too many.
func (v *volumes) add(k useKey, hour int64, subjects int) (h *hours, ok bool) {
	h = v.by[k]
	if h == nil {
		if len(v.by) >= maxUses {
			return nil, false
		}
		h = &hours{first: hour, last: hour}
		v.by[k] = h
	}
	if hour <= h.last-keptHours || hour < h.first {
		return nil, false
	}
	if hour-h.last > keptHours {
		h.acts, h.subjects = [keptHours]uint32{}, [keptHours]uint32{}
		h.last = hour
	}
	for ; h.last < hour; h.last++ {
		h.acts[slot(h.last+1)], h.subjects[slot(h.last+1)] = 0, 0
	}
	i := slot(hour)
	h.acts[i]++
	h.subjects[i] += uint32(max(subjects, 0))
	return h, true
}

func slot(hour int64) int { return int(((hour % keptHours) + keptHours) % keptHours) }

// before are the counts of the same hours before one, newest first: steps of that many hours back, as far as the history goes.
func (h *hours) before(of *[keptHours]uint32, hour, step int64) (out []uint32) {
	for at := hour - step; at >= h.first && at > h.last-keptHours; at -= step {
		out = append(out, of[slot(at)])
	}
	return out
}

// unusual says in words how an hour stands out; "" where it does not, or where there is too little to compare it with.
func (t Thresholds) unusual(h *hours, hour int64) string {
	for _, c := range []struct {
		what string
		of   *[keptHours]uint32
	}{{"people", &h.subjects}, {"acts", &h.acts}} {
		same, span := h.before(c.of, hour, 7*24), "the same hour of the week"
		if len(same) < t.Weeks {
			if same, span = h.before(c.of, hour, 24), "the same hour of the day"; len(same) < t.Days {
				continue
			}
		}
		n := c.of[slot(hour)]
		expect, spread := robust(same)
		if n < t.Least || float64(n) <= t.Factor*max(expect, 1) || float64(n) <= expect+t.Deviations*max(spread, 1) {
			continue
		}
		return fmt.Sprintf("%d %s, expected %.0f (median of %d times %s, spread %.1f): %.1f times as many", n, c.what, expect, len(same), span, spread, float64(n)/max(expect, 1))
	}
	return ""
}

// robust is the median and 1.4826 times the median absolute deviation: a burst in the past does not hide the next one.
func robust(values []uint32) (center, spread float64) {
	f := make([]float64, len(values))
	for i, v := range values {
		f[i] = float64(v)
	}
	center = median(f)
	for i := range f {
		f[i] = max(f[i]-center, center-f[i])
	}
	return center, 1.4826 * median(f)
}

func median(f []float64) float64 {
	slices.Sort(f)
	if n := len(f); n%2 == 0 {
		return (f[n/2-1] + f[n/2]) / 2
	}
	return f[len(f)/2]
}
