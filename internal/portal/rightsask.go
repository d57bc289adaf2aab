package portal

import (
	"errors"
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
)

// whyPiece is what the page of one use says of asking why.
type whyPiece struct {
	Tag    string
	Offers bool // it can be asked
	Asked  bool
	Case   shownLine
	CSRF   string
}

// useOf is the person's own use that a path means by its mark.
func (p *Portal) useOf(r *http.Request, s *web.Session) (Use, web.PersonName, error) {
	var tag tribune.Tag
	if err := tag.UnmarshalText([]byte(r.PathValue("tag"))); err != nil {
		return Use{}, web.PersonName{}, errNotMine
	}
	for _, name := range s.Names[:min(len(s.Names), maxNames)] {
		uses, err := p.everyUse(r.Context(), name)
		if err != nil && !errors.Is(err, tribune.ErrNotFound) {
			return Use{}, name, fmt.Errorf("looking up the uses on record: %w", err)
		}
		for _, u := range uses {
			if u.Tag == tag {
				return u, name, nil
			}
		}
	}
	return Use{}, web.PersonName{}, errNotMine
}

// why is the state of asking about one use. An answer to a case is itself a use; it can be asked about, too.
func (p *Portal) why(w *words, s *web.Session, u Use) whyPiece {
	piece := whyPiece{Tag: u.Tag.String(), CSRF: s.CSRF, Offers: p.cfg.Citizens != nil && u.Leaf.Act.Office != dataSubject && u.Leaf.Act.Kind != tribune.ActRepresent && u.Leaf.Decision.Permit}
	if !piece.Offers {
		return piece
	}
	room, err := p.cfg.Citizens.Room()
	if err != nil {
		piece.Offers = false
		return piece
	}
	line, asked := room.Asked(p.cfg.Citizens.Owner(s), u.Index)
	if asked {
		piece.Asked, piece.Case = true, p.lines(w, []rights.Line{line})[0]
	}
	return piece
}
