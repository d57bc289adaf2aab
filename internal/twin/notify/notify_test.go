package notify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/internal/twin"
)

const cars = `"entities":[{"type":"Car"}],`

func TestEachTriggerFiresForItsOwnChange(t *testing.T) {
	steps := []struct {
		name string
		do   func(*town)
		on   []string // triggers that fire
	}{
		{"the entity is created", func(w *town) { w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`) }, []string{"entityCreated", "attributeCreated", "entityUpdated"}},
		{"an attribute changes", func(w *town) { w.write(twin.Append, `{"id":"urn:c:1","speed":2}`) }, []string{"attributeUpdated", "entityUpdated"}},
		{"it is written again as it is", func(w *town) { w.write(twin.Append, `{"id":"urn:c:1","speed":2}`) }, nil},
		{"an attribute comes", func(w *town) { w.write(twin.Append, `{"id":"urn:c:1","colour":"red"}`) }, []string{"attributeCreated", "entityUpdated"}},
		{"an instance comes", func(w *town) {
			w.write(twin.Append, `{"id":"urn:c:1","speed":{"value":3,"datasetId":"urn:d:1"}}`)
		}, []string{"attributeCreated", "entityUpdated"}},
		{"a sub-attribute changes", func(w *town) {
			w.write(twin.Append, `{"id":"urn:c:1","colour":{"value":"red","sure":true}}`)
		}, []string{"attributeUpdated", "entityUpdated"}},
		{"observedAt changes", func(w *town) {
			w.write(twin.Append, `{"id":"urn:c:1","colour":{"value":"red","sure":true,"observedAt":"2026-01-01T00:00:00Z"}}`)
		}, []string{"attributeUpdated", "entityUpdated"}},
		{"an attribute goes", func(w *town) { w.write(twin.Merge, `{"id":"urn:c:1","colour":"urn:ngsi-ld:null"}`) }, []string{"attributeDeleted", "entityUpdated"}},
		{"the entity goes", func(w *town) { w.write(twin.Delete, "urn:c:1") }, []string{"entityDeleted", "attributeDeleted", "entityUpdated"}},
	}
	w := newTown(t)
	of := map[string]string{}
	for _, trigger := range []string{"entityCreated", "entityUpdated", "entityDeleted", "attributeCreated", "attributeUpdated", "attributeDeleted"} {
		of[w.subscribe(cars+`"notificationTrigger":["`+trigger+`"],`, "", "")] = trigger
	}
	w.subscribe(`"entities":[{"type":"Bus"}],`, "", "")
	for _, step := range steps {
		step.do(w)
		var fired []string
		for _, r := range w.take(len(step.on)) {
			fired = append(fired, of[r.Of])
		}
		slices.Sort(fired)
		want := slices.Sorted(slices.Values(step.on))
		if !slices.Equal(fired, want) {
			t.Errorf("%s: fired %v, want %v", step.name, fired, want)
		}
	}
}

func TestWatchedAttributesAndSelectorsDecide(t *testing.T) {
	w := newTown(t)
	w.write(twin.Create, `{"id":"urn:c:1","type":["Car","Thing"],"speed":1,"colour":"red","scope":"/a/b","location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}},"owner":{"type":"Relationship","object":"urn:p:1","objectType":"Person"}}`)
	w.write(twin.Create, `{"id":"urn:p:1","type":"Person","age":40}`)
	for _, test := range []struct {
		more string
		want int
	}{
		{`"entities":[{"type":"Car"}],"watchedAttributes":["speed"],`, 1},
		{`"entities":[{"type":"Car"}],"watchedAttributes":["colour"],`, 0},
		{`"watchedAttributes":["speed","colour"],`, 1},
		{`"entities":[{"type":"Bus"}],`, 0},
		{`"entities":[{"type":"(Bus,Car);Thing"}],`, 1},
		{`"entities":[{"type":"Bus;Car"}],`, 0},
		{`"entities":[{"type":"*"}],`, 1},
		{`"entities":[{"type":"Car","id":"urn:c:1"}],`, 1},
		{`"entities":[{"type":"Car","id":["urn:c:2","urn:c:1"]}],`, 1},
		{`"entities":[{"type":"Bus","id":"urn:c:1"}],`, 0},
		{`"entities":[{"type":"Car","id":"urn:c:2"}],`, 0},
		{`"entities":[{"type":"Car","id":"urn:c:1","idPattern":"nothing"}],`, 1},
		{`"entities":[{"type":"Car","idPattern":"^urn:c:[0-9]$"}],`, 1},
		{`"entities":[{"type":"Car","idPattern":"^urn:d"}],`, 0},
		{`"entities":[{"type":"Bus"},{"type":"Car","idPattern":"c:1"},{"type":"Car"}],`, 1},
		{cars + `"q":"speed>10",`, 1},
		{cars + `"q":"speed>1000",`, 0},
		{cars + `"isActive":false,`, 0},
		{cars + `"geoQ":{"georel":"near;maxDistance==100","geometry":"Point","coordinates":[1,2]},`, 1},
		{cars + `"geoQ":{"georel":"near;maxDistance==100","geometry":"Point","coordinates":"[1,2]","geoproperty":"location"},`, 1},
		{cars + `"geoQ":{"georel":"near;maxDistance==100","geometry":"Point","coordinates":[3,2]},`, 0},
		{cars + `"geoQ":{"georel":"within","geometry":"Polygon","coordinates":[[[0,0],[0,3],[3,3],[3,0],[0,0]]]},`, 1},
		{cars + `"geoQ":{"georel":"near;maxDistance==100","geometry":"Point","coordinates":[1,2],"geoproperty":"place"},`, 0},
		{cars + `"scopeQ":"/a/#",`, 1},
		{cars + `"scopeQ":"/b,/c",`, 0},
		{cars + `"q":"owner{age}>30",`, 1},
		{cars + `"q":"owner{age}>50",`, 0},
		{`"localOnly":true,`, 1},
	} {
		id := w.subscribe(test.more, "", "")
		w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:1","speed":%d}`, 100+len(test.more)))
		w.write(twin.Append, `{"id":"urn:c:1","speed":12}`)
		if got := w.take(2 * test.want); len(got) != 2*test.want {
			t.Errorf("%s: %d notifications", test.more, len(got))
		}
		if err := w.notifier.Delete(t.Context(), "", id); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheRepresentationIsWhatWasAskedFor(t *testing.T) {
	w := newTown(t)
	w.write(twin.Create, `{"id":"urn:c:0","type":"Person","name":"Ada"}`)
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1,"colour":"red","owner":{"type":"Relationship","object":"urn:c:0"},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}}`)
	where := `"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}}`
	for i, test := range []struct{ more, params, endpoint, want string }{
		{``, `"attributes":["speed"],`, ``, `[{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":%d}}]`},
		{``, `"attributes":["speed"],"format":"concise",`, ``, `[{"id":"urn:c:1","type":"Car","speed":%d}]`},
		{``, `"attributes":["speed"],"format":"keyValues",`, ``, `[{"id":"urn:c:1","type":"Car","speed":%d}]`},
		{``, `"pick":["id","speed"],"format":"simplified",`, ``, `[{"id":"urn:c:1","speed":%d}]`},
		{``, `"omit":["type","colour","owner","location"],"format":"simplified",`, ``, `[{"id":"urn:c:1","speed":%d}]`},
		{``, `"attributes":["speed"],"showChanges":true,`, ``, `[{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":%d,"previousValue":%d}}]`},
		{``, `"attributes":["speed"],"format":"concise","showChanges":true,`, ``, `[{"id":"urn:c:1","type":"Car","speed":{"value":%d,"previousValue":%d}}]`},
		{``, `"pick":["id","owner","speed"],"format":"simplified","join":"inline",`, ``, `[{"id":"urn:c:1","owner":{"id":"urn:c:0","type":"Person","name":"Ada"},"speed":%d}]`},
		{``, `"attributes":["speed","owner"],"format":"simplified","join":"flat",`, ``, `[{"id":"urn:c:1","type":"Car","owner":"urn:c:0","speed":%d},{"id":"urn:c:0","type":"Person","name":"Ada"}]`},
		{``, `"attributes":["speed","location"],`, `"accept":"application/geo+json","receiverInfo":[{"key":"Prefer","value":"body=json"}],`,
			`{"type":"FeatureCollection","features":[{"id":"urn:c:1","type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"type":"Car",` + where + `,"speed":{"type":"Property","value":%d}}}]}`},
		{``, `"attributes":["speed"],`, `"accept":"application/ld+json",`,
			`[{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":%d},"@context":["https://example.org/c.jsonld","https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"]}]`},
		{`"jsonldContext":"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld",`, `"attributes":["speed"],"format":"simplified",`, ``, `[{"id":"urn:c:1","type":"https://example.org/Car","https://example.org/speed":%d}]`},
	} {
		id := w.subscribe(cars+test.more, test.params, test.endpoint)
		w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:1","speed":%d}`, 10+i))
		r := w.take(1)[0]
		previous := 9 + i
		if i == 0 {
			previous = 1
		}
		want := strings.Replace(strings.Replace(test.want, "%d", fmt.Sprint(10+i), 1), "%d", fmt.Sprint(previous), 1)
		if string(r.Data) != want {
			t.Errorf("%s %s: got %s, want %s", test.params, test.endpoint, r.Data, want)
		}
		ld := strings.Contains(test.endpoint, "ld+json")
		if link := r.header.Get("Link"); (link == "") != ld {
			t.Errorf("%s: Link is %q", test.endpoint, link)
		}
		if r.Of != id || !strings.HasPrefix(r.ID, "urn:ngsi-ld:Notification:") || r.At == "" {
			t.Errorf("not a notification: %s", r.raw)
		}
		w.notifier.Delete(t.Context(), "", id)
	}
}

func TestDeletionsAreToldAsTheClauseSays(t *testing.T) {
	for _, test := range []struct {
		name, more, params string
		do                 func(*town)
		want               string
	}{
		{"an attribute, normalized", `"notificationTrigger":["attributeDeleted"],`, ``, removeColour, `[{"id":"urn:c:1","type":"Car","colour":{"type":"Property","value":"urn:ngsi-ld:null"},"speed":{"type":"Property","value":1}}]`},
		{"an attribute, concise", `"notificationTrigger":["attributeDeleted"],`, `"format":"concise",`, removeColour, `[{"id":"urn:c:1","type":"Car","colour":"urn:ngsi-ld:null","speed":1}]`},
		{"an attribute, simplified", `"notificationTrigger":["attributeDeleted"],`, `"format":"simplified",`, removeColour, `[{"id":"urn:c:1","type":"Car","colour":"urn:ngsi-ld:null","speed":1}]`},
		{"an attribute, with what it was", `"notificationTrigger":["attributeDeleted"],`, `"format":"concise","showChanges":true,`, removeColour, `[{"id":"urn:c:1","type":"Car","colour":{"value":"urn:ngsi-ld:null","previousValue":"red"},"speed":1}]`},
		{"an attribute that is not watched", `"notificationTrigger":["attributeDeleted"],"watchedAttributes":["speed"],`, ``, removeColour, ``},
		{"the entity", `"notificationTrigger":["entityDeleted"],`, ``, removeCar, `[{"id":"urn:c:1","type":"Car","deletedAt":"*"}]`},
		{"the entity, with what it was", `"notificationTrigger":["entityDeleted"],`, `"showChanges":true,`, removeCar, `[{"id":"urn:c:1","type":"Car","deletedAt":"*","colour":{"type":"Property","value":"urn:ngsi-ld:null","previousValue":"red"},"speed":{"type":"Property","value":"urn:ngsi-ld:null","previousValue":1}}]`},
		{"an attribute with its entity", `"notificationTrigger":["attributeDeleted"],"watchedAttributes":["colour"],`, ``, removeCar, `[{"id":"urn:c:1","type":"Car","deletedAt":"*","colour":{"type":"Property","value":"urn:ngsi-ld:null"}}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newTown(t)
			w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1,"colour":"red"}`)
			w.subscribe(cars+test.more, test.params, "")
			test.do(w)
			if test.want == "" {
				w.quiet(0)
				return
			}
			got := string(w.take(1)[0].Data)
			if _, rest, ok := strings.Cut(got, `"deletedAt":"`); ok {
				at, _, _ := strings.Cut(rest, `"`)
				got = strings.ReplaceAll(got, at, "*")
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func removeColour(w *town) { w.write(twin.Merge, `{"id":"urn:c:1","colour":"urn:ngsi-ld:null"}`) }
func removeCar(w *town)    { w.write(twin.Delete, "urn:c:1") }

func TestThrottlingHoldsBackAndThenTellsTheLatest(t *testing.T) {
	w := newTown(t)
	for i := range 3 {
		w.write(twin.Create, fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":0}`, i))
	}
	w.subscribe(cars+`"throttling":60,`, `"format":"keyValues",`, "")
	w.write(twin.Append, `{"id":"urn:c:0","speed":1}`)
	w.take(1)
	for i := range 3 {
		for v := range 5 {
			w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:%d","speed":%d}`, i, 10+v))
		}
	}
	w.write(twin.Delete, "urn:c:2") // what has gone meanwhile is not told of: deletion is no trigger here
	w.quiet(0)
	w.later(61 * time.Second)
	speeds := map[any]any{}
	for _, e := range w.take(1)[0].entities(t) {
		speeds[e["id"]] = e["speed"]
	}
	if fmt.Sprint(speeds) != "map[urn:c:0:14 urn:c:1:14]" {
		t.Errorf("told %v", speeds)
	}
	if n := w.notifier.waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestTimeIntervalTellsEverythingThatMatches(t *testing.T) {
	w := newTown(t)
	w.subscribe(cars+`"timeInterval":60,"q":"speed>5",`, `"format":"keyValues",`, "")
	w.later(61 * time.Second)
	eventually(t, "what is due has been looked at", func() bool {
		c := w.notifier.clock
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.due) == 1 && c.due[0].at.After(w.notifier.cfg.Now())
	})
	w.quiet(0) // no entity matches: no notification
	for i := range 10 {
		w.write(twin.Create, fmt.Sprintf(`{"id":"urn:c:%d","type":"Car","speed":%d}`, i, i))
	}
	w.quiet(0)
	for range 2 {
		w.later(61 * time.Second)
		if got := w.take(1)[0].entities(t); len(got) != 4 {
			t.Errorf("%d entities: %v", len(got), got)
		}
	}
}
