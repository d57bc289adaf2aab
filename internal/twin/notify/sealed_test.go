package notify

import (
	"context"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin"
)

// vault seals by giving back nothing of what it was given.
type vault struct{}

func (vault) Pseudonyms(_ context.Context, _ string, names []string) ([]tribune.Pseudonym, error) {
	return make([]tribune.Pseudonym, len(names)), nil
}

func (vault) Seal(_ context.Context, _ tribune.Place, class tribune.Class, p tribune.Pseudonym, items []tribune.Item) (out []tribune.Sealed, _ []tribune.Write, committed func(), _ error) {
	for _, it := range items {
		out = append(out, tribune.Sealed{Class: class.ID, Pseudonym: p, Entity: it.Entity, Attr: it.Attr, Time: it.Time, Value: []byte("sealed")})
	}
	return out, nil, func() {}, nil
}

func platesArePersonal(_ []tribune.Name, attr tribune.Name) tribune.Class {
	if attr == "https://example.org/plate" {
		return tribune.Class{ID: "plates", Personal: true, Subject: attr, SubjectType: "plate"}
	}
	return tribune.Class{ID: "public"}
}

func TestWhatIsSealedIsInNoNotificationAndTriggersNone(t *testing.T) {
	w := newTown(t, func(w *town) { w.classOf, w.sealer = platesArePersonal, vault{} })
	every := `"notificationTrigger":["entityCreated","entityUpdated","entityDeleted"],`
	w.subscribe(cars+every, `"showChanges":true,"sysAttrs":true,`, "")
	w.subscribe(cars+every+`"watchedAttributes":["plate"],`, "", "")
	w.subscribe(cars+every+`"q":"plate",`, "", "")
	w.subscribe(cars+every+`"q":"plate==\"B-XY 1\"",`, "", "")

	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1,"plate":"B-XY 1"}`)
	w.write(twin.Append, `{"id":"urn:c:1","speed":2}`)
	for _, r := range w.take(2) {
		if strings.Contains(r.raw, "plate") || strings.Contains(r.raw, "B-XY") || strings.Contains(r.raw, "sealed") {
			t.Errorf("told %s", r.raw)
		}
	}
	w.write(twin.Append, `{"id":"urn:c:1","plate":"B-XY 2"}`)
	w.write(twin.Merge, `{"id":"urn:c:1","plate":"urn:ngsi-ld:null"}`)
	w.quiet(0)

	// The same after a crash, from the change log, which knows names and not what was sealed.
	w.write(twin.Append, `{"id":"urn:c:1","plate":"B-XY 3"}`)
	w.quiet(0)
	w.crash()
	w.write(twin.Append, `{"id":"urn:c:1","plate":"B-XY 4"}`)
	w.write(twin.Merge, `{"id":"urn:c:1","plate":"urn:ngsi-ld:null"}`)
	w.open()
	w.settled()
	w.mu.Lock()
	for _, r := range w.got { // what was told before the crash may be told again
		if strings.Contains(r.raw, "plate") {
			t.Errorf("after a crash: %s", r.raw)
		}
	}
	w.got = nil
	w.mu.Unlock()
	w.write(twin.Delete, "urn:c:1")
	if got := w.take(1)[0].raw; strings.Contains(got, "plate") {
		t.Errorf("its deletion: %s", got)
	}
}
