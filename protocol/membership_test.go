package protocol

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
)

type membershipVectors struct {
	Group        Group
	GroupDigest  string
	Change       Change
	Text         string
	ChangeDigest string
	Accept       struct{ Guardian, Message string }
}

// The vectors were computed by an independent implementation (Python's json, hashlib and struct).
func readMembership(t testing.TB) (v membershipVectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/membership.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMembershipVectors(t *testing.T) {
	v := readMembership(t)
	group, err := GroupDigest(v.Group)
	if err != nil || group.String() != v.GroupDigest {
		t.Errorf("group: got %s, %v, want %s", group, err, v.GroupDigest)
	}
	moved := v.Group
	moved.Guardians = slices.Clone(moved.Guardians)
	moved.Guardians[0].URL = "https://elsewhere.example"
	if again, _ := GroupDigest(moved); again != group {
		t.Error("where a guardian is reached changes the group's digest")
	}
	change, err := v.Change.Digest()
	if err != nil || change.String() != v.ChangeDigest {
		t.Errorf("change: got %s, %v, want %s", change, err, v.ChangeDigest)
	}
	if text, err := v.Change.Text(); err != nil || text != v.Text {
		t.Errorf("text: got %q, %v, want %q", text, err, v.Text)
	}
	read, err := DecodeChange([]byte(v.Text))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := read.Digest(); again != change {
		t.Error("a change that was read has another digest")
	}
	if got := hex.EncodeToString(AcceptMessage(v.Accept.Guardian, change)); got != v.Accept.Message {
		t.Errorf("acceptance: got %s, want %s", got, v.Accept.Message)
	}
	if err := v.Change.After(v.Group); err != nil {
		t.Errorf("the change is none of its group: %v", err)
	}
}

func TestChangesThatMustNotBe(t *testing.T) {
	v := readMembership(t)
	for name, c := range map[string]struct {
		spoil func(*Change)
		fails error
	}{
		"of another group":            {func(c *Change) { c.From[0] ^= 1 }, tribune.ErrInvalid},
		"of another city":             {func(c *Change) { c.City = "other.example" }, tribune.ErrInvalid},
		"the same epoch again":        {func(c *Change) { c.Epoch = 1 }, tribune.ErrInvalid},
		"an epoch left out":           {func(c *Change) { c.Epoch = 3 }, tribune.ErrInvalid},
		"one corrupt co-signer":       {func(c *Change) { c.W = 2 }, tribune.ErrInvalid},
		"a threshold nobody can meet": {func(c *Change) { c.T = 3 }, tribune.ErrInvalid},
		"one guardian twice":          {func(c *Change) { c.Members[2] = c.Members[1]; c.Members[2].Index = 3 }, tribune.ErrInvalid},
		"another's key under a name that stays": {func(c *Change) {
			c.Members[1].Key = "ombudsman.example" + strings.TrimPrefix(c.Members[2].Key, "library.example")
		}, tribune.ErrInvalid},
		"somebody lost who was none": {func(c *Change) { c.Lost = []string{"nobody.example"} }, tribune.ErrInvalid},
		"somebody lost who stays":    {func(c *Change) { c.Lost = []string{"court.example"} }, tribune.ErrInvalid},
		"the lost in no order":       {func(c *Change) { c.Lost = []string{"university.example", "court.example"} }, tribune.ErrInvalid},
		"fewer left than shares to open": {func(c *Change) {
			c.Lost = []string{"court.example", "university.example"}
			c.Members[0] = c.Members[2]
			lone(c)
		}, tribune.ErrNoQuorum},
	} {
		change := v.Change
		change.Members = slices.Clone(change.Members)
		c.spoil(&change)
		err := change.Validate()
		if err == nil {
			err = change.After(v.Group)
		}
		if !errors.Is(err, c.fails) {
			t.Errorf("%s: got %v, want %v", name, err, c.fails)
		}
		if errors.Is(c.fails, tribune.ErrNoQuorum) && !strings.Contains(tribune.HintOf(err), "cannot be recovered") {
			t.Errorf("%s: it does not say that the data are lost: %q", name, tribune.HintOf(err))
		}
	}
}

// lone is a group of one.
func lone(c *Change) {
	c.Members = c.Members[2:]
	c.Members[0].Index, c.T, c.W = 1, 1, 1
}

func TestOnlyTheCouncilsChangeOpens(t *testing.T) {
	v := readMembership(t)
	sign := func(text string) (doc []byte, council string) {
		skey, vkey, err := NewKey("city.example/council")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(skey)
		if err != nil {
			t.Fatal(err)
		}
		if doc, err = SignDocument(text, signer); err != nil {
			t.Fatal(err)
		}
		return doc, vkey
	}
	doc, council := sign(v.Text)
	if _, err := OpenChange(doc, council); err != nil {
		t.Errorf("the council's own: %v", err)
	}
	_, other := sign(v.Text)
	if _, err := OpenChange(doc, other); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("another's of the same name: %v", err)
	}
	for name, text := range map[string]string{
		"no first line": strings.TrimPrefix(v.Text, changeHead), "another spelling": strings.Replace(v.Text, `"t":2`, `"t": 2`, 1),
		"another field": strings.Replace(v.Text, `"t":2`, `"s":1,"t":2`, 1), "two lines": v.Text + "x\n",
	} {
		doc, council := sign(text)
		if _, err := OpenChange(doc, council); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}

func FuzzDecodeChange(f *testing.F) {
	v := readMembership(f)
	f.Add([]byte(v.Text))
	f.Add([]byte(changeHead + "{}\n"))
	f.Add([]byte(strings.Replace(v.Text, `"lost":[]`, `"lost":["court.example"]`, 1)))
	f.Add([]byte(strings.Replace(v.Text, `"lost":[]`, `"lost":null`, 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := DecodeChange(text)
		if err != nil {
			return
		}
		again, err := c.Text()
		if err != nil || again != string(text) {
			t.Fatalf("a second spelling is read: %q, then %q (%v)", text, again, err)
		}
		c.After(v.Group)
		c.Words(v.Group)
	})
}

func FuzzClosingFollows(f *testing.F) {
	v := readMembership(f)
	_, council, err := NewKey("city.example/council")
	if err != nil {
		f.Fatal(err)
	}
	seed, _ := JCS(Closing{Group: v.Group, Signatures: map[string][]byte{"court.example": make([]byte, 64)}, Change: []byte(v.Text), Accepts: map[string][]byte{"court.example": {1}}})
	f.Add(seed)
	f.Add([]byte(`{"group":{},"signatures":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Closing
		if DecodeJCS(data, &c) != nil {
			return
		}
		if _, err := c.Follows(v.Group, council); err == nil {
			t.Fatal("a closing that nobody has signed follows")
		}
		if c.Check() == nil {
			t.Fatal("a group that nobody has signed checks")
		}
	})
}
