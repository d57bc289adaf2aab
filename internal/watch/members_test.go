package watch

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// points gives a group public points of the right sizes: who follows a chain goes by signatures.
func points(g protocol.Group) protocol.Group {
	of := func(seed byte) (k protocol.PublicKey) {
		k.Key = bytes.Repeat([]byte{seed}, 96)
		for i := range g.N {
			k.Shares = append(k.Shares, bytes.Repeat([]byte{seed + byte(i) + byte(g.Epoch)}, 96))
		}
		return k
	}
	g.Seal, g.Name = of(1), of(100)
	return g
}

func (w *world) signs(p *peer, msg []byte) []byte {
	key, err := protocol.SeedOf(p.skey)
	if err != nil {
		w.t.Fatal(err)
	}
	return ed25519.Sign(key, msg)
}

// newPeer is a guardian that comes.
func (w *world) newPeer(name string) *peer {
	w.t.Helper()
	p := &peer{name: name}
	var err error
	if p.skey, _, err = protocol.NewKey(name); err != nil {
		w.t.Fatal(err)
	}
	w.serve(p, "/")
	return p
}

// close puts the closing of a group of guardians after another one on record, accepted by some, and returns the group and its leaf.
func (w *world) close(old *protocol.Group, lost []string, members, accepts []*peer) (protocol.Group, uint64) {
	w.t.Helper()
	g := protocol.Group{City: testCity, N: len(members), T: 2, W: 3, Epoch: 1}
	if old != nil {
		g.Epoch = old.Epoch + 1
	}
	for i, p := range members {
		vkey, err := protocol.VerifierOf(p.skey)
		if err != nil {
			w.t.Fatal(err)
		}
		g.Guardians = append(g.Guardians, protocol.Member{Index: i + 1, Name: p.name, Key: vkey, URL: p.server.URL})
	}
	g = points(g)
	closing := protocol.Closing{Group: g, Signatures: map[string][]byte{}}
	closing.Group.Guardians = slices.Clone(g.Guardians)
	for i := range closing.Group.Guardians {
		closing.Group.Guardians[i].URL = ""
	}
	digest, err := protocol.GroupDigest(g)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range members {
		closing.Signatures[p.name] = w.signs(p, digest[:])
	}
	if old != nil {
		from, err := protocol.GroupDigest(*old)
		if err != nil {
			w.t.Fatal(err)
		}
		change := protocol.Change{City: testCity, Epoch: g.Epoch, From: from, Members: g.Guardians, T: g.T, W: g.W, Lost: slices.Sorted(slices.Values(lost))}
		if lost == nil {
			change.Lost = []string{}
		}
		text, err := change.Text()
		if err != nil {
			w.t.Fatal(err)
		}
		council, _, _ := protocol.NewKey(testCity + "/council")
		signer, _ := note.NewSigner(council)
		if closing.Change, err = protocol.SignDocument(text, signer); err != nil {
			w.t.Fatal(err)
		}
		id, err := change.Digest()
		if err != nil {
			w.t.Fatal(err)
		}
		closing.Accepts = map[string][]byte{}
		for _, p := range accepts {
			closing.Accepts[p.name] = w.signs(p, protocol.AcceptMessage(p.name, id))
		}
	}
	leaf := w.leaf(w.hubs(tribune.ActCeremony), func(l *protocol.Leaf) {
		l.Decision.Set, l.Decision.Policies = tribune.Hash{}, []string{}
		if l.Public, err = protocol.JCS(closing); err != nil {
			w.t.Fatal(err)
		}
	})
	return g, w.add(leaf)
}

// link is a leaf's receipt under some co-signatures, in the book as it is.
func (w *world) link(index uint64, by ...*peer) []byte {
	w.t.Helper()
	size := int64(len(w.book.leaves))
	path, err := tlog.ProveRecord(size, int64(index), tlog.HashReaderFunc(w.book.read))
	if err != nil {
		w.t.Fatal(err)
	}
	p := verify.Proof{Index: index, Checkpoint: w.note(w.book, int(size), by...), Extra: w.book.leaves[index]}
	for _, h := range path {
		p.Hashes = append(p.Hashes, tribune.Hash(h))
	}
	return p.Marshal()
}

// founded is a world whose chain begins with its founding, and a watcher that has looked once.
func founded(t *testing.T) (*world, *Watcher, protocol.Group) {
	w := newWorld(t)
	first, at := w.close(nil, nil, w.guardians, nil)
	w.cosign(4)
	w.chain = [][]byte{w.link(at, w.guardians...)}
	one := w.watcher(t.TempDir())
	w.rounds(one, 2)
	w.expect(one, false)
	return w, one, first
}

