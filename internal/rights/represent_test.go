package rights

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

var (
	alex = protocol.PersonName{Type: "plate", Name: "AB12CDE"}
	ruth = protocol.PersonName{Type: "person", Name: "ruth"}
	paul = protocol.PersonName{Type: "person", Name: "paul"}
)

// represented is a representation of alex, granted in entry leaf.
func (w *world) represented(by protocol.PersonName, leaf uint64, scope ...string) *Representation {
	w.t.Helper()
	doc := protocol.Representation{
		Basis: protocol.BasisParent, Adult: w.now.AddDate(0, 0, 10).Format(time.DateOnly), City: "Sheffield", From: protocol.Time(w.now), Until: protocol.Time(w.now.AddDate(0, 0, 9)), ID: protocol.NewID(), Version: 1,
		Scope: scope, Ward: protocol.RepresentParty{Called: "Alex", Type: alex.Type, Name: "ab12 cde"}, Representative: protocol.RepresentParty{Called: by.Name, Type: by.Type, Name: by.Name},
	}
	text, err := doc.Text()
	if err != nil {
		w.t.Fatal(err)
	}
	skey, _, err := protocol.NewKey("registry")
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := protocol.SignDocument(text, s)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &Representation{Mark: protocol.RepresentationMark(text), Document: signed, Issuer: "registry", Ward: tribune.Pseudonym{9}, Representative: tribune.Pseudonym{by.Name[0]}, Deeds: []Deed{{At: w.now, Deed: protocol.DeedGrant, Leaf: leaf}}}
	if err := w.Granted(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestARepresentativeActsOnlyAsAndWhileTheyMay(t *testing.T) {
	w := begin(t)
	one := w.represented(ruth, 5, "access", "look")
	may := func(who protocol.PersonName, scope string) error {
		_, err := w.Acting([]protocol.PersonName{who}, one.Mark, scope)
		return err
	}
	for what, c := range map[string]struct {
		who   protocol.PersonName
		scope string
		want  error
	}{
		"as it should be":          {ruth, "look", nil},
		"beyond its scope":         {ruth, "erasure", tribune.ErrDenied},
		"somebody else":            {paul, "look", tribune.ErrNotFound},
		"the ward under its paper": {alex, "look", tribune.ErrNotFound},
	} {
		if err := may(c.who, c.scope); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	for n := range maxDeedsADay - 1 {
		if err := w.Noted(t.Context(), one.Mark, Deed{At: w.now, Deed: protocol.DeedLook, Leaf: 100 + uint64(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := may(ruth, "look"); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("after %d in a day: %v", maxDeedsADay, err)
	}
	w.now = w.now.AddDate(0, 0, 2)
	if err := may(ruth, "look"); err != nil {
		t.Errorf("two days later: %v", err)
	}
	w.now = w.now.AddDate(0, 0, 7)
	if err := may(ruth, "look"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("at its end: %v", err)
	}
}

// What a representative does, both see, also after a crash; an end takes effect at once, and is not another representative's.
func TestBothSeeWhatIsDoneAndARevocationIsAtOnce(t *testing.T) {
	w := begin(t)
	one, two := w.represented(ruth, 5, "access", "look"), w.represented(paul, 6, "look")
	f := filing(1, Access)
	f.Subject, f.By = one.Ward, &By{Mark: one.Mark, Called: "ruth", Basis: protocol.BasisParent}
	c := w.file(f)
	if err := w.Noted(t.Context(), one.Mark, Deed{At: w.now, Deed: protocol.DeedAsk, What: "access", Leaf: 7}); err != nil {
		t.Fatal(err)
	}
	w.crash()
	acting, _ := w.Representations([]protocol.PersonName{ruth})
	_, ward := w.Representations([]protocol.PersonName{{Type: "plate", Name: "ab-12 cde"}})
	if len(acting) != 1 || len(acting[0].Deeds) != 2 || len(ward) != 2 {
		t.Fatalf("the representative sees %v, the ward %v", acting, ward)
	}
	if p, d, ok := w.DeedAt(7); !ok || p.Mark != one.Mark || d.What != "access" {
		t.Errorf("entry 7 is %v of %v, %v", d, p, ok)
	}
	if got, err := w.OfWard(t.Context(), one.Ward, c.ID); err != nil || got.By.Called != "ruth" {
		t.Errorf("the ward sees the case as %v, %v", got, err)
	}
	if len(w.ListWard(one.Ward)) != 1 || len(w.ListWard(tribune.Pseudonym{1, 1})) != 0 || len(w.ListBy(one.Mark)) != 1 || len(w.ListBy(two.Mark)) != 0 {
		t.Error("a case under a representation is listed for others, or not for its own")
	}
	if _, err := w.Of(t.Context(), f.Owner, c.ID); err != nil {
		t.Errorf("whoever filed it: %v", err)
	}
	if err := w.Noted(t.Context(), one.Mark, Deed{At: w.now, Deed: protocol.DeedEnd, Leaf: 8}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.Acting([]protocol.PersonName{ruth}, one.Mark, "look"); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("after its end: %v", err)
		}
		if _, err := w.Of(t.Context(), f.Owner, c.ID); !errors.Is(err, tribune.ErrNotFound) || len(w.List(f.Owner)) != 0 {
			t.Errorf("after its end they still see the case: %v", err)
		}
		if _, err := w.OfWard(t.Context(), one.Ward, c.ID); err != nil {
			t.Errorf("the ward: %v", err)
		}
		if _, err := w.Acting([]protocol.PersonName{paul}, two.Mark, "look"); err != nil {
			t.Errorf("the other representative: %v", err)
		}
		w.crash()
	}
}

// They rest wrapped like everything here, are wrapped anew with the rest, and go when they have been over long enough.
func TestRepresentationsRestWrappedAndGo(t *testing.T) {
	w := begin(t)
	one := w.represented(ruth, 5, "look")
	raw, err := w.store.Get(t.Context(), rowKey(rowRepresentation, one.Doc.ID))
	if err != nil || bytes.Contains(raw, []byte("ruth")) {
		t.Errorf("in the clear, or gone: %v", err)
	}
	rewrapped := 0
	err = w.Rewrap(t.Context(), func(label string, wrapped []byte) ([]byte, error) { rewrapped++; return nil, nil })
	if err != nil || rewrapped != 1 {
		t.Errorf("%d rows wrapped anew, %v", rewrapped, err)
	}
	w.now = w.now.Add(10*24*time.Hour + w.cfg.Rules.Keep)
	if n, err := w.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("%d deleted, %v", n, err)
	}
	w.crash()
	if a, b := w.Representations([]protocol.PersonName{ruth, alex}); len(a)+len(b) != 0 {
		t.Error("it is still there")
	}
}

// While guardians cannot be reached an end cannot stand on record. It counts all the same, also after a crash, and can be put there later.
func TestAnEndCountsBeforeItIsOnRecord(t *testing.T) {
	w := begin(t)
	one := w.represented(ruth, 5, "look")
	if err := w.Halt(t.Context(), one.Mark); err != nil {
		t.Fatal(err)
	}
	ended := w.now
	for range 2 {
		if _, err := w.Acting([]protocol.PersonName{ruth}, one.Mark, "look"); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("they still act: %v", err)
		}
		w.crash()
	}
	w.now = w.now.Add(time.Hour)
	if err := w.Noted(t.Context(), one.Mark, Deed{At: w.now, Deed: protocol.DeedEnd, Leaf: 8}); err != nil {
		t.Fatal(err)
	}
	if p, err := w.Representation(one.Mark); err != nil || !p.Ended.Equal(ended) || len(p.Deeds) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

// What is not kept any more of a representation is not kept in memory either.
func TestOldDeedsAreForgotten(t *testing.T) {
	w := begin(t)
	one := w.represented(ruth, 5, "look")
	for n := range maxDeeds + 20 {
		if err := w.Noted(t.Context(), one.Mark, Deed{At: w.now, Deed: protocol.DeedLook, Leaf: 100 + uint64(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.deeds) != maxDeeds {
		t.Errorf("%d entries in memory, want %d", len(w.deeds), maxDeeds)
	}
	if _, _, ok := w.DeedAt(5); !ok {
		t.Error("the grant is not among them")
	}
}

// The ward finds a case that a representative filed for as long as it is there.
func TestARepresentationStaysAsLongAsItsCases(t *testing.T) {
	w := begin(t)
	one := w.represented(ruth, 5, "access")
	f := filing(1, Access)
	f.Subject, f.By = one.Ward, &By{Mark: one.Mark, Called: "ruth", Basis: protocol.BasisParent}
	w.file(f)
	w.now = w.now.Add(10*24*time.Hour + w.cfg.Rules.Keep)
	if n, err := w.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d deleted, %v: the case waits for an answer", n, err)
	}
	if _, ward := w.Representations([]protocol.PersonName{alex}); len(ward) != 1 {
		t.Error("the ward does not find who has filed it")
	}
}
