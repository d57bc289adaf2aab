package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
)

const (
	defaultLimit = 20
	maxLimit     = 1000
	maxOffset    = 1_000_000
	maxNames     = 200 // names in attrs, ids in id
)

// unsupported are parameters of the standard that would change the answer and that this hub does not know yet.
var unsupported = []string{"collapse", "aggrMethods", "aggrPeriodDuration"}

// params are the query parameters of a request. Parts are separated by "&" alone: q holds semicolons.
type params map[string]string

// readParams reads the parameters; each must be one of known and stand there once.
func readParams(r *http.Request, known ...string) (params, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	p := params{}
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the query string is not percent-encoded", tribune.ErrInvalid)
		}
		if !slices.Contains(known, name) {
			if slices.Contains(unsupported, name) {
				return nil, fmt.Errorf("%w: the parameter %s", tribune.ErrUnsupported, name)
			}
			return nil, tribune.Hint(fmt.Errorf("%w: a parameter that is not known here (clause 6.3.20)", errInvalidRequest), "Known are: %s.", strings.Join(known, ", "))
		}
		if _, twice := p[name]; twice {
			return nil, fmt.Errorf("%w: the parameter %s stands there twice", tribune.ErrInvalid, name)
		}
		p[name] = value
	}
	return p, nil
}

// options are the words of the options and format parameters.
type options map[string]bool

func (p params) options(known ...string) (options, error) {
	o := options{}
	for _, name := range []string{"options", "format"} {
		for word := range strings.SplitSeq(p[name], ",") {
			if word = strings.TrimSpace(word); word == "" {
				continue
			}
			if !slices.Contains(known, word) {
				return nil, tribune.Hint(fmt.Errorf("%w: %s has a word that is not known here (clause 6.3.20)", errInvalidRequest, name), "Known are: %s.", strings.Join(known, ", "))
			}
			o[word] = true
		}
	}
	return o, nil
}

// names reads a list of attribute names.
func (p params) names(ctx *jsonld.Context, param string) ([]tribune.Name, error) {
	text, ok := p[param]
	if !ok {
		return nil, nil
	}
	var out []tribune.Name
	for term := range strings.SplitSeq(text, ",") {
		name, err := ctx.Attr(strings.TrimSpace(term))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", param, err)
		}
		if out = append(out, name); len(out) > maxNames {
			return nil, fmt.Errorf("%w: %s names more than %d", tribune.ErrTooLarge, param, maxNames)
		}
	}
	return out, nil
}

// number reads a whole number within bounds.
func (p params) number(name string, otherwise, least, most int) (int, error) {
	text, ok := p[name]
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, fmt.Errorf("%w: %s must be a whole number of at least %d", tribune.ErrInvalid, name, least)
	}
	if n > most {
		return 0, tribune.Hint(fmt.Errorf("%w: %s is at most %d", errTooMany, name, most), "Ask for the next page with offset.")
	}
	return n, nil
}

// flag reads true or false.
func (p params) flag(name string) (bool, error) {
	switch p[name] {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fmt.Errorf("%w: %s is true or false", tribune.ErrInvalid, name)
}
