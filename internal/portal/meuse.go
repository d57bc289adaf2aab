package portal

import (
	"cmp"
	"context"
	"time"

	"tribune"
	"tribune/protocol"
)

// meUse is one use of a person's data, told so that the person understands it: who, why, by which law, when, with what outcome.
type meUse struct {
	Use
	Of   int    // which name of theirs
	Type string // what kind of name

	At      time.Time
	Self    bool   // it was the person themselves
	Who     string // the office; the record does not name the employee
	What    string
	Why     string // the purpose's title, and its description
	WhyLong string
	Basis   string
	Issuer  string
	Until   time.Time // the mandate's last day
	Classes []string  // of data that the mandate is for
	Rules   []ownRule
	Outcome string // what it came to
	Permit  bool

	Asking whyPiece // asking the office why

	Opened time.Time // without the guardians; zero = with them
	Reason string    // that the two gave who did it

	Standing    uint64 // entry of the subscription under which it happened
	HasStanding bool

	For string // whose uses a representative looks at; "" = one's own
}

// compare orders by time on record: the index is the log's own order.
func (u meUse) compare(o meUse) int { return cmp.Compare(u.Index, o.Index) }

// tell puts a use into words, by the law that decided it.
func (p *Portal) tell(ctx context.Context, w *words, u *meUse) {
	a, d := u.Leaf.Act, u.Leaf.Decision
	set := p.cfg.Law.Set()
	if then, err := p.cfg.Law.Load(d.Set); err == nil {
		set = then
	}
	n := p.naming(w).in(set)
	u.At, _ = a.When()
	u.Self, u.Permit = a.Office == dataSubject, d.Permit
	u.Who, u.Why, u.Basis = n.office(string(a.Office)), n.purpose(string(a.Purpose)), n.mandate(string(a.Mandate))
	if reason, ok := set.Purpose(a.Purpose); ok {
		u.WhyLong = w.T(reason.Description)
	}
	if m, ok := n.mandates[a.Mandate]; ok {
		u.Issuer, u.Until = m.Issuer, lastDay(m.Until)
		for _, c := range m.Classes {
			u.Classes = append(u.Classes, n.class(string(c)))
		}
	}
	for _, id := range d.Policies {
		u.Rules = append(u.Rules, p.ruleIn(&d.Set, id))
	}
	if a.Kind == tribune.ActVital {
		if p.vitalTold(ctx, u); u.For != "" {
			u.Reason = "" // what the two wrote of a person's need is for that person: it may be about who acts for them
		}
	}
	if a.Kind == tribune.ActDelivery {
		u.Standing, u.HasStanding = p.standingEntry(ctx, standingOf(u.Leaf))
	}
	u.What, u.Outcome = useDeed(w, u), useOutcome(w, u)
	if a.Kind == tribune.ActRepresent {
		p.represented(w, u)
	}
	if u.For != "" {
		forWard(w, u)
	}
}

func useDeed(w *words, u *meUse) string {
	others := protocol.OthersIn(u.Leaf.Act.Count) // how many exactly would tell who
	switch {
	case u.Self && u.Leaf.Act.Kind == tribune.ActRead:
		return w.T("You looked at your own data.")
	case u.Leaf.Act.Kind == tribune.ActRead && others == protocol.FewOthers:
		return w.T("%s looked up data about you and fewer than ten others.", u.Who)
	case u.Leaf.Act.Kind == tribune.ActRead && others == protocol.SomeOthers:
		return w.T("%s looked up data about you and ten to a hundred others.", u.Who)
	case u.Leaf.Act.Kind == tribune.ActRead && others == protocol.ManyOthers:
		return w.T("%s looked up data about you and a hundred others or more.", u.Who)
	case u.Leaf.Act.Kind == tribune.ActRead:
		return w.T("%s looked up data about you.", u.Who)
	case u.Leaf.Act.Kind == tribune.ActDelivery:
		return w.T("%s was told of new data about you, as they arrived on that day, under a subscription.", u.Who)
	case u.Self && u.Leaf.Act.Kind == tribune.ActErase:
		return w.T("You had erased what was held about you.")
	case u.Leaf.Act.Kind == tribune.ActErase:
		return w.T("%s had erased what was held about you.", u.Who)
	case u.Leaf.Act.Kind == tribune.ActVital:
		return w.T("Two people of “%s” opened data about you while the guardians could not be reached.", u.Who)
	case u.Leaf.Act.Kind == tribune.ActExtension:
		return w.T("%s put off when you learn of a hidden investigation.", u.Who)
	case u.Leaf.Act.Kind == tribune.ActDecide:
		return w.T("%s used a power that concerns you.", u.Who)
	}
	title, _ := kindWords(w, u.Leaf.Act.Kind)
	return w.T("%s did something that concerns you (“%s”).", u.Who, title)
}

func useOutcome(w *words, u *meUse) string {
	switch {
	case !u.Permit:
		return w.T("Nothing was opened.")
	case u.Leaf.Act.Kind == tribune.ActErase:
		return w.T("Since then guardians open nothing that was held about you up to that day. It is final once the key of that time is destroyed, 30 days later at the latest.")
	case u.Leaf.Act.Kind == tribune.ActVital:
		return w.T("They saw it for 15 minutes at most. It was put on record, with your mark, once the guardians were back.")
	case u.Leaf.Act.Kind == tribune.ActDelivery:
		return w.T("Nothing that rests here was opened. What arrived about you on that day was sent to this office before it was sealed; one day is one use.")
	case u.Self:
		return w.T("The answer went to your browser.")
	case u.Leaf.Act.Kind == tribune.ActDecide || u.Leaf.Act.Kind == tribune.ActExtension:
		return w.T("No sealed data were opened by it.")
	}
	return w.T("From then on this office could read what it asked for. It may also have found nothing: a question about you counts as a use, whatever the answer.")
}
