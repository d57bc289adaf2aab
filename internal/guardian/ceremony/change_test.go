package ceremony

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// founded is a circle whose first group is in force.
func foundedCircle(t *testing.T, n, threshold, w int) *circle {
	t.Helper()
	tb := seat(t, n, threshold, w)
	tb.settle()
	tb.close()
	return tb
}

// join brings somebody new, with an empty folder.
func (tb *circle) join(name string) protocol.Member {
	tb.t.Helper()
	skey, vkey, err := protocol.NewKey(name)
	if err != nil {
		tb.t.Fatal(err)
	}
	key, _ := protocol.SeedOf(skey)
	tb.cfgs = append(tb.cfgs, Config{Dir: tb.t.TempDir(), Self: name, Key: key, Group: tb.cfgs[0].Group, Council: tb.council})
	tb.at, tb.read = append(tb.at, nil), append(tb.read, 0)
	tb.restart(len(tb.at) - 1)
	tb.catchUp(len(tb.at) - 1)
	tb.confirm()
	return protocol.Member{Key: vkey, Name: name, URL: "http://127.0.0.1:1"}
}

// present is the group in force at the first who lives.
func (tb *circle) present() protocol.Group {
	tb.t.Helper()
	for i, c := range tb.at {
		if g, ok := c.Group(); ok && !tb.dead[i] {
			return g
		}
	}
	tb.t.Fatal("no group is in force")
	return protocol.Group{}
}

// successor is the change to those members.
func (tb *circle) successor(t, w int, lost []string, members ...protocol.Member) protocol.Change {
	tb.t.Helper()
	g := tb.present()
	from, err := protocol.GroupDigest(g)
	if err != nil {
		tb.t.Fatal(err)
	}
	if lost == nil {
		lost = []string{}
	}
	members = slices.Clone(members)
	for i := range members {
		members[i].Index = i + 1
	}
	return protocol.Change{City: g.City, From: from, Epoch: g.Epoch + 1, T: t, W: w, Members: members, Lost: lost}
}

func (tb *circle) sign(c protocol.Change) []byte {
	tb.t.Helper()
	text, err := c.Text()
	if err != nil {
		tb.t.Fatal(err)
	}
	signer, err := note.NewSigner(tb.councilKey)
	if err != nil {
		tb.t.Fatal(err)
	}
	doc, err := protocol.SignDocument(text, signer)
	if err != nil {
		tb.t.Fatal(err)
	}
	return doc
}

// propose puts a signed change on record, and has everybody living accept it.
func (tb *circle) propose(c protocol.Change) []byte {
	tb.t.Helper()
	doc := tb.sign(c)
	tb.append(wire.Proposal{Change: doc})
	for i := range tb.at {
		if !tb.dead[i] {
			tb.accept(i, doc)
		}
	}
	return doc
}

func (tb *circle) accept(i int, doc []byte) {
	tb.t.Helper()
	if _, err := Accept(tb.cfgs[i].Dir, tb.cfgs[i].Self, tb.council, doc, "now"); err != nil {
		tb.t.Fatalf("guardian %d does not accept: %v", i, err)
	}
}

// seatOf is where somebody sits in the circle.
func (tb *circle) seatOf(name string) int {
	return slices.IndexFunc(tb.cfgs, func(c Config) bool { return c.Self == name })
}

// closing is what the hub makes of the reports of a change's members.
func (tb *circle) closing(c protocol.Change) protocol.Closing {
	tb.t.Helper()
	out := protocol.Closing{Signatures: map[string][]byte{}}
	for _, m := range c.Members {
		at := tb.at[tb.seatOf(m.Name)]
		r, err := at.Report()
		if err != nil || r == nil || r.Group.Epoch != c.Epoch {
			tb.t.Fatalf("%s has no report for epoch %d (%v): %s", m.Name, c.Epoch, err, at.State())
		}
		out.Group, out.Change, out.Accepts = r.Group, r.Change, r.Accepts
		out.Signatures[m.Name] = r.Signature
	}
	return out
}

