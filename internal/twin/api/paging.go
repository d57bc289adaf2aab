package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pageHeader is the value of a Link header that leads to the pages before and after (clause 6.3.10); media is the type of
// the answers. The parameters stay as the caller has written them, limit and offset come last; those that make an entity map
// have done so.
func pageHeader(u *url.URL, media string, offset, limit int, more bool) string {
	if limit == 0 {
		return ""
	}
	var kept []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, _ := strings.Cut(part, "="); part != "" && name != "limit" && name != "offset" && !slices.Contains(mapParams, name) {
			kept = append(kept, part)
		}
	}
	var links []string
	page := func(rel string, offset int) {
		all := append(kept[:len(kept):len(kept)], "limit="+strconv.Itoa(limit), "offset="+strconv.Itoa(offset))
		links = append(links, "<"+u.EscapedPath()+"?"+strings.Join(all, "&")+`>;rel="`+rel+`";type="`+media+`"`)
	}
	if offset > 0 {
		page("prev", max(0, offset-limit))
	}
	if more {
		page("next", offset+limit)
	}
	return strings.Join(links, ", ")
}

// listMedia is the media type of an answer that is no GeoJSON.
func listMedia(ld bool) string {
	if ld {
		return typeLD
	}
	return typeJSON
}

// media is the media type of the answer.
func (s *search) media() string {
	if s.view.GeoJSON {
		return typeGeoJSON
	}
	return listMedia(s.view.LD)
}
