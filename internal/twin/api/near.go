package api

import (
	"fmt"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
)

// maxCoordinates bounds the coordinates of a geo query in bytes.
const maxCoordinates = 128 << 10

// geoQuery reads a geo query (clause 4.10); nil where none is asked. geoproperty alone means nothing (clause 6.4.3.2).
func geoQuery(ctx *jsonld.Context, georel, geometry, coordinates, geoproperty string) (*query.Geo, error) {
	if georel == "" && geometry == "" && coordinates == "" {
		return nil, nil
	}
	if georel == "" || geometry == "" || coordinates == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: a geo query needs georel, geometry and coordinates", tribune.ErrInvalid),
			"Like georel=near;maxDistance==500&geometry=Point&coordinates=[-1.9,52.48].")
	}
	if len(coordinates) > maxCoordinates {
		return nil, fmt.Errorf("%w: coordinates of %d bytes, want at most %d", tribune.ErrTooLarge, len(coordinates), maxCoordinates)
	}
	var property tribune.Name
	if geoproperty != "" {
		var err error
		if property, err = ctx.Attr(geoproperty); err != nil {
			return nil, fmt.Errorf("reading geoproperty: %w", err)
		}
	}
	return query.ParseGeo(georel, geometry, []byte(coordinates), property)
}

// order reads in which order entities are wanted (clause 4.23).
func (s *search) order(by []string, geometry string, from []byte, collation string) error {
	if len(by) == 0 {
		if len(from) > 0 || geometry != "" || collation != "" {
			return tribune.Hint(fmt.Errorf("%w: an order without orderBy (clause 4.23)", tribune.ErrInvalid), "Add orderBy=NAME.")
		}
		return nil
	}
	terms := query.OrderTerms{By: by, Collation: collation, Attr: s.ctx.Attr}
	var err error
	if len(from) > 0 {
		if geometry == "" {
			geometry = "Point"
		}
		if terms.From, err = query.Reference(geometry, from); err != nil {
			return fmt.Errorf("reading orderFrom: %w", err)
		}
	}
	s.Order, err = terms.Parse()
	return err
}

// splitTop splits a list at its commas, but for those in brackets.
func splitTop(text string) (out []string) {
	if text == "" {
		return nil
	}
	depth, start := 0, 0
	for i, c := range []byte(text) {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				out, start = append(out, strings.TrimSpace(text[start:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(text[start:]))
}
