package guardian

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"encoding/base64"
	"os"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/ibe"
	"tribune/law"
	"tribune/protocol"
	"tribune/verify/recovery"
)

var ruth = protocol.PersonName{Type: "person", Name: "ruth.advocate"}

// representing is a world with a ward and people who act for them.
type representing struct {
	*world
	login  *issuing
	ward   tribune.Pseudonym
	others map[string]tribune.Pseudonym // pseudonyms of representatives, by name
	traces map[tribune.Pseudonym][]byte
	uses   map[tribune.Pseudonym]uint64
}

func newRepresenting(t *testing.T) *representing {
	t.Helper()
	w, i := peopled(t)
	r := &representing{world: w, login: i, others: map[string]tribune.Pseudonym{}, uses: map[tribune.Pseudonym]uint64{}}
	r.ward = r.pseudonym(plate)
	for _, n := range []string{"ruth.advocate", "paul.parent"} {
		r.others[n] = r.pseudonym(protocol.PersonName{Type: "person", Name: n})
	}
	r.traces = w.enrol(r.ward, r.others["ruth.advocate"], r.others["paul.parent"])
	return r
}

// pseudonym evaluates a name with the guardians' shares, as a hub has it done.
func (r *representing) pseudonym(n protocol.PersonName) tribune.Pseudonym {
	r.t.Helper()
	s := r.session()
	var answers []protocol.PersonAnswer
	for i := range 2 {
		keys, _ := r.guards[i].ceremony.Shares()
		a, err := r.guards[i].nameShare(keys, s.NameRequest("", n))
		if err != nil {
			r.t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if _, err := s.Named(answers); err != nil {
		r.t.Fatal(err)
	}
	return s.Pseudonym()
}

func aRepresentation(change func(*protocol.Representation)) protocol.Representation {
	now := time.Now()
	doc := protocol.Representation{
		Basis: protocol.BasisCourt, City: testCity, From: protocol.Time(now.Add(-time.Hour)), Until: protocol.Time(now.Add(time.Hour)), ID: protocol.NewID(), Version: 1,
		Scope: []string{"access", protocol.ScopeKey, protocol.ScopeLook}, Ward: protocol.RepresentParty{Called: "Alex", Type: plate.Type, Name: plate.Name},
		Representative: protocol.RepresentParty{Called: "Ruth Advocate", Type: ruth.Type, Name: ruth.Name},
	}
	if change != nil {
		change(&doc)
	}
	return doc
}

func (r *representing) signed(skey string, doc protocol.Representation) []byte {
	r.t.Helper()
	text, err := doc.Text()
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := protocol.SignDocument(text, s)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func markOf(doc []byte) tribune.Hash {
	text, _ := protocol.SplitDocument(doc)
	return protocol.RepresentationMark(text)
}

// deed is an act of kind represent as an honest hub builds it.
func (r *representing) deed(deed string, mark tribune.Hash, recipient []byte, ward, representative tribune.Pseudonym) *act {
	r.t.Helper()
	c := r.newAct(tribune.ActRepresent, law.Hub, "data-hub", "representation", "representation-2026")
	n := protocol.RepresentNote{Deed: deed, Mark: mark}
	public := protocol.Represented{Deed: deed}
	if deed == protocol.DeedGrant || deed == protocol.DeedEnd {
		public.Mark, public.By = &mark, testCity+"/court"
	}
	if recipient != nil {
		sum := tribune.Hash(sha256.Sum256(recipient))
		n.Recipient = &sum
	}
	text, err := protocol.JCS(n)
	if err != nil {
		r.t.Fatal(err)
	}
	c.priv.Inputs = protocol.Inputs{Attrs: []tribune.Name{}, Note: string(text)}
	for _, p := range []tribune.Pseudonym{ward, representative} {
		k, err := protocol.TraceKey(r.traces[p])
		if err != nil {
			r.t.Fatal(err)
		}
		r.uses[p]++
		c.priv.Subjects = append(c.priv.Subjects, protocol.Subject{P: p, N: r.uses[p], IDs: []tribune.Identity{}})
		c.traces, c.tags = append(c.traces, r.traces[p]), append(c.tags, protocol.UseTag(k, r.uses[p]))
	}
	c.spoilLeaf = func(l *protocol.Leaf) {
		if l.Public, err = public.Encode(); err != nil {
			r.t.Fatal(err)
		}
	}
	return c
}

func (r *representing) grant(doc []byte) {
	r.t.Helper()
	r.build(r.deed(protocol.DeedGrant, markOf(doc), nil, r.ward, r.others["ruth.advocate"]))
}

// proof puts on record that a key is asked for, and has guardians check it.
func (r *representing) proof(doc []byte, s *recovery.Session) *protocol.RepresentationProof {
	r.t.Helper()
	return r.proofOf(doc, r.deed(protocol.DeedKey, markOf(doc), s.Recipient(), r.ward, r.others["ruth.advocate"]))
}

func (r *representing) proofOf(doc []byte, c *act) *protocol.RepresentationProof {
	r.t.Helper()
	req := r.build(c)
	p := &protocol.RepresentationProof{Document: doc, Index: c.index, Private: req.Private, Salt: req.Salt, Statements: []protocol.Statement{}}
	for i := range 2 {
		if why, a := r.ask(i, req); a != nil {
			p.Statements = append(p.Statements, *a.Statement)
		} else {
			r.t.Logf("guardian %d: %s", i, why)
		}
	}
	return p
}

func (r *representing) token(s *recovery.Session, names ...protocol.PersonName) string {
	r.t.Helper()
	return r.login.token(r.t.(*testing.T), s.Nonce(), func(c map[string]any) {
		c["sub"], c["tribune_names"] = protocol.NewID(), names
	})
}

// A representative gets their ward's key from guardians, and both of them find it on record.
func TestARepresentativeGetsTheirWardsKeyAndBothCanSeeIt(t *testing.T) {
	r := newRepresenting(t)
	doc := r.signed(r.court, aRepresentation(nil))
	r.grant(doc)
	s := r.session()
	proof, token := r.proof(doc, s), r.token(s, ruth)
	keys := r.recover(t, s, token, proof)
	if !bytes.Equal(keys.Keys[0].D, r.traces[r.ward]) {
		t.Error("another key than the ward's")
	}
	for who, p := range map[string]tribune.Pseudonym{"the ward": r.ward, "the representative": r.others["ruth.advocate"]} {
		k, _ := protocol.TraceKey(r.traces[p])
		if at, ok := r.guards[3].index.first(protocol.UseTag(k, 2)); !ok || at != proof.Index {
			t.Errorf("%s does not find the entry by which the key was given", who)
		}
	}
}

func (r *representing) recover(t *testing.T, s *recovery.Session, token string, proof *protocol.RepresentationProof) protocol.TraceKeys {
	t.Helper()
	s.Represent(proof)
	var answers []protocol.PersonAnswer
	for i := range 2 {
		a, status, text := r.tell(i+1, protocol.PersonNamePath, s.NameRequest(token, plate))
		if status != http.StatusOK {
			t.Fatalf("first round: %d %s", status, text)
		}
		answers = append(answers, a)
	}
	if _, err := s.Named(answers); err != nil {
		t.Fatal(err)
	}
	req := s.KeysRequest(token, nil)
	answers = nil
	for i := range 2 {
		a, status, text := r.tell(i+1, protocol.PersonKeysPath, req)
		if status != http.StatusOK {
			t.Fatalf("second round: %d %s", status, text)
		}
		answers = append(answers, a)
	}
	keys, _, culprits, err := s.Keys(req, answers)
	if err != nil || len(culprits) > 0 {
		t.Fatal(culprits, err)
	}
	return keys
}

// Whoever is not this ward's representative, now, for this, gets no share; nor does one whose asking the ward could not see.
func TestWhoMayNotActForAWardGetsNoKey(t *testing.T) {
	r := newRepresenting(t)
	paul := protocol.PersonName{Type: "person", Name: "paul.parent"}
	good := r.signed(r.court, aRepresentation(nil))
	r.grant(good)
	made := func(skey string, granted bool, change func(*protocol.Representation)) []byte {
		doc := r.signed(skey, aRepresentation(change))
		if granted {
			r.grant(doc)
		}
		return doc
	}
	own, _, err := protocol.NewKey(testCity + "/court") // by name the court's
	if err != nil {
		t.Fatal(err)
	}
	ended := made(r.court, true, nil)
	r.build(r.deed(protocol.DeedEnd, markOf(ended), nil, r.ward, r.others["ruth.advocate"]))
	asIs := func(doc []byte) func(*recovery.Session) *protocol.RepresentationProof {
		return func(s *recovery.Session) *protocol.RepresentationProof { return r.proof(doc, s) }
	}
	for what, c := range map[string]struct {
		proof func(*recovery.Session) *protocol.RepresentationProof
		who   protocol.PersonName
		for_  protocol.PersonName
		want  string // "" = a share
	}{
		"as it should be":              {asIs(good), ruth, plate, ""},
		"somebody else with the paper": {asIs(good), paul, plate, "not yours"},
		"for somebody else":            {asIs(good), ruth, protocol.PersonName{Type: "plate", Name: "XY99 ZZZ"}, "somebody else"},
		"revoked":                      {asIs(ended), ruth, plate, "ended"},
		"not granted":                  {asIs(made(r.court, false, nil)), ruth, plate, "not on record"},
		"signed by themselves":         {asIs(made(own, true, nil)), ruth, plate, "does not count"},
		"signed by the council":        {asIs(made(r.council, true, nil)), ruth, plate, "does not count"},
		"without the key in its scope": {asIs(made(r.court, true, func(d *protocol.Representation) { d.Scope = []string{"access", protocol.ScopeLook} })), ruth, plate, "does not extend"},
		"not begun":                    {asIs(made(r.court, true, func(d *protocol.Representation) { d.From = protocol.Time(time.Now().Add(10 * time.Minute)) })), ruth, plate, "not in force"},
		"of another city":              {asIs(made(r.court, true, func(d *protocol.Representation) { d.City = "other.example" })), ruth, plate, "another city"},
		"for another recipient":        {func(*recovery.Session) *protocol.RepresentationProof { return r.proof(good, r.session()) }, ruth, plate, "another recipient"},
		"an entry that is no asking": {func(s *recovery.Session) *protocol.RepresentationProof {
			return r.proofOf(good, r.deed(protocol.DeedLook, markOf(good), s.Recipient(), r.ward, r.others["ruth.advocate"]))
		}, ruth, plate, "does not say"},
		"an entry nobody has looked at": {func(s *recovery.Session) *protocol.RepresentationProof {
			p := r.proof(good, s)
			p.Statements = p.Statements[:1]
			return p
		}, ruth, plate, "want 2"},
		"one guardian's word twice": {func(s *recovery.Session) *protocol.RepresentationProof {
			p := r.proof(good, s)
			p.Statements[1] = p.Statements[0]
			return p
		}, ruth, plate, "want 2"},
		"hidden from the ward": {func(s *recovery.Session) *protocol.RepresentationProof { // a mark that the ward's key does not give
			c := r.deed(protocol.DeedKey, markOf(good), s.Recipient(), r.ward, r.others["ruth.advocate"])
			r.uses[r.ward]--
			c.tags[0][3] ^= 1
			return r.proofOf(good, c)
		}, ruth, plate, "want 2"},
	} {
		s := r.session()
		s.Represent(c.proof(s))
		_, status, text := r.tell(0, protocol.PersonNamePath, s.NameRequest(r.token(s, c.who), c.for_))
		if (status == http.StatusOK) != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s, want %q", what, status, strings.TrimSpace(text), c.want)
		}
	}
	// An entry that marks somebody else as the ward is found out once the name is known.
	s := r.session()
	token := r.token(s, ruth)
	s.Represent(r.proofOf(good, r.deed(protocol.DeedKey, markOf(good), s.Recipient(), r.others["paul.parent"], r.others["ruth.advocate"])))
	var answers []protocol.PersonAnswer
	for i := range 2 {
		a, status, text := r.tell(i, protocol.PersonNamePath, s.NameRequest(token, plate))
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
		answers = append(answers, a)
	}
	if _, err := s.Named(answers); err != nil {
		t.Fatal(err)
	}
	if _, status, text := r.tell(0, protocol.PersonKeysPath, s.KeysRequest(token, nil)); status != http.StatusForbidden || !strings.Contains(text, "marks somebody else") {
		t.Errorf("the entry marks somebody else than the ward: %d %s", status, text)
	}
	// The same request a day later: representation and entry are over by themselves.
	s = r.session()
	s.Represent(r.proof(good, s))
	one := r.guards[0]
	one.ahead.Store(int64(2 * time.Hour))
	defer one.ahead.Store(0)
	if _, err := one.representing(t.Context(), s.NameRequest("", plate), 48*time.Hour, func(protocol.RepresentParty) bool { return true }); err == nil || !strings.Contains(err.Error(), "not in force") {
		t.Errorf("expired: %v", err)
	}
	one.ahead.Store(int64(50 * time.Minute))
	if _, err := one.representing(t.Context(), s.NameRequest("", plate), askFor, func(protocol.RepresentParty) bool { return true }); err == nil || !strings.Contains(err.Error(), "not of these") {
		t.Errorf("an entry of long ago: %v", err)
	}
}

// Two representatives of one ward: the end of one is not the end of the other, also after a restart.
func TestTheEndOfOneRepresentativeIsNotTheOthers(t *testing.T) {
	r := newRepresenting(t)
	one := r.signed(r.court, aRepresentation(nil))
	two := r.signed(r.court, aRepresentation(func(d *protocol.Representation) {
		d.Representative = protocol.RepresentParty{Called: "Paul Parent", Type: "person", Name: "paul.parent"}
	}))
	r.grant(one)
	r.build(r.deed(protocol.DeedGrant, markOf(two), nil, r.ward, r.others["paul.parent"]))
	r.build(r.deed(protocol.DeedEnd, markOf(one), nil, r.ward, r.others["ruth.advocate"]))
	r.restart(0)
	head := r.guards[0].mirror.Head().Size
	if err := r.guards[0].index.represents(markOf(one), head); err == nil {
		t.Error("the one that was ended counts")
	}
	if err := r.guards[0].index.represents(markOf(two), head); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

// At the desk the clerk's word stands for the token: whose papers were shown.
func TestTheDeskGivesARepresentativeTheirWardsKey(t *testing.T) {
	r := newRepresenting(t)
	doc := r.signed(r.court, aRepresentation(nil))
	r.grant(doc)
	s := r.session()
	proof, err := json.Marshal(r.proof(doc, s))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "proof")
	if err := os.WriteFile(file, proof, 0o600); err != nil {
		t.Fatal(err)
	}
	s.NameRequest("", plate)
	line := []string{"--idtype", plate.Type, "--name", plate.Name, "--recipient", base64.StdEncoding.EncodeToString(s.Recipient()), "--representation", file, "--representative"}
	if _, err := r.deskAt(0, append(line, "person=somebody.else")...); err == nil {
		t.Error("somebody else's papers get a share")
	}
	var answers []protocol.PersonAnswer
	for i := range 2 {
		a, err := r.deskAt(i, append(line, "person=ruth.advocate")...)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if _, err := s.Named(answers); err != nil {
		t.Fatal(err)
	}
	answers = nil
	req := s.KeysRequest("", nil)
	for i := range 2 {
		a, err := r.deskAt(i, append(line, "person=ruth.advocate", "--y", base64.StdEncoding.EncodeToString(req.Y))...)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	keys, _, _, err := s.Keys(req, answers)
	id := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: r.ward}
	if err != nil || ibe.VerifyKey(r.group.Seal.Key, id.Bytes(testCity), keys.Keys[0].D) != nil {
		t.Errorf("%d keys, %v", len(keys.Keys), err)
	}
}

// A signed document can be handed in again, by anybody: what was ended, on record, begins no second time.
func TestWhatWasEndedIsNotGrantedAgain(t *testing.T) {
	r := newRepresenting(t)
	doc := r.signed(r.court, aRepresentation(nil))
	both := []tribune.Pseudonym{r.ward, r.others["ruth.advocate"]}
	if why, a := r.ask(0, r.build(r.deed(protocol.DeedGrant, markOf(doc), nil, both[0], both[1]))); a == nil {
		t.Fatalf("the first time: %s", why)
	}
	if why, a := r.ask(0, r.build(r.deed(protocol.DeedEnd, markOf(doc), nil, both[0], both[1]))); a == nil {
		t.Fatalf("the end: %s", why)
	}
	if why, a := r.ask(0, r.build(r.deed(protocol.DeedGrant, markOf(doc), nil, both[0], both[1]))); a != nil || !strings.Contains(why, "ended") {
		t.Errorf("granted again after its end: %q", why)
	}
}

// An index far beyond the record keeps no seat and breaks nothing.
func TestAProofOfAnEntryThatIsNotThereIsRefused(t *testing.T) {
	r := newRepresenting(t)
	doc := r.signed(r.court, aRepresentation(nil))
	r.grant(doc)
	s := r.session()
	proof, token := r.proof(doc, s), r.token(s, ruth)
	proof.Index = 1<<64 - 1
	s.Represent(proof)
	began := time.Now()
	if _, status, text := r.tell(0, protocol.PersonNamePath, s.NameRequest(token, plate)); status != http.StatusBadRequest || time.Since(began) > mirrorWait/2 {
		t.Errorf("%d %s after %s", status, text, time.Since(began))
	}
}
