package watch

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// Each decision is forged in another way.
func TestForgedDecisions(t *testing.T) {
	for name, c := range map[string]struct {
		forge func(*protocol.Leaf)
		want  Kind
	}{
		"by a policy that the law does not have":  {func(l *protocol.Leaf) { l.Decision.Policies = []string{"because-i-say-so"} }, BadDecision},
		"by a policy that is about somebody else": {func(l *protocol.Leaf) { l.Decision.Policies = []string{"hub-publishes"} }, BadDecision},
		"by no policy":                             {func(l *protocol.Leaf) { l.Decision.Policies = []string{} }, BadDecision},
		"although something was missing":           {func(l *protocol.Leaf) { l.Decision.Missing = []string{"everything"} }, BadDecision},
		"for a purpose that does not exist":        {func(l *protocol.Leaf) { l.Act.Purpose = "curiosity" }, BadDecision},
		"to an office that does not exist":         {func(l *protocol.Leaf) { l.Act.Office = "mayors-cousin" }, BadDecision},
		"without a signature":                      {func(l *protocol.Leaf) { l.Signature = nil }, BadDecision},
		"without law":                              {func(l *protocol.Leaf) { l.Decision.Set = tribune.Hash{} }, BadDecision},
		"denied and signed":                        {func(l *protocol.Leaf) { denied(l); l.Signature = make([]byte, 64) }, BadDecision},
		"under another office's mandate":           {func(l *protocol.Leaf) { l.Act.Mandate = "mobility-study-2026" }, BadMandate},
		"for more people than the mandate allows":  {tagged(51), BadMandate},
		"with a person whose tag is missing":       {func(l *protocol.Leaf) { l.Act.Count = 2 }, BadTags},
		"with a tag twice":                         {func(l *protocol.Leaf) { l.Act.Count, l.Tags = 2, []tribune.Tag{l.Tags[0], l.Tags[0]} }, BadTags},
		"denied with tags":                         {func(l *protocol.Leaf) { tags := l.Tags; denied(l); l.Tags = tags }, BadTags},
		"an act of power about nobody, with a tag": {func(l *protocol.Leaf) { l.Act.Kind, l.Act.Count, l.Decision.Policies = tribune.ActDecide, 0, nil }, BadTags},
		"a delivery without a standing act": {func(l *protocol.Leaf) {
			l.Act.Kind, l.Act.Recipient = tribune.ActDelivery, nil
			l.Public = []byte(`{"standing":"00112233445566778899aabbccddeeff"}`)
		}, BadDelivery},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(w.leaf())
			forged := w.add(w.leaf(c.forge))
			w.add(w.leaf())
			w.cosign(4)
			one := w.watcher(t.TempDir())
			w.rounds(one, 2)
			if got := stands(one); !slices.Contains(got, c.want) {
				t.Fatalf("incidents are %v, want %s:\n%s", got, c.want, texts(one))
			}
			for _, in := range one.Book.Open() {
				if in.Subject != "leaf 3" || forged != 3 {
					t.Errorf("%s is about %s, want leaf %d: %s", in.Kind, in.Subject, forged, in.Text)
				}
			}
			if c.want != BadDelivery {
				w.expectEach(one, func(k Kind) bool { return k != BadMandate }, stands(one)...)
			}
		})
	}
}

func TestDuplicateTag(t *testing.T) {
	w := newWorld(t)
	tag := newTag()
	first := w.add(w.leaf(func(l *protocol.Leaf) { l.Tags[0] = tag }))
	for range 300 {
		w.add(w.leaf())
	}
	near := tag
	near[15]++ // eight bytes in common are a coincidence
	w.add(w.leaf(func(l *protocol.Leaf) { l.Tags[0] = near }))
	second := w.add(w.leaf(func(l *protocol.Leaf) { l.Tags[0] = tag }))
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 2)
	w.expect(one, true, DuplicateTag)
	if len(one.Book.Open()) != 1 || first != 2 || second != 304 || !strings.Contains(one.Book.Open()[0].Text, "leaf 2 and again in leaf 304") {
		t.Errorf("got:\n%s", texts(one))
	}
}

func TestAnUnreadableLeaf(t *testing.T) {
	w := newWorld(t)
	w.add([]byte("{}"))
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	w.expect(one, true, Unreadable)
}

func TestMoreInAnHourThanTheLawAllows(t *testing.T) {
	w := newWorld(t)
	w.pass(30 * time.Minute)
	for range 41 {
		w.add(w.leaf(tagged(50)))
	}
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	limit, _ := w.set.Office("parking-inspector")
	if limit.Limits.Subjects >= 41*50 {
		t.Fatalf("the demo's law allows %d people an hour, and the test touches %d", limit.Limits.Subjects, 41*50)
	}
	w.expect(one, false, OverCap)
}

func TestVolumeBurst(t *testing.T) {
	w := newWorld(t)
	one := w.watcher(t.TempDir())
	for day := range 10 {
		for range 3 + day%2 {
			w.add(w.leaf(tagged(2)))
		}
		w.cosign(4)
		w.rounds(one, 1)
		w.pass(24*time.Hour - 30*time.Second)
		w.cosign(4)
	}
	w.expect(one, false)
	for range 30 {
		w.add(w.leaf(tagged(2)))
	}
	w.cosign(4)
	w.rounds(one, 1)
	w.expect(one, false, Volume)
	if text := one.Book.Open()[0].Text; !strings.Contains(text, "people, expected") || !strings.Contains(text, "times as many") {
		t.Errorf("it does not give number, expectation and factor: %s", text)
	}
}

