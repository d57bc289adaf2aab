package guardian

import (
	"bytes"
	"time"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

// act is an act on its way to the record, as an honest hub builds it; a test spoils one part.
type act struct {
	at        time.Time
	kind      tribune.ActKind
	caller    tribune.Caller
	priv      protocol.Private
	salt      []byte
	traces    [][]byte
	tags      []tribune.Tag
	evidence  tribune.Evidence
	recipient *protocol.Recipient

	spoilAct  func(*protocol.Act)  // before it is signed
	spoilLeaf func(*protocol.Leaf) // before it is on record
	signers   []int                // guardians whose co-signatures the receipt shows; nil = all
	index     uint64
}

var sessionAttrs = []tribune.Name{"https://uri.etsi.org/ngsi-ld/default-context/licensePlate", "https://uri.etsi.org/ngsi-ld/default-context/startedAt"}

// reading is an inspector's look at subjects, over the last 30 days.
func (w *world) reading(subjects []protocol.Subject, traces map[tribune.Pseudonym][]byte) *act {
	w.t.Helper()
	now := time.Now()
	c := w.newAct(tribune.ActRead, law.Inspector, "parking-inspector", "enforce-parking", "parking-enforcement-2026")
	c.priv.Inputs = protocol.Inputs{Attrs: sessionAttrs, Class: "parking-session", From: protocol.Time(now.AddDate(0, 0, -30)), Until: protocol.Time(now.Add(time.Second))}
	c.priv.Subjects = subjects
	for _, s := range subjects {
		k, err := protocol.TraceKey(traces[s.P])
		if err != nil {
			w.t.Fatal(err)
		}
		c.traces, c.tags = append(c.traces, traces[s.P]), append(c.tags, protocol.UseTag(k, s.N))
	}
	return c
}

func (w *world) enrolment(subjects []protocol.Subject) *act {
	c := w.newAct(tribune.ActEnrol, law.Hub, "data-hub", "keep-trace", "trace-keeping-2026")
	c.priv.Inputs.Attrs = []tribune.Name{}
	c.priv.Subjects = subjects
	c.tags = []tribune.Tag{}
	return c
}

func (w *world) newAct(kind tribune.ActKind, actor tribune.ActorID, office tribune.OfficeID, purpose tribune.PurposeID, mandate tribune.MandateID) *act {
	w.t.Helper()
	recipient, err := protocol.NewRecipient()
	if err != nil {
		w.t.Fatal(err)
	}
	ap := w.appoint[actor]
	return &act{
		at: time.Now(), kind: kind, salt: protocol.NewSalt(), recipient: recipient,
		caller:   tribune.Caller{Actor: actor, Office: office, Purpose: purpose, Mandate: mandate},
		priv:     protocol.Private{Actor: actor},
		evidence: tribune.Evidence{Mandate: w.doc("mandates/" + string(mandate) + ".toml"), Appointment: ap.doc, AppointmentSalt: ap.salt, AppointmentIndex: ap.index},
	}
}

// build puts the act on record and returns the request for its keys.
func (w *world) build(c *act) protocol.Request {
	w.t.Helper()
	private, err := protocol.JCS(c.priv)
	if err != nil {
		w.t.Fatal(err)
	}
	com, err := protocol.Commitment(c.salt, private)
	if err != nil {
		w.t.Fatal(err)
	}
	a := protocol.Act{Com: com, Count: len(c.priv.Subjects), ID: protocol.NewID(), Kind: c.kind, Mandate: c.caller.Mandate,
		Office: c.caller.Office, Purpose: c.caller.Purpose, Recipient: c.recipient.Public(), Time: protocol.Time(c.at)}
	if c.spoilAct != nil {
		c.spoilAct(&a)
	}
	sig, err := a.Sign(w.keys[c.priv.Actor])
	if err != nil {
		w.t.Fatal(err)
	}
	input, err := protocol.InputHash(c.salt, c.evidence)
	if err != nil {
		w.t.Fatal(err)
	}
	whole, err := actOf(a, c.priv)
	if err != nil {
		w.t.Fatal(err)
	}
	decision := w.set.Decide(whole, c.evidence)
	leaf := protocol.Leaf{Version: 1, Act: a, Decision: decision, Input: input, Signature: sig, Tags: c.tags}
	if c.spoilLeaf != nil {
		c.spoilLeaf(&leaf)
	}
	raw, err := leaf.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	index, checkpoint := w.publishLeaf(raw)
	c.index = index
	if c.signers != nil {
		checkpoint = w.onlySigned(checkpoint, c.signers)
	}
	return protocol.Request{Receipt: w.log.Receipt(index, w.log.Size(), checkpoint), Private: private, Salt: c.salt, Evidence: c.evidence, Traces: c.traces}
}

// onlySigned cuts a checkpoint's lines down to the log's and the given guardians'.
func (w *world) onlySigned(checkpoint []byte, guards []int) []byte {
	text, lines, _ := bytes.Cut(checkpoint, []byte("\n\n"))
	out := append(bytes.Clone(text), "\n\n"...)
	for i, line := range bytes.SplitAfter(lines, []byte("\n")) {
		keep := i == 0 // the log's
		for _, g := range guards {
			keep = keep || bytes.HasPrefix(line, []byte("\u2014 "+w.group.Guardians[g].Name+" "))
		}
		if keep {
			out = append(out, line...)
		}
	}
	return out
}

// session is a subject identity of the class parking-session.
func session(p tribune.Pseudonym, day, segment uint32) tribune.Identity {
	return tribune.Identity{Kind: tribune.IdentitySubject, Pseudonym: p, Class: "parking-session", Day: day, Segment: segment}
}
