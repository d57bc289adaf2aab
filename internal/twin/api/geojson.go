package api

import (
	"net/http"
	"slices"
	"strings"

	"tribune/internal/twin/jsonld"
)

const (
	typeGeoJSON      = "application/geo+json"
	preferenceHeader = "Preference-Applied"
)

var geoHeader = []string{typeGeoJSON}

// acceptsGeo reports whether GeoJSON is what the reader likes best; where JSON is as welcome, it comes first (clause
// 6.3.4).
func acceptsGeo(r *http.Request) bool {
	headers := r.Header["Accept"]
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.Contains(h, "geo") }) {
		return false
	}
	a := readAccept(headers)
	return a.geo.q > max(a.json.q, a.ld.q)
}

// prefers is what the Prefer headers say about something (RFC 7240): Prefer: body=json, ngsi-ld=1.5. "" where nothing.
func prefers(r *http.Request, name string) string {
	for _, h := range r.Header["Prefer"] {
		if len(h) > maxLink {
			continue
		}
		for part := range strings.FieldsFuncSeq(h, func(c rune) bool { return c == ',' || c == ';' }) {
			key, value, ok := strings.Cut(part, "=")
			if ok && strings.EqualFold(strings.TrimSpace(key), name) {
				return strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return ""
}

// conforms says of an answer that holds no entities to which version of the standard it conforms, where the reader prefers one (clause 6.3.6):
// nothing in it has a fallback (clause 4.3.6.8), so it is what it is in every version. A preference that cannot be read is none (RFC 7240).
func conforms(w http.ResponseWriter, r *http.Request) {
	if version := prefers(r, "ngsi-ld"); version != "" {
		if m, err := jsonld.ParseAmendment(version); err == nil {
			w.Header().Set(preferenceHeader, "ngsi-ld="+m.Conforms())
		}
	}
}