func TestALawLoosenedEarly(t *testing.T) {
	for name, c := range map[string]struct {
		approvals int
		after     time.Duration
		want      []Kind
	}{
		"without approvals":                  {1, 100 * time.Hour, []Kind{LawEarly}},
		"approved, and used after an hour":   {2, time.Hour, []Kind{LawEarly}},
		"approved, and used after 71 hours":  {2, 71 * time.Hour, []Kind{LawEarly}},
		"approved, and used after 73 hours":  {2, 73 * time.Hour, nil},
		"the stricter one used after a week": {-2, 7 * 24 * time.Hour, []Kind{LawStale}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one := w.watcher(t.TempDir())
			w.rounds(one, 1)
			old, looser := w.set, w.changed("offices.toml", "acts_per_hour = 1000", "acts_per_hour = 2000")
			w.add(w.publish(looser, w.approve(looser, old, max(c.approvals, -c.approvals))))
			w.cosign(4)
			w.rounds(one, 1)
			w.expect(one, false)
			w.pass(c.after)
			if c.approvals > 0 {
				w.set = looser
			}
			w.cosign(4)
			w.rounds(one, 1)
			w.add(w.leaf())
			w.cosign(4)
			w.rounds(one, 1)
			w.expect(one, false, c.want...)
		})
	}
}

func TestALawThatNobodyHasPublished(t *testing.T) {
	w := newWorld(t)
	w.set = w.changed("offices.toml", "acts_per_hour = 1000", "acts_per_hour = 2000")
	w.add(w.leaf())
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	w.expect(one, false, LawUnknown)
}

// What waits for the text of a law is replayed once it is shown.
func TestALawThatIsNotShown(t *testing.T) {
	w := newWorld(t)
	w.mu.Lock()
	shown := w.laws
	w.laws = map[string]map[string][]byte{}
	w.mu.Unlock()
	w.add(w.leaf(func(l *protocol.Leaf) { l.Decision.Policies = []string{"because-i-say-so"} }))
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 4)
	w.expect(one, false, LawUnshown)
	w.mu.Lock()
	w.laws = shown
	w.mu.Unlock()
	w.rounds(one, 1)
	w.expect(one, true, BadDecision)
}

func TestActsOutOfTheirTime(t *testing.T) {
	for name, by := range map[string]time.Duration{"dated back": -time.Hour, "dated ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one := w.watcher(t.TempDir())
			w.rounds(one, 1)
			w.cosign(4)
			w.rounds(one, 1)
			w.add(w.leaf(func(l *protocol.Leaf) { l.Act.Time = protocol.Time(w.now.Add(by)) }))
			w.cosign(4)
			w.rounds(one, 1)
			w.expect(one, false, BadTime)
		})
	}
}

func TestReleaseStatementsThatDoNotFit(t *testing.T) {
	statement := func(w *world, g int, leaf []byte, ids byte) protocol.Statement {
		key, err := protocol.SeedOf(w.guardians[g].skey)
		if err != nil {
			t.Fatal(err)
		}
		s := protocol.Statement{Guardian: w.guardians[g].name, Leaf: protocol.LeafHash(leaf), IDs: tribune.Hash{ids}, Epoch: 1, Time: w.now.Unix()}
		s.Sign(key)
		return s
	}
	for name, c := range map[string]struct {
		leaf   func(*protocol.Leaf)
		shown  func(w *world, leaf []byte) []protocol.Statement
		proven bool
		want   []Kind
	}{
		"two that agree": {func(*protocol.Leaf) {}, func(w *world, l []byte) []protocol.Statement {
			return []protocol.Statement{statement(w, 0, l, 1), statement(w, 1, l, 1)}
		}, false, nil},
		"for different identities": {func(*protocol.Leaf) {}, func(w *world, l []byte) []protocol.Statement {
			return []protocol.Statement{statement(w, 0, l, 1), statement(w, 1, l, 2)}
		}, true, []Kind{BadRelease}},
		"of another leaf": {func(*protocol.Leaf) {}, func(w *world, l []byte) []protocol.Statement {
			return []protocol.Statement{statement(w, 0, []byte("another"), 1)}
		}, false, []Kind{BadRelease}},
		"that is not signed": {func(*protocol.Leaf) {}, func(w *world, l []byte) []protocol.Statement {
			s := statement(w, 0, l, 1)
			s.Signature = make([]byte, ed25519.SignatureSize)
			return []protocol.Statement{s}
		}, false, []Kind{BadRelease}},
		"for an act that opens nothing": {func(l *protocol.Leaf) { l.Act.Recipient = nil }, func(w *world, l []byte) []protocol.Statement {
			return []protocol.Statement{statement(w, 0, l, 1)}
		}, true, []Kind{BadRelease}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			leaf := w.leaf(c.leaf)
			w.add(leaf)
			w.released["2"] = c.shown(w, leaf)
			w.cosign(4)
			one := w.watcher(t.TempDir())
			w.rounds(one, 4)
			w.expect(one, c.proven, c.want...)
		})
	}
}
