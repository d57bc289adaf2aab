package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tribune"
)

// Subscriptions to registrations are kept elsewhere: what opens their endpoints is hidden as well, also after they rested, and where nobody
// knows any more who made them.
func TestSpecHidesWhatOpensItsEndpoint(t *testing.T) {
	w := newTown(t)
	body := w.doc(`{"type":"Subscription",` + cars + `"notification":{"endpoint":{"uri":"https://u:secret@x.example/a?k=secret","receiverInfo":[{"key":"authorization","value":"secret"}]}}}`)
	shown := func(v *Spec) string {
		t.Helper()
		b, err := v.Append(nil, w.context(), time.Now(), false, false)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		by, reader tribune.ActorID
		want       int
	}{{"ada", "ada", 3}, {"ada", "bob", 0}, {"ada", "", 0}, {"", "", 0}, {"", "bob", 0}} {
		v, err := ReadSpec(t.Context(), body, w.context(), w.contexts, c.by, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		row, err := v.Row()
		if err != nil {
			t.Fatal(err)
		}
		again, err := RestoreSpec(t.Context(), row, w.contexts)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]*Spec{"new": v, "restored": again} {
			if got := shown(v.For(c.reader)); strings.Count(got, "secret") != c.want {
				t.Errorf("%s, made by %q, to %q: %s", name, c.by, c.reader, got)
			}
			if to, _, _ := v.For(c.reader).Endpoint(); !strings.Contains(to.URI, "secret") {
				t.Errorf("%s: its endpoint is %s", name, to.URI)
			}
		}
	}
}

// Whatever somebody sends back, what was hidden from them goes to the endpoint that it opens, or nowhere.
func FuzzWhatIsHiddenGoesNowhereElse(f *testing.F) {
	const old = `{"endpoint":{"uri":"https://u:secret@x.example/a?k=secret","receiverInfo":[{"key":"k","value":"secret"}]}}`
	f.Add(string(withoutSecrets([]byte(old))))
	f.Add(old)
	f.Add(`{"endpoint":{"URI":"https://thief.example/","uri":"https://hidden@x.example/a?hidden","Receiverinfo":[{"key":"k","value":"urn:tribune:hidden"}]}}`)
	f.Add(`{"endpoint":{"uri":"https://thief.example/","receiverInfo":[{"key":"k","value":"urn:tribune:hidden"}]}}`)
	f.Fuzz(func(t *testing.T, sent string) {
		out, kept := withSecrets([]byte(sent), []byte(old))
		if !kept && string(out) != sent {
			t.Fatalf("%q became %q", sent, out)
		}
		if !kept || strings.Contains(sent, "secret") {
			return
		}
		var d, endpoint document
		if json.Unmarshal(out, &d) != nil || json.Unmarshal(d["endpoint"], &endpoint) != nil {
			t.Fatalf("%q became %q", sent, out)
		}
		if e, err := ParseEndpoint(d["endpoint"]); err == nil && e.URI != "https://u:secret@x.example/a?k=secret" {
			t.Fatalf("%q goes to %s", sent, e.URI)
		}
		if shown := withoutSecrets(out); strings.Contains(string(shown), "secret") {
			t.Fatalf("%q is shown as %s", sent, shown)
		}
	})
}