// confirm is the old group's quorum publishing the closing.
func (tb *circle) confirm() {
	tb.t.Helper()
	for i, c := range tb.at {
		for !tb.dead[i] && c.Pending() != nil {
			if err := c.Confirm(c.Pending()); err != nil {
				tb.t.Fatal(err)
			}
			if err := c.Step(); err != nil {
				tb.t.Fatal(err)
			}
		}
	}
}

// reshare runs a change to its end.
func (tb *circle) reshare(c protocol.Change) {
	tb.t.Helper()
	tb.propose(c)
	tb.settle()
	tb.append(tb.closing(c))
	tb.settle()
	if !c.Emergency() {
		for i, at := range tb.at {
			if k, ok := at.Shares(); !tb.dead[i] && ok && k.Group.Epoch == c.Epoch {
				tb.t.Fatalf("guardian %d is in epoch %d before the old quorum has published it", i, c.Epoch)
			}
		}
		tb.confirm()
	}
}

// holds checks what a change must end in.
func (tb *circle) holds(before protocol.Group, c protocol.Change) {
	tb.t.Helper()
	shares := map[string]map[int][]byte{Seal: {}, Name: {}}
	var xs []int
	group := tb.present()
	if !bytes.Equal(group.Seal.Key, before.Seal.Key) || !bytes.Equal(group.Name.Key, before.Name.Key) || group.Epoch != before.Epoch+1 {
		tb.t.Fatal("the public keys have changed, or the epoch has not")
	}
	for i, at := range tb.at {
		if tb.dead[i] {
			continue
		}
		k, ok := at.Shares()
		member := slices.ContainsFunc(c.Members, func(m protocol.Member) bool { return m.Name == tb.cfgs[i].Self })
		if ok != member {
			tb.t.Fatalf("%s is a member: %v, has shares: %v (%s)", tb.cfgs[i].Self, member, ok, at.State())
		}
		left, _ := filepath.Glob(filepath.Join(tb.cfgs[i].Dir, "*s*.json"))
		for _, path := range left {
			if strings.Contains(path, nextFile) || !member && strings.Contains(path, shareFile) {
				tb.t.Errorf("%s keeps %s", tb.cfgs[i].Self, path)
			}
		}
		if !member {
			continue
		}
		if !sameGroup(k.Group, group) {
			tb.t.Fatalf("%s has another group", tb.cfgs[i].Self)
		}
		xs = append(xs, k.Index)
		shares[Seal][k.Index], shares[Name][k.Index] = k.Seal, k.Name
	}
	slices.Sort(xs)
	for name, public := range map[string]protocol.PublicKey{Seal: group.Seal, Name: group.Name} {
		for from := 0; from+group.T <= len(xs); from++ {
			if got := combine(shares[name], xs[from:from+group.T]); !bytes.Equal(got, public.Key) {
				tb.t.Errorf("%s: guardians %v combine to another key", name, xs[from:from+group.T])
			}
		}
		if group.T > 1 && bytes.Equal(combine(shares[name], xs[:group.T-1]), public.Key) {
			tb.t.Errorf("%s: t-1 guardians have the key", name)
		}
	}
}

