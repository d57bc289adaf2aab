package city

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune/internal/web"
	"tribune/policy"
	"tribune/protocol"
)

// Every change that the council has signed stands on record. Whoever brings one again must neither stop the one under way, nor bring back
// what it replaced, nor put leaves on record.
func TestSignedChangeBroughtAgainDoesNothing(t *testing.T) {
	councilKey, council, err := protocol.NewKey("city.example/council")
	if err != nil {
		t.Fatal(err)
	}
	group := protocol.Group{City: "city.example", N: 1, T: 1, W: 1, Epoch: 1}
	_, vkey, err := protocol.NewKey("a.example")
	if err != nil {
		t.Fatal(err)
	}
	group.Guardians = []protocol.Member{{Index: 1, Key: vkey, Name: "a.example", URL: "http://127.0.0.1:1"}}
	from, err := protocol.GroupDigest(group)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	h := &Hub{cfg: Config{Dir: Dir(t.TempDir()), Trust: policy.Trust{Council: council}}, log: log, problems: web.NewProblems(log, ""), changes: newChanges()}
	if err := h.cfg.Dir.prepare(); err != nil {
		t.Fatal(err)
	}
	h.group.Store(&group)
	signed := func(at string) string {
		c := protocol.Change{City: group.City, From: from, Epoch: 2, T: 1, W: 1, Lost: []string{}, Members: []protocol.Member{{Index: 1, Key: vkey, Name: "a.example", URL: at}}}
		text, err := c.Text()
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(councilKey)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := protocol.SignDocument(text, signer)
		if err != nil {
			t.Fatal(err)
		}
		return string(doc)
	}
	first, second := signed("http://127.0.0.1:2"), signed("http://127.0.0.1:3")
	for i, c := range []struct {
		doc    string
		status int
		wakes  bool
		holds  string
	}{
		{first, http.StatusAccepted, true, first},
		{first, http.StatusAccepted, false, first},
		{second, http.StatusAccepted, true, second},
		{first, http.StatusConflict, false, second},
		{second, http.StatusAccepted, false, second},
	} {
		w := httptest.NewRecorder()
		h.addChange(w, httptest.NewRequest(http.MethodPost, "/group/change", strings.NewReader(c.doc)))
		woken := false
		select {
		case <-h.changes.wake:
			woken = true
		default:
		}
		held, err := os.ReadFile(h.cfg.Dir.Change())
		if err != nil || w.Code != c.status || woken != c.wakes || string(held) != c.holds {
			t.Errorf("%d: got %d, wakes %v, %v; want %d, %v: %s", i, w.Code, woken, err, c.status, c.wakes, w.Body)
		}
	}
}
