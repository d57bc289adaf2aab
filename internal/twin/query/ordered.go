package query

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"tribune"
)

// rank is the order between values of different kinds (clause 4.23.2). Nothing stands before a distance, and what is
// null or absent stands last in either direction.
type rank uint8

const (
	rankDistance rank = iota
	rankNumber
	rankText
	rankObject
	rankArray
	rankBool
	rankClock
	rankDate
	rankDateTime
	rankNull
	rankAbsent
)

// ordered is a value as it is ordered.
type ordered struct {
	rank   rank
	number float64
	time   time.Time
	bytes  []byte // collation key of a text, text of an object
	list   []ordered
}

func ofTime(t time.Time) ordered {
	if t.IsZero() {
		return ordered{rank: rankAbsent}
	}
	return ordered{rank: rankDateTime, time: t}
}

func (s *Sorter) text(text string) ordered {
	return ordered{rank: rankText, bytes: bytes.Clone(s.collator.KeyFromString(&s.buf, text))}
}

// texts is one text as it is, several as an array.
func (s *Sorter) texts(all []string) ordered {
	switch len(all) {
	case 0:
		return ordered{rank: rankAbsent}
	case 1:
		return s.text(all[0])
	}
	out := ordered{rank: rankArray}
	for _, t := range all {
		out.list = append(out.list, s.text(t))
	}
	return out
}

func names(in []tribune.Name) []string {
	out := make([]string, len(in))
	for i, n := range in {
		out[i] = string(n)
	}
	return out
}

// maxListed bounds the elements of an array that are ordered by.
const maxListed = 64

// json is a JSON value as it is ordered.
func (s *Sorter) json(raw json.RawMessage, depth int) ordered {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || depth > MaxDepth {
		return ordered{rank: rankNull}
	}
	switch raw[0] {
	case 'n':
		return ordered{rank: rankNull}
	case 't':
		return ordered{rank: rankBool, number: 1}
	case 'f':
		return ordered{rank: rankBool}
	case '"':
		text, _ := unquote(raw)
		if t, ok := temporal(text); ok {
			return ordered{rank: map[Kind]rank{DateTime: rankDateTime, Date: rankDate, Clock: rankClock}[t.Kind], time: t.Time}
		}
		return s.text(text)
	case '[':
		out := ordered{rank: rankArray}
		eachElement(raw, func(v []byte) bool {
			out.list = append(out.list, s.json(v, depth+1))
			return len(out.list) < maxListed
		})
		return out
	case '{':
		return s.object(raw, depth)
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return ordered{rank: rankNull}
	}
	return ordered{rank: rankNumber, number: f}
}

// object is an object as it is ordered; {"@type": ..., "@value": v} is v.
func (s *Sorter) object(raw []byte, depth int) ordered {
	out := ordered{rank: rankObject, bytes: bytes.Clone(raw)}
	eachMember(raw, func(name, v []byte) bool {
		if named(name, "@value") {
			out = s.json(v, depth+1)
			return false
		}
		return true
	})
	return out
}

// compare orders two values; desc turns it round but for what is null or absent.
func (a *ordered) compare(b *ordered, desc bool) int {
	c := 0
	if a.rank != b.rank {
		c = cmp.Compare(a.rank, b.rank)
		if max(a.rank, b.rank) >= rankNull || min(a.rank, b.rank) == rankDistance {
			return c
		}
	} else {
		c = a.within(b)
	}
	if desc {
		return -c
	}
	return c
}

// within orders two values of one rank.
func (a *ordered) within(b *ordered) int {
	switch a.rank {
	case rankDistance, rankNumber, rankBool:
		return cmp.Compare(a.number, b.number)
	case rankText, rankObject:
		return bytes.Compare(a.bytes, b.bytes)
	case rankClock, rankDate, rankDateTime:
		return a.time.Compare(b.time)
	case rankArray:
		for i := range min(len(a.list), len(b.list)) {
			if c := a.list[i].compare(&b.list[i], false); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(a.list), len(b.list))
	}
	return 0
}
