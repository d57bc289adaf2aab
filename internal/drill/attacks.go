package drill

import (
	"fmt"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// attacks are all ways to ask for more. Each begins as an honest act on one subject and breaks one thing.
func (w *wide) attacks() []attack {
	return append(append(w.wider(), w.swapped()...), w.unlawful()...)
}

// wider ask for identities that the act does not give.
func (w *wide) wider() []attack {
	id := func(change func(*tribune.Identity)) func(*wide, *wish) error {
		return func(_ *wide, x *wish) error {
			change(&x.private.Subjects[0].IDs[0])
			return nil
		}
	}
	today := tribune.DayOf(time.Now())
	return []attack{
		{"two subjects in an act that says one", "2 subjects, but the leaf says 1", func(w *wide, x *wish) error {
			h, _ := w.segment(w.victims[1])
			if err := w.mark(x, w.victims[1], 0); err != nil {
				return err
			}
			x.private.Subjects[1].IDs = []tribune.Identity{h.id}
			return nil
		}},
		{"another subject's segment under this subject's name", "another subject", id(func(i *tribune.Identity) { i.Pseudonym = w.victims[1] })},
		{"another subject without its trace key", "trace key shown does not belong", func(w *wide, x *wish) error {
			h, _ := w.segment(w.victims[1])
			x.private.Subjects[0].P, x.private.Subjects[0].IDs = w.victims[1], []tribune.Identity{h.id}
			return nil
		}},
		{"a segment of another class", "another class", id(func(i *tribune.Identity) { i.Class = tribune.ClassUnclassified })},
		{"a segment before its window", "outside the act's window", func(_ *wide, x *wish) error {
			x.private.Inputs.From = x.act.Time
			return nil
		}},
		{"a segment of the future", "had not begun", func(_ *wide, x *wish) error {
			later := time.Now().Add(10 * time.Minute)
			x.private.Subjects[0].IDs[0].Day, x.private.Subjects[0].IDs[0].Segment = tribune.DayOf(later), tribune.SecondOf(later)
			x.private.Inputs.Until = protocol.Time(later.Add(time.Hour))
			return nil
		}},
		{"the whole day of today", "when the day is over", id(func(i *tribune.Identity) { i.Day, i.Segment = today, tribune.WholeDay })},
		{"a subject's trace identity", "subject identities only", id(func(i *tribune.Identity) {
			*i = tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: i.Pseudonym}
		})},
		{"the key of a tender", "subject identities only", id(func(i *tribune.Identity) { *i = tribune.Identity{Kind: tribune.IdentityTender, ID: "tender-1"} })},
		{"a subject twice, under two use numbers", "named twice", func(w *wide, x *wish) error {
			if err := w.mark(x, w.victims[0], 1); err != nil {
				return err
			}
			x.private.Subjects[1].IDs, x.act.Count = x.private.Subjects[0].IDs, 2
			return nil
		}},
		{"a segment without marking the use", "0 tags", func(_ *wide, x *wish) error {
			x.tags, x.traces = nil, nil
			return nil
		}},
		// The first of these leaves a gap in its subject's chain for ever, so it has a subject of its own.
		{"a use whose number skips one", "is not on record before use", func(w *wide, x *wish) error { return w.renumber(x, w.victims[2], 1) }},
		{"a use whose number was used before", "marked before", func(w *wide, x *wish) error {
			return w.renumber(x, w.inspectorsReading.Subjects[0].P, -1)
		}},
		{"a use whose tag is another number's", "not that of use", func(_ *wide, x *wish) error {
			x.private.Subjects[0].N++
			return nil
		}},
	}
}

// renumber makes the wish one about another subject, with a use number that is so many off.
func (w *wide) renumber(x *wish, p tribune.Pseudonym, off int64) error {
	h, ok := w.segment(p)
	if !ok {
		return fmt.Errorf("%w: a victim without a segment", errDrill)
	}
	x.private.Subjects, x.tags, x.traces = nil, nil, nil
	if err := w.mark(x, p, off); err != nil {
		return err
	}
	x.private.Subjects[0].IDs = []tribune.Identity{h.id}
	return nil
}

