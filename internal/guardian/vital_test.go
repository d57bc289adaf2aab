package guardian

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

// told is a disclosure of an opening without guardians, as an honest hub tells it; a test spoils one part.
type told struct {
	order   protocol.VitalOrder
	use     protocol.VitalUse
	signers []tribune.ActorID
	signs   []tribune.ActorID // with whose keys; nil = their own
	at      time.Time
	p       tribune.Pseudonym
	n       uint64
	trace   []byte
	tag     func(*tribune.Tag)
}

// told is an opening of these seconds, as it should be.
func (w *world) told(p tribune.Pseudonym, n uint64, trace []byte) *told {
	w.t.Helper()
	now := time.Now()
	to, err := protocol.NewRecipient()
	if err != nil {
		w.t.Fatal(err)
	}
	return &told{
		order: protocol.VitalOrder{At: protocol.Time(now), City: testCity, Class: "telecare-address", Entity: "urn:ngsi-ld:TelecareAlarm:1", ID: protocol.NewID(), Keys: []uint64{7}, Mandate: "vital-2026",
			Office: "ambulance-dispatch", Purpose: "save-a-life", Reason: "pressed", Recipient: to.Public(), Version: protocol.VitalVersion},
		use:     protocol.VitalUse{Back: protocol.Time(now), Class: "telecare-address", Keys: []uint64{7}, Opened: protocol.Time(now), Policies: []string{"two-dispatchers-without-guardians"}, Set: w.set.Hash()},
		signers: []tribune.ActorID{law.Dispatcher, law.OtherDispatcher}, at: now, p: p, n: n, trace: trace,
	}
}

// disclosed puts it on record and returns the request by which guardians check it.
func (w *world) disclosed(d *told) protocol.Request {
	w.t.Helper()
	c := w.newAct(tribune.ActVital, d.signers[0], d.order.Office, d.order.Purpose, "vital-2026")
	c.at = d.at
	private := protocol.VitalPrivate{Order: d.order}
	for i, who := range d.signers {
		msg, err := d.order.Message(who)
		if err != nil {
			w.t.Fatal(err)
		}
		signs := who
		if d.signs != nil {
			signs = d.signs[i]
		}
		a := w.appoint[who]
		private.Signers = append(private.Signers, protocol.VitalSigner{Actor: who, Appointment: a.doc, AppointmentIndex: a.index, AppointmentSalt: a.salt, Signature: ed25519.Sign(w.keys[signs], msg)})
	}
	note, err := protocol.JCS(private)
	if err != nil {
		w.t.Fatal(err)
	}
	c.priv.Inputs = protocol.Inputs{Attrs: []tribune.Name{}, Class: d.order.Class, Note: string(note)}
	c.priv.Subjects = []protocol.Subject{{P: d.p, N: d.n, IDs: []tribune.Identity{}}}
	k, err := protocol.TraceKey(d.trace)
	if err != nil {
		w.t.Fatal(err)
	}
	c.traces, c.tags = [][]byte{d.trace}, []tribune.Tag{protocol.UseTag(k, d.n)}
	if d.tag != nil {
		d.tag(&c.tags[0])
	}
	c.spoilAct = func(a *protocol.Act) { a.ID, a.Recipient = d.order.ID, nil }
	c.spoilLeaf = func(l *protocol.Leaf) {
		l.Decision = tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}
		if l.Public, err = protocol.JCS(d.use); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.build(c)
}