func TestWatcherAndMirrorFollowAChangeOfGuardians(t *testing.T) {
	w, one, first := founded(t)
	library := w.newPeer("library.example")
	old := w.guardians
	_, at := w.close(&first, nil, append(slices.Clone(old[:3]), library), old)
	w.chain = append(w.chain, w.link(at, old...))
	// From here on the new group co-signs alone, and who has left is switched off.
	w.guardians = append(slices.Clone(old[:3]), library)
	old[3].down = true
	for i := range 24 { // minutes, in which who has left would be missed
		if i == 12 {
			w.add(w.leaf())
		}
		w.cosign(4)
		w.rounds(one, 1)
	}
	if got := stands(one); len(got) != 0 {
		t.Errorf("incidents are %v:\n%s", got, texts(one))
	}
	size := uint64(len(w.book.leaves))
	if head := one.Copy.head(); head == nil || head.Size != size || !strings.Contains(texts(one), "every link of the change verifies") {
		t.Errorf("the copy holds %+v, want %d leaves:\n%s", head, size, texts(one))
	}
	if text, err := os.ReadFile(filepath.Join(one.cfg.Dir, "copy", trustText)); err != nil || !strings.Contains(string(text), "library.example") {
		t.Errorf("the newest trust file: %s, %v", text, err)
	}
	// A start with the operator's old trust file goes on, while the hub shows no chain.
	one.Close()
	w.chain = nil
	again := w.watcher(one.cfg.Dir)
	w.add(w.leaf())
	w.cosign(4)
	w.rounds(again, 2)
	if head := again.Copy.head(); head == nil || head.Size != size+1 || len(stands(again)) != 0 {
		t.Errorf("after a start: %+v, %v", head, stands(again))
	}
}

func TestChangeOfGuardiansThatDoesNotHoldIsAnIncident(t *testing.T) {
	for name, c := range map[string]func(w *world, first protocol.Group) (link []byte, now []*peer){
		"accepted by too few": func(w *world, first protocol.Group) ([]byte, []*peer) {
			next := append(slices.Clone(w.guardians[:3]), w.newPeer("library.example"))
			_, at := w.close(&first, nil, next, w.guardians[:2])
			return w.link(at, w.guardians...), next
		},
		"published under the new group alone": func(w *world, first protocol.Group) ([]byte, []*peer) {
			next := []*peer{w.guardians[0], w.newPeer("a.example"), w.newPeer("b.example"), w.newPeer("c.example")}
			_, at := w.close(&first, nil, next, w.guardians)
			return w.link(at, next...), next
		},
		"an emergency that somebody who is not lost has not accepted": func(w *world, first protocol.Group) ([]byte, []*peer) {
			next := []*peer{w.guardians[0], w.newPeer("a.example"), w.newPeer("b.example"), w.newPeer("c.example")}
			_, at := w.close(&first, []string{w.guardians[2].name, w.guardians[3].name}, next, w.guardians[:1])
			return w.link(at, next...), next
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, one, first := founded(t)
			link, next := c(w, first)
			held := one.Copy.head().Size
			w.chain = append(w.chain, link)
			w.guardians = next
			w.cosign(4)
			w.rounds(one, 4)
			if got := stands(one); !slices.Contains(got, BadChange) {
				t.Errorf("incidents are %v, want %s among them:\n%s", got, BadChange, texts(one))
			}
			if got := one.Copy.head().Size; got != held && name != "accepted by too few" {
				t.Errorf("the copy followed a group that does not hold, to %d leaves", got)
			}
			if len(one.Copy.members.trusts()) != 1 {
				t.Error("a change that does not hold was followed")
			}
		})
	}
}

// Two emergencies that call different guardians lost can both be accepted by all the others of each. Who watches follows the first it has
// seen, says that it came without a quorum, and says when it meets the other.
func TestTwoGroupsForOneShareEpochAreAnIncident(t *testing.T) {
	w, one, first := founded(t)
	old := w.guardians
	a := []*peer{old[0], old[1], w.newPeer("a.example"), w.newPeer("b.example")}
	b := []*peer{old[2], old[3], w.newPeer("c.example"), w.newPeer("d.example")}
	_, atA := w.close(&first, []string{old[2].name, old[3].name}, a, old[:2])
	_, atB := w.close(&first, []string{old[0].name, old[1].name}, b, old[2:])
	chain := w.chain
	w.chain = append(slices.Clone(chain), w.link(atA, a...))
	w.guardians = a
	w.cosign(4)
	w.rounds(one, 4)
	if got := stands(one); !slices.Equal(got, []Kind{EmergencyChange}) {
		t.Fatalf("incidents are %v, want the emergency:\n%s", got, texts(one))
	}
	w.chain = append(slices.Clone(chain), w.link(atB, b...))
	w.pass(time.Minute)
	w.rounds(one, 2)
	if got := stands(one); !slices.Contains(got, BadChange) || !strings.Contains(texts(one), "Two groups of guardians") {
		t.Errorf("incidents are %v:\n%s", got, texts(one))
	}
	if _, ok := one.Copy.trust().GuardianKey("a.example"); !ok {
		t.Error("the watcher left the group that it has followed")
	}
}
