package protocol

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tribune"
)

// The vectors were computed by an independent implementation (Python's hashlib and hmac, and AES-GCM of pyca/cryptography).
func TestVitalVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vital.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Secret struct{ Seed, City, Key string }
		Holder struct {
			Holder  VitalHolder
			Message string
		}
		Digest, Pair, Package, Commitment, Value string
		Shares                                   []string
		Order                                    struct {
			Order   VitalOrder
			Message string
		}
		Root struct {
			Live map[string]tribune.Hash
			Root tribune.Hash
		}
		Checked struct {
			Guardian string
			Leaf     tribune.Hash
			Time     int64
			Message  string
		}
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	same := func(what string, got []byte, want string) {
		t.Helper()
		if hex.EncodeToString(got) != want {
			t.Errorf("%s: got %x, want %s", what, got, want)
		}
	}
	secret, err := VitalSecret(ed25519.NewKeyFromSeed(unhex(t, v.Secret.Seed)), v.Secret.City)
	if err != nil {
		t.Fatal(err)
	}
	same("secret", secret.Secret(), v.Secret.Key)
	msg, err := v.Holder.Holder.Message()
	if err != nil {
		t.Fatal(err)
	}
	same("holder", msg, v.Holder.Message)
	p, err := DecodeVitalPackage([]byte(v.Package))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := p.Head.digest()
	if err != nil {
		t.Fatal(err)
	}
	same("head", digest[:], v.Digest)
	a, b := unhex(t, v.Shares[0]), unhex(t, v.Shares[1])
	same("pair", vitalPairKey(digest, 0, 1, a, b), v.Pair)
	value, err := p.Open("amin", a, "berg", b)
	if err != nil || string(value) != v.Value {
		t.Errorf("package: got %q (%v), want %s", value, err, v.Value)
	}
	c := VitalCommitment(7, []byte(v.Package))
	same("commitment", c[:], v.Commitment)
	if msg, err = v.Order.Order.Message("amin"); err != nil {
		t.Fatal(err)
	}
	same("order", msg, v.Order.Message)
	live := map[uint64]tribune.Hash{}
	for n, c := range v.Root.Live {
		number, err := strconv.ParseUint(n, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		live[number] = c
	}
	if got := VitalRoot(live); got != v.Root.Root {
		t.Errorf("root: got %s, want %s", got, v.Root.Root)
	}
	same("checked", VitalChecked{Guardian: v.Checked.Guardian, Leaf: v.Checked.Leaf, Time: v.Checked.Time}.message(), v.Checked.Message)
}

type vitalPeople struct {
	holders []VitalHolder
	secrets map[tribune.ActorID]*Recipient
	keys    map[tribune.ActorID]ed25519.PrivateKey
}

func newVitalPeople(t testing.TB, names ...tribune.ActorID) vitalPeople {
	t.Helper()
	p := vitalPeople{secrets: map[tribune.ActorID]*Recipient{}, keys: map[tribune.ActorID]ed25519.PrivateKey{}}
	for i, name := range names {
		p.keys[name] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, 32))
		secret, err := VitalSecret(p.keys[name], "city.example")
		if err != nil {
			t.Fatal(err)
		}
		p.secrets[name] = secret
		p.holders = append(p.holders, VitalHolder{Actor: name, City: "city.example", Key: secret.Public(), Version: VitalVersion})
	}
	return p
}

func (p vitalPeople) share(t testing.TB, pkg VitalPackage, name tribune.ActorID) []byte {
	t.Helper()
	box, digest, err := pkg.Box(name)
	if err != nil {
		t.Fatal(err)
	}
	share, err := p.secrets[name].OpenVitalBox(digest, name, box.Box)
	if err != nil {
		t.Fatal(err)
	}
	return share
}

func sampleHead() VitalHead {
	return VitalHead{Attr: "a", City: "city.example", Class: "telecare-address", Entity: "urn:e:1", Number: 7, P: tribune.Pseudonym{1}, Time: "2026-11-22T10:00:00Z"}
}

