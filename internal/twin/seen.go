package twin

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// What makes "once" true is one of two things.
//
// A reading is a change whose ID ends in the time of its instance: "/" and the nanoseconds since 1970. As long as it rests in the
// clear its history row, which holds a hash of the ID and stands under the same time, is what remembers it, for as long as there is
// history. Sensors report forward in time, and a reading later than all of its series before cannot have been applied: that costs
// nothing. All other IDs have a row of their own, and cost a look-up in each of two weeks.

// hashed is the hash of a change ID in history keys.
func hashed(id string) [16]byte {
	var short [128]byte
	h := sha256.Sum256(append(short[:0], id...))
	return [16]byte(h[:16])
}

// timed reports whether the ID says the time of the instance that it changes.
func timed(id string, a *model.Attr) bool {
	t := a.ObservedAt
	if t.IsZero() || t.Unix() < 0 || t.Unix() > maxTimed || a.Null() {
		return false
	}
	i := strings.LastIndexByte(id, '/')
	if i < 0 || len(id)-i > 20 {
		return false
	}
	var digits [20]byte
	return id[i+1:] == string(strconv.AppendInt(digits[:0], t.UnixNano(), 10))
}

// maxTimed is the last second whose nanoseconds fit a key (the year 2262).
const maxTimed = 1<<63/1_000_000_000 - 1

// series is what the twin knows of the readings of one attribute instance: none that was applied is later than top, as
// history orders times. Where mixed is set some may have rows of their own, because a class had them sealed.
type series struct {
	name    tribune.Name
	dataset string
	top     uint64
	mixed   bool
}

// repeated reports whether a step was applied before.
func (t *Twin) repeated(ctx context.Context, k keys, d *draft, s *step, now time.Time) (bool, error) {
	if s.id == "" {
		return false, nil
	}
	if !s.timed {
		if slices.Contains(d.ids, s.id) {
			return true, nil
		}
		return seen(ctx, t.cfg.Store, k, now, d.key.id, s.id)
	}
	name, a := s.one[0].name, &s.attr[0]
	at := d.find(name, a.Dataset)
	if at == nil {
		found, err := t.series(ctx, k, d.key.id, name, a.Dataset, now)
		if err != nil {
			return false, err
		}
		d.series, d.ownSeries = append(slices.Clip(d.series), found), true // the entry's stay as they are
		at = &d.series[len(d.series)-1]
	}
	if ordinal(a.ObservedAt) <= at.top {
		h := hashed(s.id)
		for i := range d.past {
			if p := &d.past[i]; p.name == name && p.attr.Dataset == a.Dataset && p.attr.Sealed == nil && p.change == h {
				return true, nil
			}
		}
		past := &pastReader{r: t.cfg.Store, k: k, packs: t.packs, id: d.key.id, s: seriesKey{name, a.Dataset}}
		_, _, err := past.value(ctx, rowPlace{byObserved, ordinal(a.ObservedAt), h[:]})
		if err == nil || !isAbsent(err) {
			return err == nil, err
		}
	}
	if !at.mixed {
		return false, nil
	}
	if slices.Contains(d.ids, s.id) {
		return true, nil
	}
	return seen(ctx, t.cfg.Store, k, now, d.key.id, s.id)
}

// series reads from the history what there is to know of a series. It holds as long as the entity's version does.
func (t *Twin) series(ctx context.Context, k keys, id tribune.EntityID, name tribune.Name, dataset string, now time.Time) (s series, err error) {
	s = series{name: name, dataset: dataset}
	past := &pastReader{r: t.cfg.Store, k: k, packs: t.packs, id: id, s: seriesKey{name, dataset}}
	for _, order := range [...]byte{byObserved, byModified} {
		at, err := past.top(ctx, order)
		if err != nil {
			return s, fmt.Errorf("looking for the last reading: %w", err)
		}
		if order == byObserved {
			s.top = at
		} else {
			s.mixed = at >= ordinal(now.Add(-2*DedupeSpan))
		}
	}
	return s, nil
}

// find is what the draft knows of a series already, or nil.
func (d *draft) find(name tribune.Name, dataset string) *series {
	for i := range d.series {
		if s := &d.series[i]; s.name == name && s.dataset == dataset {
			return s
		}
	}
	return nil
}

// remember notes what was applied.
func (d *draft) remember(s *step, x *edit) {
	switch {
	case s.id == "":
	case !s.timed:
		d.ids = append(d.ids, s.id)
	default:
		name, a := s.one[0].name, &s.attr[0]
		if now := x.e.Instance(name, a.Dataset); now != nil && now.Sealed == nil {
			d.reach(name, a.Dataset, ordinal(a.ObservedAt), false)
		} else {
			d.ids = append(d.ids, s.id)
			d.reach(name, a.Dataset, 0, true)
		}
	}
}

// reach moves what is known of a series on.
func (d *draft) reach(name tribune.Name, dataset string, top uint64, mixed bool) {
	if !d.ownSeries {
		d.series, d.ownSeries = slices.Clone(d.series), true
	}
	if s := d.find(name, dataset); s != nil {
		s.top, s.mixed = max(s.top, top), s.mixed || mixed
	}
}

// seenKey is the row that remembers a change ID of an entity in a generation (weeks since 1970).
func seenKey(k keys, generation uint64, id tribune.EntityID, change string) []byte {
	h := sha256.Sum256([]byte(string(id) + "\x00" + change))
	return append(store.Uint(k.of("c", ""), generation), h[:16]...)
}

func generation(now time.Time) uint64 {
	return uint64(max(0, now.Unix()) / int64(DedupeSpan/time.Second))
}

// seen reports whether a change ID of the entity was applied in this generation or the last.
func seen(ctx context.Context, r store.Reader, k keys, now time.Time, id tribune.EntityID, change string) (bool, error) {
	for g := generation(now); ; g-- {
		_, err := r.Get(ctx, seenKey(k, g, id, change))
		switch {
		case err == nil:
			return true, nil
		case !isAbsent(err):
			return false, fmt.Errorf("looking for change %q: %w", change, err)
		case g == 0 || g < generation(now):
			return false, nil
		}
	}
}
