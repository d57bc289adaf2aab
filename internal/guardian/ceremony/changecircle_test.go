package ceremony

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

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
