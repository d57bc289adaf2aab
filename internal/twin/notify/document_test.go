package notify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

func TestSubscriptionsAreReadStrictly(t *testing.T) {
	w := newTown(t)
	to := `"notification":{"endpoint":{"uri":"http://a.example/"}}`
	with := func(params string) string {
		return `{"type":"Subscription","entities":[{"type":"Car"}],"notification":{"endpoint":{"uri":"http://a.example/"},` + params + `}}`
	}
	for _, test := range []struct {
		in   string
		want error
	}{
		{`{"type":"Subscription","entities":[{"type":"Car"}],` + to + `}`, nil},
		{`{"type":"Subscription","watchedAttributes":["speed"],` + to + `}`, nil},
		{`{"type":"Subscription","localOnly":true,` + to + `}`, nil},
		{`{"type":"Subscription",` + to + `}`, tribune.ErrInvalid},
		{`{"entities":[{"type":"Car"}],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Other","entities":[{"type":"Car"}],` + to + `}`, tribune.ErrInvalid},
		{`{"id":"no uri","type":"Subscription","entities":[{"type":"Car"}],` + to + `}`, tribune.ErrInvalid},
		{`{"id":"","type":"Subscription","entities":[{"type":"Car"}],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}]}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":null,"watchedAttributes":["a"],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{}],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car","id":"x"}],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car","idPattern":"("}],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car)"}],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":[],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"notificationTrigger":["other"],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"notificationTrigger":[],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"q":"speed>",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"geoQ":{"georel":"near","geometry":"Point","coordinates":[1,2]},` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"geoQ":{"georel":"within","geometry":"Point"},` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"geoQ":"near",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"scopeQ":"(/a",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"throttling":0,` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"throttling":-1,` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"throttling":"5",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","watchedAttributes":["a"],"throttling":0.5,` + to + `}`, nil},
		{`{"type":"Subscription","watchedAttributes":["a"],"timeInterval":5,` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","timeInterval":5,` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"timeInterval":5,"throttling":5,` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"timeInterval":5,` + to + `}`, nil},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"expiresAt":"2020-01-01T00:00:00Z",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"expiresAt":"tomorrow",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"isActive":"yes",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"lang":"%",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"datasetId":["x"],` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"datasetId":["@none","urn:d:1"],` + to + `}`, nil},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"jsonldContext":"none",` + to + `}`, tribune.ErrInvalid},
		{`{"type":"Subscription","entities":[{"type":"Car"}],"jsonldContext":"https://example.org/away.jsonld",` + to + `}`, jsonld.ErrContext},
		{with(`"format":"xml"`), tribune.ErrInvalid},
		{with(`"attributes":[]`), tribune.ErrInvalid},
		{with(`"attributes":["id"]`), tribune.ErrInvalid},
		{with(`"attributes":["speed"],"pick":["speed"]`), tribune.ErrInvalid},
		{with(`"attributes":["speed"],"omit":["speed"]`), tribune.ErrInvalid},
		{with(`"pick":["id","speed"],"omit":["speed"]`), tribune.ErrInvalid},
		{with(`"pick":["id","speed"],"omit":["scope"]`), nil},
		{with(`"showChanges":true,"format":"keyValues"`), tribune.ErrInvalid},
		{with(`"showChanges":true,"format":"concise"`), nil},
		{with(`"join":"deep"`), tribune.ErrInvalid},
		{with(`"join":"flat","joinLevel":0`), tribune.ErrInvalid},
		{with(`"join":"flat","joinLevel":1.5`), tribune.ErrInvalid},
		{with(`"join":"inline","joinLevel":2`), nil},
		{with(`"timesSent":"read only","status":5,"lastNotification":null`), nil},
	} {
		_, err := w.notifier.Create(t.Context(), "", w.doc(test.in), w.context(), Origin{})
		if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", test.in, err, test.want)
		}
	}
}

