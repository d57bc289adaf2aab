package watch

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune/protocol"
)

// states is a guardian's word that an act which opens nothing is right.
func (w *world) states(g int, leaf []byte) protocol.Statement {
	w.t.Helper()
	key, err := protocol.SeedOf(w.guardians[g].skey)
	if err != nil {
		w.t.Fatal(err)
	}
	s := protocol.Statement{Guardian: w.guardians[g].name, Leaf: protocol.LeafHash(leaf), IDs: protocol.HashIDs(testCity, nil), Epoch: 1, Time: w.now.Unix()}
	s.Sign(key)
	return s
}

// What a hub shows of explanations is held against the record from outside: it neither slips one in, nor takes one down, nor puts another file in its place.
func TestExplanationsAreShownAsTheRecordSays(t *testing.T) {
	file := []byte(`{"a": 1}`)
	for name, c := range map[string]struct {
		lie  func(w *world, index uint64, path string)
		want string // "" = nothing is wrong
	}{
		"as it should be": {func(*world, uint64, string) {}, ""},
		"taken down silently": {func(w *world, _ uint64, path string) {
			delete(w.pages, path)
		}, "does not show"},
		"an error in its place": {func(w *world, _ uint64, path string) { w.pages[path] = nil; w.failing = path }, "does not show"},
		"a file without end":    {func(w *world, _ uint64, path string) { w.pages[path] = make([]byte, protocol.MaxPublished+1) }, "another file"},
		"another file":          {func(w *world, _ uint64, path string) { w.pages[path] = []byte(`{"a": 2}`) }, "another file"},
		"without the word of enough guardians": {func(w *world, index uint64, _ string) {
			w.released[fmt.Sprint(index)] = w.released[fmt.Sprint(index)][:1]
		}, "1 guardians state"},
		"one guardian's word twice": {func(w *world, index uint64, _ string) {
			all := w.released[fmt.Sprint(index)]
			w.released[fmt.Sprint(index)] = []protocol.Statement{all[0], all[0]}
		}, "1 guardians state"},
		"after its verdict has ended": {func(w *world, _ uint64, _ string) { w.now = w.now.Add(2 * time.Hour) }, "should not any more: the verdict ended"},
		"taken down as its verdict has ended": {func(w *world, _ uint64, path string) {
			w.now = w.now.Add(2 * time.Hour)
			delete(w.pages, path)
		}, ""},
		"never found right, and not shown": {func(w *world, index uint64, path string) {
			delete(w.released, fmt.Sprint(index))
			delete(w.pages, path)
		}, ""},
		"one that no entry published": {func(w *world, _ uint64, _ string) {
			w.pages["/models.json"] = fmt.Appendf(nil, `[{"id": "parking-demand", "explanations": [{"entry": 1, "sha256": "%x"}]}]`, sha256.Sum256([]byte("x")))
		}, "publishes no such file"},
		"the list is as the record says": {func(w *world, index uint64, _ string) {
			w.pages["/models.json"] = fmt.Appendf(nil, `[{"id": "parking-demand", "explanations": [{"entry": %d, "sha256": "%x"}]}]`, index, sha256.Sum256(file))
		}, ""},
	} {
		w := newWorld(t)
		w.pass(tightGrace)
		l := w.published(w.auditor, func(_ *protocol.Leaf, p *protocol.Publication, _ *protocol.ModelVerdict) {
			p.File, p.Size = sha256.Sum256(file), len(file)
		})
		raw, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		index := w.add(raw)
		w.cosign(4)
		path := fmt.Sprintf("/models/explanations/%d", index)
		w.pages = map[string][]byte{path: file, "/models.json": []byte("[]")}
		w.released[fmt.Sprint(index)] = []protocol.Statement{w.states(0, raw), w.states(2, raw)}
		w.pass(publicationAfter)
		w.mu.Lock()
		c.lie(w, index, path)
		w.mu.Unlock()
		w.cosign(4)
		one := w.watcher(t.TempDir())
		w.rounds(one, 1)
		for range 7 {
			w.cosign(4)
			w.rounds(one, 1)
		}
		var said []string
		for _, in := range one.Book.Open() {
			if in.Kind == Explained || in.Kind == BadRelease {
				said = append(said, in.Text)
			}
		}
		if (len(said) > 0) != (c.want != "") || !strings.Contains(strings.Join(said, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, said, c.want)
		}
		if c.want == "" {
			continue
		}
		w.mu.Lock() // the city mends it
		w.pages[path], w.pages["/models.json"], w.failing = file, []byte("[]"), ""
		w.released[fmt.Sprint(index)] = []protocol.Statement{w.states(0, raw), w.states(2, raw)}
		if strings.Contains(c.want, "ended") {
			delete(w.pages, path)
		}
		w.mu.Unlock()
		for range 7 {
			w.cosign(4)
			w.rounds(one, 1)
		}
		for _, in := range one.Book.Open() {
			if in.Kind == Explained {
				t.Errorf("%s: mended, and it still says %q", name, in.Text)
			}
		}
	}
}
