package twin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/twin/model"
)

// subjectName is what a pseudonym is asked for.
type subjectName struct{ idtype, name string }

// pseudonym is the answer: a pseudonym, or why there is none. It fails the changes that need it, not those beside them:
// without guardians the personal stops and the public goes on.
type pseudonym struct {
	p   tribune.Pseudonym
	err error
}

// secret is an instance on its way into the vault. sealed is where it will stand: entities refer to it already.
type secret struct {
	sealed *tribune.Sealed
	class  tribune.Class
	item   tribune.Item
}

// idtypeEntity is the idtype where the entity itself is the subject.
const idtypeEntity = "entity"

// classify replaces by placeholders what a class says must be sealed: the instances written, and where the types
// changed all that are in the clear, since another type may make them personal. It returns the secrets and the names
// it does not know yet.
func (t *Twin) classify(s *step, peers []*step, x *edit, names map[subjectName]pseudonym) (secrets []secret, unnamed []subjectName, err error) {
	seal := func(class tribune.Class, name tribune.Name, a *model.Attr) error {
		if t.cfg.Sealer == nil {
			return tribune.Hint(fmt.Errorf("%w: attribute %s is personal (class %s) and there is no vault", tribune.ErrInvalid, name, class.ID),
				"classify the attribute as public, or run the city with its guardians")
		}
		p, who, err := subject(s, peers, x, class, name)
		if err != nil {
			return err
		}
		if name == class.Subject { // two instances may name two people
			own, ok := text(a.Value)
			if !ok {
				return notAName(name)
			}
			p, who = tribune.Pseudonym{}, subjectName{class.SubjectType, own}
		}
		if who.name != "" {
			switch known, ok := names[who]; {
			case !ok:
				unnamed = append(unnamed, who)
			case known.err != nil:
				return fmt.Errorf("naming the subject of attribute %s: %w", name, known.err)
			default:
				p = known.p
			}
		}
		found, more, err := tokens(class, name, a, names)
		if err != nil {
			return err
		}
		unnamed = append(unnamed, more...)
		item := tribune.Item{Entity: x.e.ID, Attr: itemAttr(name, a.Dataset), Time: stamp(a.ModifiedAt), Clear: padded(ClearAttr(*a))}
		placeholder := &tribune.Sealed{Class: class.ID, Pseudonym: p, Entity: item.Entity, Attr: item.Attr, Time: item.Time, Tokens: found}
		secrets = append(secrets, secret{placeholder, class, item})
		expires := a.Expires() // stays outside: the hub must be able to act on it
		*a = model.Attr{Dataset: a.Dataset, CreatedAt: a.CreatedAt, ModifiedAt: a.ModifiedAt, Sealed: placeholder}
		a.SetRare(model.Rare{ExpiresAt: expires})
		return nil
	}
	var few [8]tribune.Name
	for _, name := range x.toClassify(few[:0]) {
		list := x.e.Attrs[name]
		copied := false
		for i := range list {
			w := written{name, list[i].Dataset}
			fresh := slices.Contains(x.written, w)
			if list[i].Sealed != nil || !x.retyped && !fresh {
				continue
			}
			class := t.classOf(x.e.Types, name, &list[i])
			if !class.Personal && class.ID != tribune.ClassUnclassified {
				continue
			}
			if !copied {
				list, copied = slices.Clone(list), true
			}
			if err := seal(class, name, &list[i]); err != nil {
				return nil, nil, err
			}
			x.plain = false
			if !fresh && list[i].Sealed != nil {
				x.written, x.touched = append(x.written, w), append(x.touched, name)
			}
		}
		if copied {
			x.e.Attrs[name] = list
		}
	}
	return secrets, unnamed, nil
}

