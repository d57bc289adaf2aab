package jsonld

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin/model"
)

// Languages are the language ranges that a reader prefers, best first (clause 4.15), read by ParseLanguages.
type Languages []string

// maxLanguages bounds the ranges of a language filter.
const maxLanguages = 64

// ParseLanguages reads a language filter, which is written as an Accept-Language header (RFC 3282, RFC 4647):
//
//	fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5
//
// Ranges of quality 0 are not wanted and left out; those of the same quality stay in their order.
func ParseLanguages(text string) (Languages, error) {
	bad := tribune.Hint(fmt.Errorf("%w: lang is a list of language tags (clause 4.15)", tribune.ErrInvalid), "Like lang=fr-CH,fr;q=0.9,*;q=0.5.")
	type ranked struct {
		tag string
		q   float64
	}
	var all []ranked
	for part := range strings.SplitSeq(text, ",") {
		tag, rest, weighted := strings.Cut(part, ";")
		r := ranked{strings.ToLower(strings.TrimSpace(tag)), 1}
		if weighted {
			value, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(rest, " ", "")), "q=")
			var err error
			if r.q, err = strconv.ParseFloat(value, 64); !ok || err != nil || !(r.q >= 0 && r.q <= 1) {
				return nil, bad
			}
		}
		if !isTag(r.tag) || len(all) == maxLanguages {
			return nil, bad
		}
		if r.q > 0 {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	out := make(Languages, len(all))
	for i := range all {
		out[i] = all[i].tag
	}
	return out, nil
}

// isTag reports whether s is a language range: subtags of letters and digits, or "*".
func isTag(s string) bool {
	if s == "*" || s == "@none" {
		return true
	}
	for sub := range strings.SplitSeq(s, "-") {
		if len(sub) == 0 || len(sub) > 8 {
			return false
		}
		for _, c := range []byte(sub) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '*' {
				return false
			}
		}
	}
	return true
}

// choose is the index of the tag that serves the reader best: for each range the tag itself, else a shorter one that the
// range ends up at when its subtags are cut off (RFC 4647, 3.4), else the least that begins with it. Where none serves,
// it is "@none", else the least tag: a reader is better off with some language than with none (clause 4.15).
func (l Languages) choose(tags []string) int {
	for _, want := range l {
		if want == "*" {
			break
		}
		for short := want; short != ""; short = short[:max(0, strings.LastIndexByte(short, '-'))] {
			if i := slices.IndexFunc(tags, func(t string) bool { return strings.EqualFold(t, short) }); i >= 0 {
				return i
			}
		}
		if i := least(tags, func(t string) bool { return strings.HasPrefix(strings.ToLower(t), want+"-") }); i >= 0 {
			return i
		}
	}
	if i := slices.Index(tags, "@none"); i >= 0 {
		return i
	}
	return least(tags, func(string) bool { return true })
}

// least is the index of the least tag that fits, -1 where none does.
func least(tags []string, fits func(string) bool) int {
	best := -1
	for i, t := range tags {
		if fits(t) && (best < 0 || t < tags[best]) {
			best = i
		}
	}
	return best
}

// spoken is a LanguageProperty in the language that the reader prefers, as a Property, and which language that is; "" and
// the attribute itself where nothing was preferred or it is of another kind.
func (w *writer) spoken(a *model.Attr) (*model.Attr, string) {
	if w.view.Lang == nil || a.Kind != model.LanguageProperty || len(a.Value) == 0 || a.Value[0] != '{' {
		return a, ""
	}
	var tags []string
	var texts [][]byte
	members(a.Value, func(tag string, val []byte) error {
		tags, texts = append(tags, tag), append(texts, val)
		return nil
	})
	i := w.view.Lang.choose(tags)
	if i < 0 {
		return a, ""
	}
	c := *a
	c.Kind, c.Value = model.Property, texts[i]
	return &c, tags[i]
}