// A guardian that could not be asked says afterwards what it would have refused.
func TestADisclosureIsCheckedAsIfWeHadBeenAsked(t *testing.T) {
	w := newWorld(t)
	w.found()
	p, other := tribune.Pseudonym{1}, tribune.Pseudonym{2}
	traces := w.enrol(p, other)
	uses := uint64(0)
	for _, c := range []struct {
		what  string
		spoil func(*told)
		want  string // "" = checked
	}{
		{"as it should be", func(*told) {}, ""},
		{"one person twice", func(d *told) { d.signers[1] = law.Dispatcher }, "two people"},
		{"one person's key under the other's name", func(d *told) { d.signs = []tribune.ActorID{law.Dispatcher, law.Dispatcher} }, "not signed"},
		{"somebody of another office", func(d *told) { d.signers[1] = law.Inspector }, "another office"},
		{"a class that is not flagged", func(d *told) { d.order.Class, d.use.Class = "parking-session", "parking-session" }, "does not let"},
		{"another class than was signed for", func(d *told) { d.use.Class = "parking-session" }, "another one"},
		{"more keys than were signed for", func(d *told) { d.use.Keys = []uint64{7, 8} }, "another one"},
		{"an order of long before", func(d *told) { d.order.At = protocol.Time(d.at.Add(-6 * time.Minute)) }, "minutes before"},
		{"another law", func(d *told) { d.use.Set[0] ^= 1 }, "in force then"},
		{"another policy", func(d *told) { d.use.Policies = []string{"dispatcher-finds-an-alarm"} }, "policies named"},
		{"told a day and an hour after reconnection", func(d *told) {
			d.use.Opened, d.use.Back = protocol.Time(d.at.Add(-26*time.Hour)), protocol.Time(d.at.Add(-25*time.Hour))
			d.order.At = d.use.Opened
		}, "after reconnection"},
		{"signed before anybody was appointed", func(d *told) {
			d.use.Opened = protocol.Time(d.at.Add(-3 * time.Minute))
			d.order.At = d.use.Opened
		}, "not on record before"},
		{"a mark that is nobody's", func(d *told) { d.tag = func(t *tribune.Tag) { t[0] ^= 1 } }, "not that of use"},
		{"a mark that leaves a gap", func(d *told) { d.n += 3 }, "not on record before"},
		{"another person's mark", func(d *told) { d.trace = traces[other] }, "does not belong"},
		{"shown half a day after it was on record", func(d *told) { // as a hub does that was killed in between
			d.at = d.at.Add(-12 * time.Hour)
			d.use.Opened, d.use.Back = protocol.Time(d.at), protocol.Time(d.at)
			d.order.At = d.use.Opened
		}, "not on record before"}, // nobody was appointed then; its time is no reason
		{"on record a day and an hour after reconnection, and dated to it", func(d *told) {
			d.at = d.at.Add(-25 * time.Hour)
			d.use.Opened, d.use.Back = protocol.Time(d.at), protocol.Time(d.at)
			d.order.At = d.use.Opened
		}, "after reconnection"},
		{"an hour ahead", func(d *told) {
			d.at = d.at.Add(time.Hour)
			d.use.Back = protocol.Time(d.at)
		}, "future"},
	} {
		d := w.told(p, uses+1, traces[p])
		c.spoil(d)
		if d.tag == nil && d.n == uses+1 && d.trace != nil && &d.trace[0] == &traces[p][0] {
			uses++
		}
		checked, err := w.guards[0].vital(t.Context(), w.disclosed(d))
		var no *refusal
		switch {
		case c.want == "" && (err != nil || checked.Verify(w.guards[0].self.key.Public().(ed25519.PublicKey)) != nil):
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (!errors.As(err, &no) || !strings.Contains(no.reason, c.want)):
			t.Errorf("%s: got %v, want a refusal with %q", c.what, err, c.want)
		}
	}
}

// A disclosure that was on record in time is found right weeks later, by the receipt of then; one that was put on record late is not, however early its
// hub dates it, and whenever it shows it.
func TestADisclosureIsCheckedWeeksLaterByWhenItWasOnRecord(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{1}
	trace := w.enrol(p)[p]
	inTime := w.disclosed(w.told(p, 1, trace))
	late := w.told(p, 2, trace)
	late.at = late.at.Add(-protocol.VitalWithin - time.Hour)
	late.order.At, late.use.Opened, late.use.Back = protocol.Time(late.at), protocol.Time(late.at), protocol.Time(late.at)
	lately := w.disclosed(late)
	for _, after := range []time.Duration{0, protocol.VitalWithin + time.Hour, 21 * 24 * time.Hour} {
		for _, g := range w.guards {
			g.ahead.Store(int64(after))
		}
		if _, err := w.guards[0].vital(t.Context(), inTime); err != nil {
			t.Errorf("on record in time, shown %s later: %v", after, err)
		}
		var no *refusal
		if _, err := w.guards[0].vital(t.Context(), lately); !errors.As(err, &no) || !strings.Contains(no.reason, "after reconnection") {
			t.Errorf("put on record late, shown %s later: %v", after, err)
		}
	}
}
