package guardian

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

// loosened is a city whose law has permitted more for eight hours.
func loosened(t *testing.T) *world {
	w := newWorld(t)
	w.later(-80 * time.Hour)
	w.found()
	loose := w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	w.publishLaw(loose, w.approve(loose, 1, 2)...)
	w.later(0)
	w.set = loose
	return w
}

// long is a reading that the first law does not permit: its window is longer.
func (w *world) long(p tribune.Pseudonym, n uint64, traces map[tribune.Pseudonym][]byte, at time.Time) *act {
	now := time.Now().UTC()
	c := w.reading([]protocol.Subject{{P: p, N: n, IDs: []tribune.Identity{session(p, tribune.DayOf(at), tribune.SecondOf(at))}}}, traces)
	c.priv.Inputs.From, c.priv.Inputs.Until = protocol.Time(now.AddDate(0, 0, -29)), protocol.Time(now.AddDate(0, 0, 20))
	return c
}

func TestGuardianOpensNothingForANewLawThatArrivedUnderAnOldOne(t *testing.T) {
	w := loosened(t)
	p := tribune.Pseudonym{31}
	traces := w.enrol(p)
	now := time.Now().UTC()
	if reason, _ := w.ask(0, w.build(w.long(p, 1, traces, now.Add(-time.Hour)))); reason != "" {
		t.Fatalf("positive control, arrived an hour ago: %s", reason)
	}
	old := now.Add(-9 * time.Hour)
	if reason, _ := w.ask(0, w.build(w.long(p, 2, traces, old))); !strings.Contains(reason, "arrived under an older law") {
		t.Errorf("arrived nine hours ago: got %q", reason)
	}
	short := w.long(p, 3, traces, old)
	short.priv.Inputs.From, short.priv.Inputs.Until = protocol.Time(now.AddDate(0, 0, -2)), protocol.Time(now)
	if reason, _ := w.ask(0, w.build(short)); reason != "" {
		t.Errorf("what the old law permits, too: %s", reason)
	}
	w.restart(0)
	w.guards[0].clock.poll(context.Background())
	if reason, _ := w.ask(0, w.build(w.long(p, 4, traces, old))); !strings.Contains(reason, "arrived under an older law") {
		t.Errorf("after a restart: got %q", reason)
	}
}

func TestGuardianTakesAConsentWhoseKeyIsOnRecordOnly(t *testing.T) {
	w := loosened(t)
	p := tribune.Pseudonym{32}
	traces := w.enrol(p)
	now := time.Now().UTC()
	pub, key, _ := ed25519.GenerateKey(nil)
	signer, err := note.NewSigner(w.council)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := protocol.SignDocument(fmt.Sprintf("actor = \"person-p\"\noffice = \"data-subject\"\nkey = %q\nsubject = %q\nfrom = %s\nuntil = %s\n",
		base64.StdEncoding.EncodeToString(pub), p, now.AddDate(0, 0, -1).Format(time.DateOnly), now.AddDate(0, 0, 30).Format(time.DateOnly)), signer)
	if err != nil {
		t.Fatal(err)
	}
	salt := protocol.NewSalt()
	com, err := protocol.Commitment(salt, doc)
	if err != nil {
		t.Fatal(err)
	}
	index, _ := w.publishLeaf(w.housekeeping(tribune.ActAppoint, com, nil))
	other, _ := w.publishLeaf(w.housekeeping(tribune.ActAppoint, tribune.Hash{1}, nil))
	consent := protocol.Consent{City: testCity, Class: "parking-session", From: protocol.Time(now.Add(-time.Minute)), ID: protocol.NewID(), Purpose: "enforce-parking",
		Recipient: "parking-inspector", Subject: p, Until: protocol.Time(now.Add(time.Hour)), Version: protocol.ConsentVersion}
	sig, err := consent.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	ask := func(at uint64, salt []byte) string {
		n++
		s, err := protocol.SignedConsent{Appointment: doc, AppointmentIndex: at, AppointmentSalt: salt, Consent: consent, Signature: sig}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		c := w.long(p, n, traces, now.Add(-9*time.Hour))
		c.evidence.Consents = [][]byte{s}
		reason, _ := w.ask(0, w.build(c))
		return reason
	}
	if reason := ask(index, salt); reason != "" {
		t.Fatalf("positive control: %s", reason)
	}
	for name, reason := range map[string]string{
		"another leaf": ask(other, salt), "a leaf of the future": ask(1<<40, salt), "a leaf of another kind": ask(0, salt), "another salt": ask(index, protocol.NewSalt()),
	} {
		if !strings.Contains(reason, "consent") {
			t.Errorf("%s: got %q", name, reason)
		}
	}
}

