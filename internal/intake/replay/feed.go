// Package replay plays recorded feeds of a city again, as if they happened now.
//
// It reads a feed's CSV file strictly, cleans it by counted rules (report.go), shifts its times by whole weeks onto a demo
// clock, so that weekday and time of day stay true, and hands out what has come due. When a feed ends it goes back by
// whole weeks and goes on. internal/sim is its caller.
//
// Times here are readings of the clock on the city's wall, kept in a time.Time labelled UTC: they bear no zone, a week
// is always 7*24 h, and summer time cannot stretch one. Instant turns such a reading into a real instant at the very end.
// The demo clock serves observedAt only; gate, record and keys use real UTC.
package replay

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"tribune"
)

// Week is the unit of every shift.
const Week = 7 * 24 * time.Hour

// Record is one value of a feed and the wall-clock time it was recorded at, before any shift.
type Record[T any] struct {
	At    time.Time
	Value T
}

// Feed is a recorded feed in time order, without end: after its last record it goes back the most whole weeks it
// covers, so that the next record follows as it would have. A Feed does not change; a Cursor says where a reader is.
type Feed[T any] struct {
	name    string
	records []Record[T]
	lap     int64 // weeks to go back at the end
}

// NewFeed takes records in any order; equal times keep theirs. They must cover two weeks or more.
func NewFeed[T any](name string, records []Record[T]) (*Feed[T], error) {
	slices.SortStableFunc(records, func(a, b Record[T]) int { return cmp.Compare(a.At.Unix(), b.At.Unix()) })
	f := &Feed[T]{name: name, records: records}
	if len(records) > 0 {
		f.lap = int64(records[len(records)-1].At.Sub(records[0].At) / Week)
	}
	if f.lap < 2 {
		return nil, fmt.Errorf("feed %s covers less than two weeks: %w", name, tribune.ErrInvalid)
	}
	return f, nil
}

// Name is the feed's name.
func (f *Feed[T]) Name() string { return f.name }

// Records are all records in order; the caller must not change them.
func (f *Feed[T]) Records() []Record[T] { return f.records }

// Cursor is a reader's place in a feed: the next record, and by how many weeks source times are shifted.
type Cursor struct {
	Next  int   `json:"next"`
	Weeks int64 `json:"weeks"`
}

// Align is the cursor of a reader that begins at a demo time: it lands in the second week of the feed, so that a week of
// past lies before it.
func (f *Feed[T]) Align(wall time.Time) Cursor {
	second := f.records[0].At.Add(Week)
	weeks := int64(wall.Sub(second) / Week)
	if wall.Before(second.Add(time.Duration(weeks) * Week)) {
		weeks-- // division truncates towards zero
	}
	source := wall.Add(-time.Duration(weeks) * Week)
	return Cursor{Next: f.after(source), Weeks: weeks}
}

// after is the index of the first record later than a source time; records never run out before the feed's end.
func (f *Feed[T]) after(source time.Time) int {
	return sort.Search(len(f.records), func(i int) bool { return f.records[i].At.After(source) })
}

// Peek is the next record, At shifted onto the demo clock.
func (f *Feed[T]) Peek(c Cursor) Record[T] {
	r := f.records[c.Next]
	return Record[T]{r.At.Add(time.Duration(c.Weeks) * Week), r.Value}
}

// Advance is the cursor after the next record.
func (f *Feed[T]) Advance(c Cursor) Cursor {
	if c.Next++; c.Next < len(f.records) {
		return c
	}
	end := f.records[len(f.records)-1].At
	return Cursor{Next: f.after(end.Add(-time.Duration(f.lap) * Week)), Weeks: c.Weeks + f.lap}
}

// Past is what lies before the cursor and not after now, one lap of it, oldest first, shifted onto the demo clock: what a
// reader who begins here would know. A place that reports only late in the feed is known from the lap before.
func (f *Feed[T]) Past(c Cursor, now time.Time) []Record[T] {
	past := make([]Record[T], 0, len(f.records))
	for i, r := range f.records {
		weeks := c.Weeks
		if i >= c.Next {
			weeks -= f.lap
		}
		if at := r.At.Add(time.Duration(weeks) * Week); !at.After(now) {
			past = append(past, Record[T]{at, r.Value})
		}
	}
	slices.SortStableFunc(past, func(a, b Record[T]) int { return cmp.Compare(a.At.Unix(), b.At.Unix()) })
	return past
}

// Check refuses a cursor read from a file that does not fit this feed.
func (f *Feed[T]) Check(c Cursor) error {
	const century = 100 * 53 // more would overflow a Duration in the end
	if c.Next < 0 || c.Next >= len(f.records) || c.Weeks < -century || c.Weeks > century {
		return fmt.Errorf("feed %s has no place %d shifted by %d weeks: %w", f.name, c.Next, c.Weeks, tribune.ErrInvalid)
	}
	return nil
}