// toClassify are the attributes that may have to be sealed, in order.
func (x *edit) toClassify(names []tribune.Name) []tribune.Name {
	if x.retyped {
		return sortedNames(x.e.Attrs)
	}
	for i := range x.written {
		names = append(names, x.written[i].name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// subject is whose an attribute is: a name to be made a pseudonym, or the pseudonym that the entity has already.
func subject(s *step, peers []*step, x *edit, class tribune.Class, attr tribune.Name) (p tribune.Pseudonym, who subjectName, err error) {
	if class.Subject == "" || class.ID == tribune.ClassUnclassified {
		return p, subjectName{idtypeEntity, string(x.e.ID)}, nil
	}
	if name, said, err := s.says(peers, class.Subject); said {
		return p, subjectName{class.SubjectType, name}, err
	}
	names := append([]tribune.Name{class.Subject}, sortedNames(x.e.Attrs)...)
	for _, n := range names { // the subject attribute's own pseudonym first
		for i := range x.e.Attrs[n] {
			if sealed := x.e.Attrs[n][i].Sealed; sealed != nil && sealed.Class == class.ID && sealed.Pseudonym != p {
				return sealed.Pseudonym, who, nil
			}
		}
	}
	for i := range x.e.Attrs[class.Subject] { // a subject attribute that is public by another class
		if name, ok := text(x.e.Attrs[class.Subject][i].Value); ok {
			return p, subjectName{class.SubjectType, name}, nil
		}
	}
	return p, who, tribune.Hint(fmt.Errorf("%w: attribute %s belongs to class %s, whose subject %s is missing", tribune.ErrInvalid, attr, class.ID, class.Subject),
		"send %s, which says whose data these are, in the same request", class.Subject)
}

// says is the text value of an attribute in the step's mutation: the latest said so far, else the first said later.
func (s *step) says(peers []*step, attr tribune.Name) (name string, said bool, err error) {
	for i, peer := range peers {
		if i > s.index && said {
			break
		}
		for _, a := range peer.frag.of(attr) {
			if peer.res.Err != nil || peer.mode == DeleteAttr || len(a.Value) == 0 || a.Null() {
				continue
			}
			var ok bool
			if name, ok = text(a.Value); !ok {
				return "", true, notAName(attr)
			}
			said = true
			break
		}
	}
	return name, said, nil
}

func text(v json.RawMessage) (s string, ok bool) {
	return s, json.Unmarshal(v, &s) == nil && s != "" && len(s) <= maxName
}

// pseudonyms asks for names, all of one idtype at once.
func (t *Twin) pseudonyms(ctx context.Context, unnamed []subjectName, names map[subjectName]pseudonym) {
	byType := make(map[string][]string)
	for _, who := range unnamed {
		if _, ok := names[who]; !ok {
			names[who] = pseudonym{err: errUnanswered}
			byType[who.idtype] = append(byType[who.idtype], who.name)
		}
	}
	for idtype, list := range byType {
		ps, err := t.cfg.Sealer.Pseudonyms(ctx, idtype, list)
		for i, name := range list {
			if err == nil && i < len(ps) {
				names[subjectName{idtype, name}] = pseudonym{p: ps[i]}
			} else {
				names[subjectName{idtype, name}] = pseudonym{err: cmp.Or(err, errUnanswered)}
			}
		}
	}
}

var errUnanswered = errors.New("the vault gave fewer pseudonyms than names")

// seal has the vault seal all secrets of a commit, those of one subject and class at once, and fills the placeholders.
func (t *Twin) seal(ctx context.Context, at tribune.Place, secrets []secret) (writes []tribune.Write, committed []func(), err error) {
	type group struct {
		class tribune.ClassID
		p     tribune.Pseudonym
	}
	groups := make(map[group][]secret)
	var order []group
	for _, s := range secrets {
		g := group{s.class.ID, s.sealed.Pseudonym}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], s)
	}
	for _, g := range order {
		list := groups[g]
		items := make([]tribune.Item, len(list))
		for i := range list {
			items[i] = list[i].item
		}
		sealed, w, done, err := t.cfg.Sealer.Seal(ctx, at, list[0].class, g.p, items)
		if err != nil {
			return nil, nil, fmt.Errorf("sealing for class %s: %w", g.class, err)
		}
		if len(sealed) != len(items) {
			return nil, nil, &tribune.IntegrityError{What: "the vault's answer", Err: fmt.Errorf("%d values of %d", len(sealed), len(items))}
		}
		for i := range sealed {
			s := sealed[i]
			if s.Class != g.class || s.Pseudonym != g.p || s.Time != items[i].Time || len(s.Value) == 0 {
				return nil, nil, &tribune.IntegrityError{What: "the vault's answer", Err: errors.New("a value of another class, subject or time")}
			}
			s.Entity, s.Attr, s.Tokens = items[i].Entity, items[i].Attr, list[i].sealed.Tokens
			*list[i].sealed = s
		}
		writes = append(writes, w...)
		if done != nil {
			committed = append(committed, done)
		}
	}
	return writes, committed, nil
}