func TestAnyTwoHoldersOpenAPackageAndNobodyElseDoes(t *testing.T) {
	p := newVitalPeople(t, "cole", "amin", "berg")
	pkg, err := SealVital(sampleHead(), p.holders, []byte("7 Elm Row"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]tribune.ActorID{{"amin", "berg"}, {"berg", "amin"}, {"cole", "amin"}, {"berg", "cole"}} {
		value, err := pkg.Open(pair[0], p.share(t, pkg, pair[0]), pair[1], p.share(t, pkg, pair[1]))
		if err != nil || string(value) != "7 Elm Row" {
			t.Errorf("%v: got %q, %v", pair, value, err)
		}
	}
	amin, berg := p.share(t, pkg, "amin"), p.share(t, pkg, "berg")
	other, err := SealVital(sampleHead(), p.holders, []byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	box, digest, err := pkg.Box("amin")
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"one share twice":                func() error { _, err := pkg.Open("amin", amin, "amin", amin); return err },
		"one share under the other name": func() error { _, err := pkg.Open("amin", amin, "berg", amin); return err },
		"a share of another package":     func() error { _, err := pkg.Open("amin", amin, "berg", p.share(t, other, "berg")); return err },
		"a stranger":                     func() error { _, err := pkg.Open("amin", amin, "dahl", berg); return err },
		"another holder's box":           func() error { _, err := p.secrets["berg"].OpenVitalBox(digest, "amin", box.Box); return err },
		"a package for another entity": func() error {
			moved := pkg
			moved.Head.Entity = "urn:e:2"
			_, err := moved.Open("amin", amin, "berg", berg)
			return err
		},
		"one holder": func() error { _, err := SealVital(sampleHead(), p.holders[:1], nil); return err },
		"one key under two names": func() error {
			for _, name := range []tribune.ActorID{"dahl", "aaron"} { // beside the other, and with somebody between
				twice := append(slices.Clone(p.holders[:2]), VitalHolder{Actor: name, City: "city.example", Key: p.holders[0].Key, Version: VitalVersion})
				if _, err := SealVital(sampleHead(), twice, nil); err == nil {
					return nil
				}
			}
			return errors.New("refused")
		},
	} {
		if try() == nil {
			t.Errorf("%s: it worked", name)
		}
	}
}

func sampleOrder(t testing.TB, to *Recipient) VitalOrder {
	t.Helper()
	return VitalOrder{At: "2026-11-22T10:00:00.000Z", City: "city.example", Class: "telecare-address", Entity: "urn:e:1", ID: strings.Repeat("0a", 16), Keys: []uint64{7}, Mandate: "m",
		Office: "o", Purpose: "p", Reason: "fell", Recipient: to.Public(), Version: VitalVersion}
}

func TestAnApprovalIsOfOneOrderAndOnePerson(t *testing.T) {
	p := newVitalPeople(t, "amin", "berg")
	to, err := NewRecipient()
	if err != nil {
		t.Fatal(err)
	}
	o := sampleOrder(t, to)
	share := bytes.Repeat([]byte{5}, 32)
	a, err := o.Approve("amin", p.keys["amin"], [][]byte{share})
	if err != nil {
		t.Fatal(err)
	}
	got, err := to.OpenVital(o, "amin", a.Box)
	if err != nil || len(got) != 1 || !bytes.Equal(got[0], share) {
		t.Fatalf("its own order: got %x, %v", got, err)
	}
	later := o
	later.ID = strings.Repeat("0b", 16)
	if _, err := to.OpenVital(later, "amin", a.Box); err == nil {
		t.Error("the shares open under another order")
	}
	if _, err := to.OpenVital(o, "berg", a.Box); err == nil {
		t.Error("the shares open under another name")
	}
	one, _ := o.Message("amin")
	two, _ := o.Message("berg")
	if bytes.Equal(one, two) {
		t.Error("two people sign the same bytes: one signature would do for both")
	}
}

// A hub that was taken over shows a holder one order and hands them the box of another person's package: it would be opened unwittingly.
func TestAHolderOpensNoShareOfWhatTheOrderDoesNotSay(t *testing.T) {
	p := newVitalPeople(t, "amin", "berg")
	to, err := NewRecipient()
	if err != nil {
		t.Fatal(err)
	}
	o := sampleOrder(t, to)
	for name, c := range map[string]struct {
		made, shown func(*VitalHead)
		want        bool
	}{
		"what the order says":                 {want: true},
		"another entity":                      {made: func(h *VitalHead) { h.Entity = "urn:e:2" }},
		"another entity, under the order's":   {made: func(h *VitalHead) { h.Entity = "urn:e:2" }, shown: func(h *VitalHead) { h.Entity = "urn:e:1" }},
		"another class":                       {made: func(h *VitalHead) { h.Class = "parking-session" }},
		"another city":                        {made: func(h *VitalHead) { h.City = "other.example" }},
		"a key that the order does not count": {made: func(h *VitalHead) { h.Number = 8 }},
	} {
		head := sampleHead()
		if c.made != nil {
			c.made(&head)
		}
		pkg, err := SealVital(head, p.holders, []byte("7 Elm Row"))
		if err != nil {
			t.Fatal(err)
		}
		if c.shown != nil {
			c.shown(&head)
		}
		_, err = o.OpenShare(p.secrets["amin"], "amin", head, pkg.Boxes[0].Box)
		if (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheInventoryCountsEveryKeyOnce(t *testing.T) {
	c := func(n uint64) tribune.Hash { return VitalCommitment(n, []byte("x")) }
	leaf := func(live map[uint64]tribune.Hash, added []uint64, gone ...VitalGone) VitalKeys {
		k := VitalKeys{Added: []VitalAdded{}, Gone: gone, Count: len(live), Root: VitalRoot(live)}
		for _, n := range added {
			k.Added = append(k.Added, VitalAdded{c(n), n})
		}
		return k
	}
	l := &VitalLedger{}
	if wrong := l.Change(leaf(map[uint64]tribune.Hash{2: c(2), 5: c(5)}, []uint64{2, 5})); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if wrong := l.Use([]uint64{2}); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if wrong := l.Change(leaf(map[uint64]tribune.Hash{4: c(4), 5: c(5)}, []uint64{4})); len(wrong) > 0 {
		t.Errorf("a lower number that came later: %v", wrong)
	}
	if wrong := l.Use([]uint64{2}); len(wrong) != 1 {
		t.Errorf("a key used twice: got %v", wrong)
	}
	if wrong := l.Change(leaf(map[uint64]tribune.Hash{4: c(4)}, nil)); len(wrong) != 1 {
		t.Errorf("a key that vanishes: got %v", wrong)
	}
}

func TestADisclosureSaysItsTimesInOrder(t *testing.T) {
	good := VitalUse{Back: "2026-11-22T11:00:00.000Z", Class: "c", Keys: []uint64{1, 2}, Opened: "2026-11-22T10:00:00.000Z", Policies: []string{"p"}}
	leaf := func(u VitalUse, alter func(*Leaf)) Leaf {
		l := Leaf{Act: Act{Kind: tribune.ActVital, Count: 1, Time: "2026-11-22T11:00:01.000Z"}, Decision: tribune.Decision{Permit: true}, Tags: []tribune.Tag{{1}}}
		l.Public, _ = JCS(u)
		alter(&l)
		return l
	}
	same := func(*Leaf) {}
	if _, _, _, err := VitalUseOf(leaf(good, same)); err != nil {
		t.Fatal(err)
	}
	change := func(f func(*VitalUse)) VitalUse { u := good; f(&u); return u }
	for name, l := range map[string]Leaf{
		"back before it was opened": leaf(change(func(u *VitalUse) { u.Back = "2026-11-22T09:00:00.000Z" }), same),
		"told before it was back":   leaf(change(func(u *VitalUse) { u.Back = "2026-11-22T12:00:00.000Z" }), same),
		"no key":                    leaf(change(func(u *VitalUse) { u.Keys = []uint64{} }), same),
		"one key twice":             leaf(change(func(u *VitalUse) { u.Keys = []uint64{2, 2} }), same),
		"no policy":                 leaf(change(func(u *VitalUse) { u.Policies = []string{} }), same),
		"no mark":                   leaf(good, func(l *Leaf) { l.Tags = nil }),
		"two people":                leaf(good, func(l *Leaf) { l.Act.Count = 2 }),
		"denied":                    leaf(good, func(l *Leaf) { l.Decision.Permit = false }),
		"another kind":              leaf(good, func(l *Leaf) { l.Act.Kind = tribune.ActRead }),
		"a recipient":               leaf(good, func(l *Leaf) { l.Act.Recipient = make([]byte, 32) }),
	} {
		if _, _, _, err := VitalUseOf(l); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func FuzzVital(f *testing.F) {
	p := newVitalPeople(f, "amin", "berg")
	pkg, err := SealVital(sampleHead(), p.holders, []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	encoded, err := pkg.Encode()
	if err != nil {
		f.Fatal(err)
	}
	order, err := JCS(sampleOrder(f, p.secrets["amin"]))
	if err != nil {
		f.Fatal(err)
	}
	keys, err := JCS(VitalKeys{Added: []VitalAdded{{tribune.Hash{1}, 3}}, Count: 1, Gone: []VitalGone{{2, VitalLost}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{encoded, order, keys, []byte(`{}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := DecodeVitalPackage(data); err == nil {
			if again, err := p.Encode(); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("a package has two spellings: %v", err)
			}
			for _, b := range p.Boxes {
				p.Check(b.Actor, data)
			}
		}
		if o, err := DecodeVitalOrder(data); err == nil {
			if _, err := o.Message("amin"); err != nil {
				t.Fatalf("an order that was read cannot be signed: %v", err)
			}
		}
		if k, err := DecodeVitalKeys(data); err == nil {
			l := &VitalLedger{}
			l.Change(k)
			if wrong := l.Change(k); len(k.Added) > 0 && len(wrong) == 0 {
				t.Fatal("the same keys came twice, and nothing is wrong")
			}
		}
		DecodeVitalPrivate(string(data))
	})
}
