package policy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Reign is a time from which on one set was in force, until the next reign. The first begins before all time: what was sealed before
// any law stood on record, while a city was being founded, is judged by its first law.
type Reign struct {
	Set  tribune.Hash
	From time.Time // zero for the first
}

// Reigns are the sets that were in force, in order, as far as the leaves before index say, up to a time. told are the same by the
// record's own times: they differ for who came late, and was shown since when some laws have been public and not others. Data are
// held against both.
func (c *Chain) Reigns(ctx context.Context, index uint64, at time.Time) (reigns, told []Reign, err error) {
	all, err := c.rulings(ctx, index)
	if err != nil {
		return nil, nil, err
	}
	all = slices.DeleteFunc(all, func(r Ruling) bool { return r.Never || r.Wait && r.From.After(at) })
	return reignsOf(all, func(r Ruling) time.Time { return r.From }), reignsOf(all, func(r Ruling) time.Time { return r.Then }), nil
}

// reignsOf orders rulings that have all come to count. A ruling ends those before it in the record, also where these would have counted
// later only. The first begins before all time, whenever its leaf was seen: else a law that is proven older would take its place.
func reignsOf(all []Ruling, since func(Ruling) time.Time) (out []Reign) {
	for i, r := range all {
		from := since(r)
		if i == 0 {
			from = time.Time{}
		}
		for n := len(out); n > 0 && !out[n-1].From.Before(from); n-- {
			out = out[:n-1]
		}
		if n := len(out); n == 0 || out[n-1].Set != r.Set {
			out = append(out, Reign{r.Set, from})
		}
	}
	return out
}

// sealing is what of an act was sealed under one earlier set.
type sealing struct {
	set      tribune.Hash
	until    time.Time // when that set's last reign that matters ended
	subjects map[tribune.Pseudonym]bool
}

// sealedEarlier finds whose data an act opens that were sealed under another set than the last: of a segment by every set that was in
// force in the time it may have lasted, of a whole day by every set that was in force on it.
func sealedEarlier(reigns []Reign, ids []tribune.Identity) []sealing {
	if len(reigns) < 2 {
		return nil
	}
	last := reigns[len(reigns)-1]
	var out []sealing
	for _, id := range ids {
		if id.Kind != tribune.IdentitySubject { // a trace key opens no sealed data
			continue
		}
		from := tribune.SegmentStart(id.Day, id.Segment)
		until := from.Add(tribune.SegmentMax - time.Nanosecond)
		if id.Segment == tribune.WholeDay {
			from = tribune.SegmentStart(id.Day, 0)
			until = from.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		if !from.Before(last.From) {
			continue
		}
		for i, r := range reigns {
			end := time.Time{}
			if i+1 < len(reigns) {
				end = reigns[i+1].From
			}
			if r.Set == last.Set || r.From.After(until) || !end.IsZero() && !from.Before(end) {
				continue
			}
			j := slices.IndexFunc(out, func(s sealing) bool { return s.set == r.Set })
			if j < 0 {
				j, out = len(out), append(out, sealing{set: r.Set, subjects: map[tribune.Pseudonym]bool{}})
			}
			out[j].subjects[id.Pseudonym] = true
			if end.After(out[j].until) {
				out[j].until = end
			}
		}
	}
	return out
}

// Earlier is the second decision of protocol 22: an act that opens what was sealed while another set was in force must be permitted by
// that set, too, as if it were in force now; a power that came later does not reach back. Else each subject concerned must have consented.
// s is the set in force, which has permitted the act; reigns are those up to the act, s the last; act.Scope.Identities is what it opens.
// It returns what is missing, in words as of a decision, nothing where the act may go on; and the consents it rests on, whose
// appointments are still to be found on record.
func (s *Set) Earlier(act tribune.Act, evidence tribune.Evidence, reigns []Reign, load func(tribune.Hash) (*Set, error)) (missing []string, rests []protocol.SignedConsent, err error) {
	var consents map[tribune.Pseudonym]protocol.SignedConsent
	for _, e := range sealedEarlier(reigns, act.Scope.Identities) {
		old, err := load(e.set)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the law under which data were sealed: %w", err)
		}
		d := old.Decide(act, evidence)
		if d.Permit {
			continue
		}
		if consents == nil {
			consents = s.consents(act, evidence)
		}
		for p := range e.subjects {
			c, ok := consents[p]
			if !ok {
				why := "no policy of then permits it"
				if len(d.Missing) > 0 {
					why = d.Missing[0]
				}
				return []string{fmt.Sprintf("part of this arrived under an older law, before %s, and that law does not permit the act: %s; nor have the people concerned consented", e.until.UTC().Format(time.RFC3339), why)}, nil, nil
			}
			rests = append(rests, c)
		}
	}
	return nil, rests, nil
}

// consents are those in the evidence that hold for this act, by subject.
func (s *Set) consents(act tribune.Act, evidence tribune.Evidence) map[tribune.Pseudonym]protocol.SignedConsent {
	out := map[tribune.Pseudonym]protocol.SignedConsent{}
	for i, doc := range evidence.Consents {
		if i == protocol.MaxConsents {
			break
		}
		c, err := protocol.DecodeConsent(doc)
		if err == nil && s.consented(c, act) {
			out[c.Consent.Subject] = c
		}
	}
	return out
}

// consented: the consent is for this act, of now, and signed by the key that the council has bound to its subject; the appointment was
// in force when it was given.
func (s *Set) consented(c protocol.SignedConsent, act tribune.Act) bool {
	e := s.appointment(c.Appointment)
	if e.missing != "" {
		return false
	}
	ap := e.appointment
	given, _, err := c.Consent.Span()
	return err == nil && c.Consent.City == s.city && ap.Subject != nil && *ap.Subject == c.Consent.Subject &&
		!given.Before(ap.From) && given.Before(ap.Until) && c.Verify(ap.Key) == nil &&
		c.Consent.Permits(c.Consent.Subject, act.Scope.Class, act.Caller.Purpose, act.Caller.Office, act.At)
}