func TestEveryChangeKeepsTheKeysAndRenewsTheShares(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	was := tb.present()
	a := was.Guardians
	old, _ := tb.at[0].Shares()
	for _, step := range []struct {
		name string
		next func() protocol.Change
	}{
		{"refresh", func() protocol.Change { return tb.successor(2, 3, nil, a...) }},
		{"replace", func() protocol.Change { return tb.successor(2, 3, nil, a[0], a[1], a[2], tb.join("library.example")) }},
		{"add, with a higher threshold", func() protocol.Change {
			return tb.successor(3, 4, nil, append(tb.present().Guardians, tb.join("bar.example"))...)
		}},
		{"retire one and move the others", func() protocol.Change {
			g := tb.present().Guardians
			return tb.successor(2, 3, nil, g[4], g[1], g[2], g[3])
		}},
		{"come back", func() protocol.Change {
			return tb.successor(3, 4, nil, append(tb.present().Guardians, a[0])...)
		}},
		{"nine", func() protocol.Change {
			g := tb.present().Guardians
			for i := len(g); i < 9; i++ {
				g = append(g, tb.join(fmt.Sprintf("new-%d.example", i)))
			}
			return tb.successor(5, 7, nil, g...)
		}},
	} {
		before := tb.present()
		c := step.next()
		tb.reshare(c)
		tb.holds(before, c)
		if t.Failed() {
			t.Fatal(step.name)
		}
		for i := range tb.at { // and all of it is read back
			tb.restart(i)
		}
		tb.settle()
		tb.holds(before, c)
	}
	// The shares of before are worth nothing beside those of now.
	now, _ := tb.at[1].Shares()
	g := tb.present()
	mixed := map[int][]byte{old.Index: old.Seal, now.Index: now.Seal}
	if bytes.Equal(combine(mixed, []int{old.Index, now.Index}), g.Seal.Key) {
		t.Error("an old and a new share make the key")
	}
}

// n-w may be gone: an ordinary change replaces them. Fewer than w but t: the emergency. Fewer than t: nothing helps.
func TestChangeWithSomeGuardiansGone(t *testing.T) {
	for _, p := range []struct {
		n, t, w, gone int
		lost          bool
		fails         error
	}{
		{4, 2, 3, 1, false, nil}, {5, 3, 4, 1, false, nil}, {4, 2, 3, 2, true, nil}, {5, 3, 4, 2, true, nil}, {9, 5, 7, 4, true, nil},
		{4, 2, 3, 3, true, tribune.ErrNoQuorum}, {5, 3, 4, 3, true, tribune.ErrNoQuorum},
	} {
		tb := foundedCircle(t, p.n, p.t, p.w)
		before := tb.present()
		members := slices.Clone(before.Guardians[:p.n-p.gone])
		var lost []string
		for i := p.n - p.gone; i < p.n; i++ {
			tb.dead[i] = true
			if p.lost {
				lost = append(lost, tb.cfgs[i].Self)
			}
			members = append(members, tb.join(fmt.Sprintf("new-%d.example", i)))
		}
		c := tb.successor(p.t, p.w, lost, members...)
		if err := c.After(before); p.fails != nil {
			if !errors.Is(err, p.fails) {
				t.Errorf("%v: got %v, want a clear end", p, err)
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if p.lost { // calling nobody lost is no way round the quorum
			ordinary := tb.successor(p.t, p.w, nil, members...)
			tb.propose(ordinary)
			tb.settle()
			for i, at := range tb.at {
				if at.act != nil {
					t.Errorf("%v: guardian %d sits down for an ordinary change with too few", p, i)
				}
			}
			tb = again(t, tb)
		}
		tb.reshare(c)
		tb.holds(before, c)
	}
}

// again is the circle as it was before anybody accepted anything.
func again(t *testing.T, tb *circle) *circle {
	t.Helper()
	for i := range tb.at {
		if err := withAccepted(tb.cfgs[i].Dir, func(a *accepted) (bool, error) { a.Changes = nil; return true, nil }); err != nil {
			t.Fatal(err)
		}
		tb.restart(i)
	}
	return tb
}

func TestRestartAtEveryStepOfAChangeGoesOn(t *testing.T) {
	for step := range 8 {
		tb := foundedCircle(t, 4, 2, 3)
		before := tb.present()
		c := tb.successor(2, 3, nil, before.Guardians[0], before.Guardians[1], before.Guardians[2], tb.join("library.example"))
		tb.propose(c)
		for range step {
			for i := range tb.at {
				tb.catchUp(i)
				if i%2 == 0 {
					tb.post(i)
				}
				tb.restart(i)
				tb.catchUp(i)
				tb.post(i)
			}
		}
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.append(tb.closing(c))
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.confirm()
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.holds(before, c)
	}
}
