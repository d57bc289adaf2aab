package twin

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// pastChange is what makes the row of an instance unlike any other: 16 bytes, as those of changes with an ID.
func pastChange(now time.Time, n uint32) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(now.UnixNano()))
	b = binary.BigEndian.AppendUint32(b, n)
	return binary.BigEndian.AppendUint32(b, rand.Uint32())
}

// classify replaces an instance of the past by a placeholder where a class says that it must be sealed, as
// Twin.classify does with the present.
func (e *evolver) classify(name tribune.Name, a *model.Attr) (*secret, error) {
	types := e.types()
	class := e.t.classOf(types, name, a)
	if name == model.ScopeName || !class.Personal && class.ID != tribune.ClassUnclassified {
		return nil, nil
	}
	if e.t.cfg.Sealer == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: attribute %s is personal (class %s) and there is no vault", tribune.ErrInvalid, name, class.ID),
			"classify the attribute as public, or run the city with its guardians")
	}
	p, who, err := e.subject(types, class, name, a)
	if err != nil {
		return nil, err
	}
	if who.name != "" {
		known, ok := e.names[who]
		if !ok {
			e.unnamed = append(e.unnamed, who)
		}
		if known.err != nil {
			return nil, fmt.Errorf("naming the subject of attribute %s: %w", name, known.err)
		}
		p = known.p
	}
	item := tribune.Item{Entity: e.p.Entity.ID, Attr: itemAttr(name, a.Dataset), Time: stamp(a.ModifiedAt), Clear: padded(ClearAttr(*a))}
	placeholder := &tribune.Sealed{Class: class.ID, Pseudonym: p, Entity: item.Entity, Attr: item.Attr, Time: item.Time}
	expires := a.Expires()
	*a = model.Attr{Dataset: a.Dataset, CreatedAt: a.CreatedAt, ModifiedAt: a.ModifiedAt, Sealed: placeholder}
	a.SetRare(model.Rare{ExpiresAt: expires})
	return &secret{placeholder, class, item}, nil
}

// subject is whose an instance is. A subject attribute names its own.
func (e *evolver) subject(types []tribune.Name, class tribune.Class, name tribune.Name, a *model.Attr) (p tribune.Pseudonym, who subjectName, err error) {
	if name == class.Subject {
		own, ok := text(a.Value)
		if !ok {
			return p, who, notAName(name)
		}
		return p, subjectName{class.SubjectType, own}, nil
	}
	x := &edit{e: &model.Entity{ID: e.p.Entity.ID, Types: types}}
	if e.cur != nil {
		x.e.Attrs = e.cur.Attrs
	}
	return subject(e.s, e.s.peers, x, class, name)
}

// types are those that the law knows the entity by: of its current state, of its evolution, and those just given.
func (e *evolver) types() []tribune.Name {
	var x model.Entity
	describeEvolution(&x, e.cur, e.head)
	describeEvolution(&x, nil, &pastHead{types: e.p.Entity.Types})
	return x.Types
}

// seal fills the placeholders and adds the vault's writes to the batch.
func (e *evolver) seal(ctx context.Context, secrets []secret) error {
	if len(secrets) == 0 {
		return nil
	}
	writes, committed, err := e.t.seal(ctx, e.w.at, secrets)
	if err != nil {
		return err
	}
	e.batch.Add(writes...)
	e.committed = append(e.committed, committed...)
	return nil
}
