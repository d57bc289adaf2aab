package vault

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

const vitalOffice = tribune.OfficeID("dispatch")

// holders are two, with their private halves.
func holders(t *testing.T) (all []protocol.VitalHolder, secrets []*protocol.Recipient) {
	t.Helper()
	for i, name := range []tribune.ActorID{"amin", "berg"} {
		secret, err := protocol.VitalSecret(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, 32)), testCity)
		if err != nil {
			t.Fatal(err)
		}
		all, secrets = append(all, protocol.VitalHolder{Actor: name, City: testCity, Key: secret.Public(), Version: 1}), append(secrets, secret)
	}
	return all, secrets
}

// putVital seals one value of a class that is on, in a partition, and commits it.
func (f *fixture) putVital(t *testing.T, at tribune.Place, office tribune.OfficeID, clear string) tribune.Sealed {
	t.Helper()
	it := item("urn:e:1", "attr", clear)
	sealed, writes, committed, err := f.Seal(t.Context(), at, tribune.Class{ID: testClass, Vital: office}, subjectNo(1), []tribune.Item{it})
	if err != nil {
		t.Fatal(err)
	}
	sealed[0].Entity, sealed[0].Attr = it.Entity, it.Attr
	var b store.Batch
	b.Put(store.Key("test", at, "value"), sealed[0].Value)
	b.Add(writes...)
	if err := f.store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	committed()
	return sealed[0]
}

func (f *fixture) keys(t *testing.T) int {
	t.Helper()
	all, _ := f.VitalKeys()
	return len(all)
}

// A city whose law names no class has no such key, nor has one without two holders, another tenant, or a vault that has not read the record.
func TestNoSingleUseKeyIsMadeUnlessTheLawSaysSo(t *testing.T) {
	f := newFixture(t)
	two, _ := holders(t)
	f.putVital(t, tribune.Place{}, vitalOffice, "before anybody has joined")
	f.AllowVital(0, map[tribune.OfficeID][]protocol.VitalHolder{vitalOffice: two[:1]})
	f.putVital(t, tribune.Place{}, vitalOffice, "one holder")
	f.AllowVital(0, map[tribune.OfficeID][]protocol.VitalHolder{vitalOffice: two})
	f.putVital(t, tribune.Place{}, "", "a class that is off")
	f.putVital(t, tribune.Place{}, "another", "an office without holders")
	f.putVital(t, tribune.Place{Tenant: "other"}, vitalOffice, "another tenant")
	if n := f.keys(t); n != 0 {
		t.Errorf("%d single-use keys, want none", n)
	}
	f.putVital(t, tribune.Place{}, vitalOffice, "as the law says")
	if n := f.keys(t); n != 1 {
		t.Errorf("%d single-use keys, want 1", n)
	}
}

// A key is given out once, what must be disclosed rests with that, and both outlive a crash and a rotation of epoch keys.
func TestASingleUseKeyIsGivenOutOnce(t *testing.T) {
	f := newFixture(t)
	two, secrets := holders(t)
	f.AllowVital(0, map[tribune.OfficeID][]protocol.VitalHolder{vitalOffice: two})
	s := f.putVital(t, tribune.Place{}, vitalOffice, "7 Elm Row")
	if err := f.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.crash(t)
	waiting, err := f.VitalOf(t.Context(), []tribune.Sealed{s})
	if err != nil || len(waiting) != 1 {
		t.Fatalf("after a rotation and a crash: %d packages, %v; want 1", len(waiting), err)
	}
	moved := s
	moved.Value = append([]byte{1}, s.Value...)
	if old, err := f.VitalOf(t.Context(), []tribune.Sealed{moved}); err != nil || len(old) != 0 {
		t.Errorf("for another value than the one that rests: %d packages, %v; want none", len(old), err)
	}
	number := waiting[0].Head.Number
	taken, err := f.TakeVital(t.Context(), []uint64{number}, "order", []byte("to be disclosed"))
	if err != nil {
		t.Fatal(err)
	}
	var shares [][]byte
	for i, h := range two {
		box, digest, err := taken[0].Box(h.Actor)
		if err != nil {
			t.Fatal(err)
		}
		share, err := secrets[i].OpenVitalBox(digest, h.Actor, box.Box)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, share)
	}
	if value, err := taken[0].Open("amin", shares[0], "berg", shares[1]); err != nil || string(value) != "7 Elm Row" {
		t.Errorf("got %q, %v", value, err)
	}
	if err := f.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.crash(t)
	if _, err := f.TakeVital(t.Context(), []uint64{number}, "again", nil); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("a second time: got %v, want ErrNotFound", err)
	}
	notes := map[string]string{}
	for id, note := range f.VitalQueue(t.Context()) {
		notes[id] = string(note)
	}
	if len(notes) != 1 || notes["order"] != "to be disclosed" {
		t.Errorf("what must be disclosed: got %v", notes)
	}
	if err := f.KeepVital(t.Context(), "order", nil); err != nil {
		t.Fatal(err)
	}
	for id := range f.VitalQueue(t.Context()) {
		t.Errorf("%s still waits", id)
	}
}
