package guardian

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

// A person's own key opens their own data and nobody else's, whatever the hub says: a hub that was taken over could else make
// itself anybody's key by asking the council for its own.
func TestKeyForOnesOwnDataOpensNobodyElses(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna, ben := tribune.Pseudonym{21}, tribune.Pseudonym{22}
	traces := w.enrol(anna, ben)
	const actor = "person-anna"
	public, key, _ := ed25519.GenerateKey(nil)
	w.keys[actor] = key
	signer, err := note.NewSigner(w.council)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	doc, err := protocol.SignDocument(fmt.Sprintf("actor = %q\noffice = \"data-subject\"\nkey = %q\nsubject = %q\nfrom = %s\nuntil = %s\n",
		actor, base64.StdEncoding.EncodeToString(public), anna, now.Format(time.DateOnly), now.AddDate(0, 0, 30).Format(time.DateOnly)), signer)
	if err != nil {
		t.Fatal(err)
	}
	salt := protocol.NewSalt()
	com, err := protocol.Commitment(salt, doc)
	if err != nil {
		t.Fatal(err)
	}
	index, _ := w.publishLeaf(w.housekeeping(tribune.ActAppoint, com, nil))
	w.appoint[actor] = appointed{doc: doc, salt: salt, index: index}
	reading := func(subjects ...protocol.Subject) *act {
		c := w.reading(subjects, traces)
		own := w.newAct(tribune.ActRead, actor, "data-subject", "subject-access", "subject-access-2026")
		c.caller, c.evidence, c.priv.Actor = own.caller, own.evidence, own.priv.Actor
		c.spoilLeaf = func(l *protocol.Leaf) { // a hub that does not care what its gate says
			if !l.Decision.Permit {
				l.Decision.Permit, l.Decision.Missing, l.Decision.Policies = true, []string{}, []string{"person-reads-own-data"}
			}
		}
		return c
	}
	subject := func(p tribune.Pseudonym, n uint64) protocol.Subject {
		return protocol.Subject{P: p, N: n, IDs: []tribune.Identity{session(p, tribune.DayOf(now)-1, tribune.WholeDay)}}
	}
	c := reading(subject(anna, 1))
	if keys := w.open(c, w.build(c)); len(keys) != 1 {
		t.Fatalf("a person's own data: %d keys", len(keys))
	}
	for name, c := range map[string]*act{"somebody else": reading(subject(ben, 1)), "somebody else besides": reading(subject(anna, 2), subject(ben, 2))} {
		if reason, _ := w.ask(0, w.build(c)); !strings.Contains(reason, "the data of one person") && !strings.Contains(reason, "people in one act") {
			t.Errorf("%s: got %q", name, reason)
		}
	}
}
