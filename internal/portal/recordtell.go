package portal

import (
	"tribune"
	"tribune/policy"
)

// naming turns the ids of the record into what people call them: titles of the law in force, words of the reader's
// language. What the law does not know keeps its id.
type naming struct {
	w        *words
	set      *policy.Set // nil = no law at hand
	mandates map[tribune.MandateID]tribune.Mandate
}

func (p *Portal) naming(w *words) naming {
	n := naming{w: w}
	if p.cfg.Law != nil {
		n.set = p.cfg.Law.Set()
		n.mandates = map[tribune.MandateID]tribune.Mandate{}
		for _, m := range p.cfg.Law.Mandates() {
			n.mandates[m.ID] = m
		}
	}
	return n
}

// in is the naming by another policy set.
func (n naming) in(set *policy.Set) naming {
	if set != nil {
		n.set = set
	}
	return n
}

func (n naming) office(id string) string {
	if n.set != nil {
		if o, ok := n.set.Office(tribune.OfficeID(id)); ok {
			return n.w.T(o.Title)
		}
	}
	return id
}

func (n naming) purpose(id string) string {
	if id == "unregistered" {
		return n.w.T("a purpose that is not in the register")
	}
	if n.set != nil {
		if p, ok := n.set.Purpose(tribune.PurposeID(id)); ok {
			return n.w.T(p.Title)
		}
	}
	return id
}

func (n naming) mandate(id string) string {
	if id == "unregistered" {
		return n.w.T("a mandate that is not in the register")
	}
	if m, ok := n.mandates[tribune.MandateID(id)]; ok {
		return n.w.T(m.Basis)
	}
	return id
}

func (n naming) class(id string) string {
	if n.set != nil {
		if c, ok := n.set.Class(tribune.ClassID(id)); ok {
			return n.w.T(c.Title)
		}
	}
	return id
}

// kind is the name of a kind of act, as a filter offers it.
func (n naming) kind(k tribune.ActKind) string {
	if title, _ := kindWords(n.w, k); title != "" {
		return title
	}
	return string(k)
}

// line is an entry as people read it.
type line struct {
	entry
	Who, What, Why, Basis string
	Reasons               []string // where the index keeps only a part, that part
	Housekeeping          bool
}

func (n naming) line(e entry) line {
	l := line{entry: e, Who: n.office(e.Office), What: n.deed(e), Why: n.purpose(e.Purpose), Basis: n.mandate(e.Mandate), Reasons: e.Missing, Housekeeping: bookkeeping(e.Kind)}
	if e.Broken {
		l.Who = n.w.T("Unknown")
	}
	return l
}

func (n naming) lines(all []entry) []line {
	out := make([]line, len(all))
	for i, e := range all {
		out[i] = n.line(e)
	}
	return out
}

// deed says what an office did; the office is its subject.
func (n naming) deed(e entry) string {
	w := n.w
	switch {
	case e.Broken:
		return w.T("wrote something that this program cannot read")
	case !e.Permit:
		return n.refusedDeed(e.Kind)
	case e.Kind == tribune.ActRead && e.Count == 0:
		return w.T("asked for personal data; nobody was concerned")
	case e.Kind == tribune.ActRead:
		return w.N(e.Count, "looked up the data of %s person", "looked up the data of %s people")
	case e.Kind == tribune.ActStanding:
		return w.T("subscribed to personal data: until its mandate ends it may be told of them as they arrive")
	case e.Kind == tribune.ActDelivery:
		return w.N(e.Count, "was told of new data of %s person, under a subscription", "was told of new data of %s people, under a subscription")
	case e.Kind == tribune.ActDecide && e.Count > 0:
		return w.N(e.Count, "used its power over %s person", "used its power over %s people")
	case e.Kind == tribune.ActDecide:
		return w.T("used its power")
	case e.Kind == tribune.ActErase:
		return w.N(e.Count, "had the data of %s person erased, up to that day", "had the data of %s people erased, up to that day")
	case e.Kind == tribune.ActEnrol:
		return w.N(e.Count, "made the private mark by which %s person finds the uses of their data", "made the private marks by which %s people find the uses of their data")
	case e.Kind == tribune.ActVital:
		return w.N(e.Count, "opened the data of %s person without the guardians, by two people, while they could not be reached", "opened the data of %s people without the guardians, by two people, while they could not be reached")
	case e.Kind == tribune.ActVitalKeys:
		return w.T("published which single-use keys there are for when the guardians cannot be reached")
	case e.Kind == tribune.ActLaw:
		return w.T("published the law of the platform")
	case e.Kind == tribune.ActAppoint:
		return w.T("put an appointment to an office on record")
	case e.Kind == tribune.ActDevice:
		return w.T("put the document of a device on record")
	case e.Kind == tribune.ActCeremony:
		return w.T("passed on a message of the guardians’ key ceremony")
	case e.Kind == tribune.ActIndex:
		return w.T("published the index by which people find the uses of their data; guardians have signed it")
	case e.Kind == tribune.ActRepresent:
		return w.T("put on record what concerns a person and whoever may act for them")
	case e.Kind == tribune.ActPublish:
		return w.T("put an explanation of a model on record, which an auditor had passed")
	case e.Kind == tribune.ActExtension:
		return w.T("put off, under a further warrant, when somebody learns of a hidden investigation")
	case e.Kind == tribune.ActRefusals:
		return w.T("published how many further requests were refused in a day")
	}
	return w.T("did an act of kind “%s”", n.kind(e.Kind))
}

// Office, Purpose and Class are for pages.
func (n naming) Office(id tribune.OfficeID) string   { return n.office(string(id)) }
func (n naming) Purpose(id tribune.PurposeID) string { return n.purpose(string(id)) }
func (n naming) Class(id tribune.ClassID) string     { return n.class(string(id)) }
