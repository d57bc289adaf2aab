package api

import (
	"mime"
	"strconv"
	"strings"
)

// accepted is how welcome each media type is that answers can have: the most specific range that covers it says (RFC 9110, 12.5.1).
type accepted struct{ json, ld, geo weight }

type weight struct {
	rank int // of the range that says: 0 = none does, 1 = */*, 2 = application/*, 3 = the type itself
	q    float64
}

func (w *weight) take(rank int, q float64) {
	if rank > w.rank || rank == w.rank && q > w.q {
		*w = weight{rank, q}
	}
}

// readAccept reads Accept headers. A range that cannot be read accepts nothing; a weight that cannot be read is none, so that 1 stands.
func readAccept(headers []string) (a accepted) {
	for _, h := range headers {
		for part := range strings.SplitSeq(h, ",") {
			media, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			q := 1.0
			if s, ok := params["q"]; ok {
				if said, err := strconv.ParseFloat(s, 64); err == nil && said >= 0 && said <= 1 {
					q = said
				}
			}
			switch media {
			case typeJSON:
				a.json.take(3, q)
			case typeLD:
				a.ld.take(3, q)
			case typeGeoJSON:
				a.geo.take(3, q)
			case "application/*":
				a.all(2, q)
			case "*/*":
				a.all(1, q)
			}
		}
	}
	return a
}

func (a *accepted) all(rank int, q float64) {
	a.json.take(rank, q)
	a.ld.take(rank, q)
	a.geo.take(rank, q)
}