// swapped replace something after it was signed, committed to or recorded.
func (w *wide) swapped() []attack {
	return []attack{
		{"keys to be sealed to a recipient that the actor did not sign", "not signed with the key", func(_ *wide, x *wish) error {
			thief, err := protocol.NewRecipient()
			x.sealed = func(l *protocol.Leaf) { l.Act.Recipient = thief.Public() }
			return err
		}},
		{"more identities than the leaf commits to, with its true receipt", "do not fit the leaf's commitment", func(w *wide, x *wish) error {
			more := x.private
			more.Subjects = append([]protocol.Subject{}, more.Subjects...)
			h, _ := w.segment(w.victims[1])
			more.Subjects[0].IDs = append(append([]tribune.Identity{}, more.Subjects[0].IDs...), h.id)
			private, err := protocol.JCS(more)
			x.sent = func(r *protocol.Request) { r.Private = private }
			return err
		}},
		{"an opening with another salt", "do not fit the leaf's", func(_ *wide, x *wish) error {
			x.sent = func(r *protocol.Request) { r.Salt = protocol.NewSalt() }
			return nil
		}},
		{"a decision on other evidence than the leaf's", "evidence", func(w *wide, x *wish) error {
			x.sent = func(r *protocol.Request) { r.Evidence = w.enrolEvidence }
			return nil
		}},
		{"a leaf altered in the receipt", "receipt does not verify", func(_ *wide, x *wish) error {
			x.sent = func(r *protocol.Request) {
				r.Receipt = []byte(strings.Replace(string(r.Receipt), "extra ey", "extra ez", 1))
			}
			return nil
		}},
		{"a leaf under two co-signatures", "receipt does not verify.*2 of 4", func(_ *wide, x *wish) error {
			x.signatures = 2
			return nil
		}},
	}
}

// unlawful are acts that the law does not permit, or whose time or papers are not in order.
func (w *wide) unlawful() []attack {
	dated := func(by time.Duration) func(*wide, *wish) error {
		return func(_ *wide, x *wish) error {
			x.act.Time = protocol.Time(time.Now().Add(by))
			return nil
		}
	}
	return []attack{
		{"an act in the inspector's name that the hub's own key signed", "not signed with the key", func(w *wide, x *wish) error {
			x.key = w.hubKey
			return nil
		}},
		{"an act of ten minutes ago", "older than", dated(-10 * time.Minute)},
		{"an act of ten minutes ahead", "future", dated(10 * time.Minute)},
		{"an act that was denied", "denied", func(_ *wide, x *wish) error {
			x.decision.Permit = false
			return nil
		}},
		{"an act under an expired mandate", "ended", func(w *wide, x *wish) (err error) {
			x.act.Mandate = "parking-enforcement-2025"
			x.evidence.Mandate, err = w.mandate("parking-enforcement-2025")
			return err
		}},
		{"an act under a mandate whose issuer's signature is wrong", "signature|signed", func(w *wide, x *wish) error {
			text, _ := protocol.SplitDocument(x.evidence.Mandate)
			doc, err := forge(text)
			x.evidence.Mandate = doc
			return err
		}},
		{"an act that names one mandate and shows another", "not the one the act names", func(w *wide, x *wish) (err error) {
			x.evidence.Mandate, err = w.mandate("mobility-study-2026")
			return err
		}},
		{"an act for a purpose that its mandate does not carry", "does not permit|purpose", func(_ *wide, x *wish) error {
			x.act.Purpose = "plan-city"
			return nil
		}},
		{"an act under an appointment whose signature is wrong", "signature|signed|appointment", func(_ *wide, x *wish) error {
			text, _ := protocol.SplitDocument(x.evidence.Appointment)
			doc, err := forge(text)
			x.evidence.Appointment = doc
			return err
		}},
		{"an act decided under a law that is not in force", "in force is", func(_ *wide, x *wish) error {
			x.decision.Set[0] ^= 1
			return nil
		}},
		{"an act decided by other policies than decide it", "another decision", func(_ *wide, x *wish) error {
			x.decision.Policies = []string{"hub-may-everything"}
			return nil
		}},
		// Enrolment is the one act of the hub alone: what could it open by itself?
		{"a subject's data as an enrolment, signed by the hub itself", "one trace identity", func(w *wide, x *wish) error {
			w.enrolment(x)
			return nil
		}},
		{"a subject's data by a reading of the hub's own office", "does not permit|office", func(w *wide, x *wish) error {
			w.enrolment(x)
			x.act.Kind = tribune.ActRead
			x.private.Inputs = w.inspectorsReading.Inputs
			now := time.Now()
			x.private.Inputs.From, x.private.Inputs.Until = protocol.Time(now.Add(-24*time.Hour)), protocol.Time(now.Add(time.Second))
			return w.remark(x)
		}},
	}
}

// enrolment makes the wish one of the hub's own office, signed by its registered key.
func (w *wide) enrolment(x *wish) {
	x.private.Actor, x.private.Inputs = "hub", protocol.Inputs{Attrs: []tribune.Name{}}
	x.private.Subjects[0].N = 0
	x.tags, x.traces = nil, nil
	x.act.Kind, x.act.Office, x.act.Purpose, x.act.Mandate = tribune.ActEnrol, "data-hub", "keep-trace", "trace-keeping-2026"
	x.evidence, x.decision, x.key = w.enrolEvidence, w.enrolDecision, w.hubKey
}

// remark numbers the wish's subject again.
func (w *wide) remark(x *wish) error { return w.renumber(x, x.private.Subjects[0].P, 0) }
