package twin

import (
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/protocol"
)

// A sealed attribute can be looked up by its value where its class says so (tribune.Class.Equality), for the purposes that it names. As
// the value is sealed, each of its readings becomes a token for each purpose: a pseudonym of the value, made by the guardians' blind
// evaluation (protocol 5). Tokens stand in the document beside the sealed value, and in two kinds of rows:
//
//	b token id          finds the entity
//	y class day id      finds what is past its keeping time
//
// They go as any row goes, with the value: when it is written anew or deleted, or its keeping time is over (ForgetTokens). History
// has none: people are looked up in the present.

// LookUp asks for entities in which a value of an attribute was sealed under a token.
type LookUp struct {
	Class   tribune.ClassID
	Attr    tribune.Name
	Purpose tribune.PurposeID
	Token   [16]byte
	From    time.Time // and arrived since
}

// holds reports whether an instance is one that is looked for.
func (l *LookUp) holds(s *tribune.Sealed) bool {
	return s != nil && s.Class == l.Class && slices.Contains(s.Tokens, tribune.Token{Purpose: l.Purpose, Token: l.Token}) &&
		!tribune.SegmentStart(s.Day, s.Segment).Before(l.From)
}

// Found are those whose values a look-up finds in an entity, each once.
func (l *LookUp) Found(e *model.Entity) (out []tribune.Pseudonym) {
	for i := range e.Attrs[l.Attr] {
		if s := e.Attrs[l.Attr][i].Sealed; l.holds(s) && !slices.Contains(out, s.Pseudonym) {
			out = append(out, s.Pseudonym)
		}
	}
	return out
}

// lookedUp reports whether an entity has what the query looks up.
func (q *Query) lookedUp(e *model.Entity) bool { return q.LookUp == nil || len(q.LookUp.Found(e)) > 0 }

// LookUpOf is what the guardians are asked to name for a value: a token, once it is named.
func LookUpOf(purpose tribune.PurposeID, class tribune.ClassID, attr tribune.Name, value query.Scalar) (idtype, name string) {
	return protocol.LookUpType(purpose, class, attr), protocol.LookUpName(value.Ordered())
}

// tokens are those of a value that is about to be sealed. What is not named yet is left to be asked for.
func tokens(class tribune.Class, name tribune.Name, a *model.Attr, names map[subjectName]pseudonym) (out []tribune.Token, unnamed []subjectName, err error) {
	purposes := class.LookUps(name)
	if len(purposes) == 0 {
		return nil, nil, nil
	}
	var few [2]query.Scalar
	values := query.Values(a, few[:0])
	if len(values) > maxScalars {
		return nil, nil, tribune.Hint(fmt.Errorf("attribute %s with %d values to be found by, want at most %d: %w", name, len(values), maxScalars, tribune.ErrTooLarge), "send fewer in one instance")
	}
	for _, purpose := range purposes {
		for _, v := range values {
			idtype, digest := LookUpOf(purpose, class.ID, name, v)
			switch known, ok := names[subjectName{idtype, digest}]; {
			case !ok:
				unnamed = append(unnamed, subjectName{idtype, digest})
			case known.err != nil:
				return nil, nil, fmt.Errorf("making attribute %s findable: %w", name, known.err)
			default:
				if t := (tribune.Token{Purpose: purpose, Token: known.p}); !slices.Contains(out, t) {
					out = append(out, t)
				}
			}
		}
	}
	return out, unnamed, nil
}

// tokenRows are the rows of a sealed value that can be looked up.
func (k keys) tokenRows(id tribune.EntityID, s *tribune.Sealed, out [][]byte) [][]byte {
	if len(s.Tokens) == 0 {
		return out
	}
	for i := range s.Tokens {
		out = append(out, k.row("b", string(s.Tokens[i].Token[:]), string(id)))
	}
	return append(out, k.arrived(s.Class, s.Day, id))
}

// arrived is the row that finds an entity by the day on which something of a class arrived that can be looked up.
func (k keys) arrived(class tribune.ClassID, day uint32, id tribune.EntityID) []byte {
	b := k.add(k.mem.begin(k.size("y", []string{string(class)})+10+len(id)), "y", []string{string(class)})
	return k.mem.end(part(store.Uint(b, uint64(day)), string(id)))
}

// remembering is an instance as history has it: without tokens.
func remembering(a *model.Attr) *model.Attr {
	if a.Sealed == nil || len(a.Sealed.Tokens) == 0 {
		return a
	}
	c, s := *a, *a.Sealed
	s.Tokens = nil
	c.Sealed = &s
	return &c
}

// appendTokens and decoder.tokens: count ( purpose token16 )*.
func appendTokens(b []byte, all []tribune.Token) []byte {
	b = appendUvarint(b, len(all))
	for i := range all {
		b = append(appendString(b, string(all[i].Purpose)), all[i].Token[:]...)
	}
	return b
}

func (d *decoder) tokens() []tribune.Token {
	out := make([]tribune.Token, 0, d.count())
	for range cap(out) {
		out = append(out, tribune.Token{Purpose: tribune.PurposeID(d.string()), Token: [16]byte(d.bytes(16))})
	}
	return out
}