func TestErrorsOfSubscriptionsQuoteNoQuery(t *testing.T) {
	w := newTown(t)
	_, err := w.trySubscribe(cars+`"q":"plate==\"B-XY 1",`, "", "")
	if err == nil || strings.Contains(err.Error()+tribune.HintOf(err), "B-XY") {
		t.Errorf("%v", err)
	}
}

func TestUpdatesReplaceMembersAndRemoveThem(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars+`"description":"x","throttling":5,`, `"attributes":["speed"],`, "")
	update := func(text string) error { return w.notifier.Update(t.Context(), "", id, w.doc(text), w.context(), "") }
	for text, want := range map[string]error{
		`{"notification":"urn:ngsi-ld:null"}`:                     tribune.ErrInvalid,
		`{"notification":{"format":"keyValues"}}`:                 tribune.ErrInvalid,
		`{"notification":{"format":"keyValues","endpoint":null}}`: tribune.ErrInvalid,
		`{"type":null}`:                   tribune.ErrInvalid,
		`{"type":"Other"}`:                tribune.ErrInvalid,
		`{"id":"urn:s:other"}`:            tribune.ErrInvalid,
		`{"entities":"urn:ngsi-ld:null"}`: tribune.ErrInvalid, // nothing is left to subscribe to
		`{"description":"urn:ngsi-ld:null","throttling":null}`:       nil,
		`{"notification":{"endpoint":{"uri":"http://b.example/x"}}}`: nil,
		`{"q":"speed>5","status":"expired"}`:                         nil,
	} {
		if err := update(text); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", text, err, want)
		}
	}
	got := w.shown(id)
	params := got["notification"].(map[string]any)
	if got["description"] != nil || got["throttling"] != nil || got["q"] != "speed>5" || params["attributes"] != nil || got["status"] != "active" {
		t.Errorf("after all: %v", got)
	}
	if err := w.notifier.Update(t.Context(), "", "urn:s:none", w.doc(`{}`), w.context(), ""); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
}

// Whatever is accepted can be kept, restored, and shown.
func FuzzSubscription(f *testing.F) {
	f.Add(`{"id":"urn:s:1","type":"Subscription","entities":[{"type":"(A,B);C","id":["urn:1"],"idPattern":".*"}],"watchedAttributes":["a"],"q":"a>1","notification":{"format":"concise","pick":["id","a{b|c}"],"endpoint":{"uri":"http://a.example/"}}}`)
	f.Add(`{"id":"urn:s:1","type":"Subscription","entities":[{"type":"*"}],"timeInterval":1e3,"datasetId":"@none","lang":"de","notification":{"join":"flat","endpoint":{"uri":"mqtt://a.example/t"}}}`)
	f.Add(`{"id":"urn:s:1","type":"Subscription","localOnly":true,"geoQ":{"georel":"within"},"scopeQ":"/a","notification":{"attributes":["x"],"showChanges":true,"endpoint":{"uri":"http://a.example/"}}}`)
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		f.Fatal(err)
	}
	core := contexts.Core()
	f.Fuzz(func(t *testing.T, text string) {
		body, err := jsonld.Read([]byte(text))
		if err != nil {
			return
		}
		d, err := read(body)
		if err != nil {
			return
		}
		if d, err = d.renamed(expanding(core)); err != nil {
			return
		}
		s, err := compile(d, core, core)
		if err != nil {
			return
		}
		k := kept{row: row{Doc: s.doc.bytes(), WrittenIn: s.writtenIn, SentIn: s.sentIn}}
		again, err := k.restore(t.Context(), contexts)
		if err != nil {
			t.Fatalf("%s cannot be restored from %s: %v", text, k.row.Doc, err)
		}
		b, err := Subscription{again}.Append(nil, core, again.created, true, true)
		if err != nil || !json.Valid(b) {
			t.Errorf("%s is shown as %s, %v", text, b, err)
		}
	})
}