func TestApproveShowsWhatChangesAndIsServedUntilItIsWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.found()
	g := w.guards[1]
	wait(t, func() bool { _, err := readInForce(g.cfg.Dir, time.Now()); return err == nil })
	loose := w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	tight := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 20")
	var out bytes.Buffer
	yes, no := func() bool { return true }, func() bool { return false }
	run := func(hash tribune.Hash, ask func() bool) error {
		out.Reset()
		return approve(context.Background(), g.cfg, hash, time.Hour, &out, ask)
	}
	served := func() []protocol.ApprovedSet {
		resp, err := http.Get(g.server.URL + "/approvals")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var list protocol.ApprovalList
		raw, _ := io.ReadAll(resp.Body)
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		return list.Approvals
	}
	if err := run(loose.Hash(), no); !errors.Is(err, tribune.ErrDenied) || len(served()) != 0 {
		t.Errorf("the operator says no: %v, served %v", err, served())
	}
	for _, want := range []string{"-when { context.purpose == \"enforce-parking\" && context.windowDays <= 31 };", "+when { context.purpose == \"enforce-parking\" && context.windowDays <= 400 };", "policy inspector-looks-up-sessions says something else", "72 hours"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not shown: %s in\n%s", want, out.String())
		}
	}
	if err := run(tight.Hash(), yes); err != nil || len(served()) != 0 {
		t.Errorf("a tightening: %v, served %v", err, served())
	}
	if err := run(tribune.Hash{7}, yes); err == nil || len(served()) != 0 {
		t.Errorf("a set nobody shows: %v", err)
	}
	w.sets.Store(tribune.Hash{8}.String(), loose.Files())
	if err := run(tribune.Hash{8}, yes); err == nil || len(served()) != 0 {
		t.Errorf("another set under that hash: %v", err)
	}
	if err := run(loose.Hash(), yes); err != nil {
		t.Fatal(err)
	}
	got := served()
	if len(got) != 1 || got[0].Set != loose.Hash() || !got[0].Counts(loose.Hash(), w.set.Hash(), g.self.key.Public().(ed25519.PublicKey), time.Now()) {
		t.Fatalf("served %v, want an approval that counts", got)
	}
	w.publishLaw(loose, got[0].Approval, w.approve(loose, 0)[0])
	if in := w.inForce(time.Now().Add(protocol.LooseningWait + time.Minute)); in.Hash() != loose.Hash() {
		t.Error("what was approved by command does not count")
	}
	g.ahead.Store(int64(2 * time.Hour))
	if len(served()) != 0 {
		t.Error("an approval that has run out is served")
	}
	g.ahead.Store(0)
	if err := withdrawApproval(g.cfg.Dir, loose.Hash()); err != nil || len(served()) != 0 {
		t.Errorf("withdrawn: %v, served %v", err, served())
	}
	if err := withdrawApproval(g.cfg.Dir, loose.Hash()); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("withdrawn twice: %v", err)
	}
	if err := os.WriteFile(approvalPath(g.cfg.Dir, tight.Hash()), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get(g.server.URL + "/approvals"); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Error("a file that is no approval is served")
	}
}

func TestGuardianSaysWhichLawDecidesForIt(t *testing.T) {
	w := newWorld(t)
	w.found()
	loose := w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	i := w.publishLaw(loose, w.approve(loose, 0, 3)...)
	state := func() protocol.LawState {
		resp, err := http.Get(w.guards[0].server.URL + "/law")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var s protocol.LawState
		if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := state(); s.InForce != w.set.Hash() || len(s.Pending) != 1 || s.Pending[0].Leaf != i || s.Pending[0].Set != loose.Hash() || s.Pending[0].From-s.Pending[0].Seen != 72*3600 {
		t.Errorf("announced: %+v", s)
	}
	w.guards[0].ahead.Store(int64(72*time.Hour - time.Minute))
	if s := state(); s.InForce != w.set.Hash() {
		t.Errorf("a minute before: %+v", s)
	}
	w.guards[0].ahead.Store(int64(72*time.Hour + time.Minute))
	if s := state(); s.InForce != loose.Hash() || len(s.Pending) != 0 {
		t.Errorf("a minute after: %+v", s)
	}
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for range 200 {
		if done() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("it does not come")
}
