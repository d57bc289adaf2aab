package api_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
	"tribune/protocol"
)

// Two cities are alike but for what is sealed in them. Whoever has no purpose asks both everything that the API knows: no answer may
// hold a sealed value, and none may differ.

// person is what is sealed.
type person struct{ plate, driver, fee, place, owner string }

var (
	ada     = person{"AB12CDE", "Ada Lovelace", "424242", "[-1.912345,52.498765]", "urn:ngsi-ld:Person:ada"}
	charles = person{"ZZ99ZZZ", "Charles Babbage", "171717", "[13.404954,52.520008]", "urn:ngsi-ld:Person:charles"}
)

func (p person) needles() []string {
	return []string{p.plate, p.driver, p.fee, strings.Split(strings.Trim(p.place, "[]"), ",")[0], p.owner}
}

// sealedNames are the attributes that do not exist for who has no purpose.
var sealedNames = []string{"licensePlate", "driver", "fee", "where", "owner"}

// lawOfSessions seals everything but synthetic.
func lawOfSessions(types []tribune.Name, attr tribune.Name) tribune.Class {
	class := session
	class.Attrs = nil
	for _, n := range sealedNames {
		class.Attrs = append(class.Attrs, tribune.Name(vocabulary+n))
	}
	class.Equality = []tribune.Equality{{Attr: vocabulary + "driver", Purposes: []tribune.PurposeID{"enforce-parking"}}}
	switch {
	case slices.Contains(types, class.Types[0]) && slices.Contains(class.Attrs, attr):
		return class
	case len(types) == 0 || types[0] == "" || slices.Contains(class.Attrs, attr):
		return tribune.Class{ID: tribune.ClassUnclassified}
	}
	return tribune.Class{ID: "public"}
}

// whole is a city with everything that an API can have, a source that remembers what it is asked, and an endpoint that remembers what it
// is told.
type whole struct {
	*city
	source, endpoint *source
	notified         func() string
}

func newWhole(t *testing.T) *whole {
	t.Helper()
	c := &city{logged: &bytes.Buffer{}, prepared: map[string]tribune.Reading{}, acts: map[string]protocol.Act{}}
	_, c.key, _ = ed25519.GenerateKey(rand.Reader)
	key := make([]byte, 32)
	rand.Read(key)
	block, _ := aes.NewCipher(key)
	c.aead, _ = cipher.NewGCM(block)
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	feed := notify.NewFeed()
	tw, err := twin.New(twin.Config{Store: st, Sealer: c, ClassOf: lawOfSessions, Observer: feed})
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := jsonld.New(jsonld.Config{Map: "../../../data/contexts/map.json"})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(c.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	sender := notify.NewSender(notify.SenderConfig{Reach: notify.Reach{Anywhere: true}})
	notifier, err := notify.Open(t.Context(), notify.Config{Store: st, Twin: tw, Feed: feed, Sender: sender, Contexts: contexts, ClassOf: lawOfSessions, Standings: c})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := federation.Open(t.Context(), federation.Config{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	sources := federation.NewSources(federation.SourcesConfig{Contexts: contexts, Self: "here", Dialer: &net.Dialer{}})
	snapshots, err := snapshot.Open(t.Context(), snapshot.Config{Store: st, Twin: tw})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { notifier.Run(t.Context()) })
	w := &whole{city: c}
	t.Cleanup(func() {
		running.Wait() // its context ended before
		sender.Close()
		snapshots.Close()
		sources.Close()
		registry.Close()
		st.Close()
	})
	c.Handler = web.Wrap(web.Config{Log: log, Callers: c}, api.New(api.Config{
		Twin: tw, Contexts: contexts, Log: log, Way: c, Names: c, ClassOf: lawOfSessions, Notify: notifier, Registry: registry, Sources: sources, Snapshots: snapshots,
		Class: func(id tribune.ClassID) (tribune.Class, bool) {
			return lawOfSessions(session.Types, vocabulary+"driver"), id == session.ID
		},
	}))
	w.source, w.endpoint = newSource(t, tells(`[]`)), newSource(t, status(200))
	w.notified = func() string {
		w.endpoint.mu.Lock()
		defer w.endpoint.mu.Unlock()
		return strings.Join(w.endpoint.said, "\n")
	}
	return w
}

// holds puts one session with its person in, and a place that it may link to.
func (w *whole) holds(t *testing.T, p person) {
	t.Helper()
	w.must(t, 201, "POST", "/subscriptions", `{"id":"urn:s:all","type":"Subscription","entities":[{"type":"ParkingSession"}],"notificationTrigger":["entityCreated","entityDeleted","attributeCreated","attributeUpdated","attributeDeleted"],
		"notification":{"endpoint":{"uri":"`+w.endpoint.URL+`"},"showChanges":true}}`)
	w.must(t, 201, "POST", "/subscriptions", `{"id":"urn:s:q","type":"Subscription","entities":[{"type":"ParkingSession"}],"watchedAttributes":["driver","fee"],"q":"driver==\"`+ada.driver+`\"","notification":{"endpoint":{"uri":"`+w.endpoint.URL+`/q"}}}`)
	for _, one := range []person{ada, charles} {
		w.must(t, 201, "POST", "/entities", `{"id":"`+one.owner+`","type":"Person","name":"x"}`)
	}
	w.must(t, 201, "POST", "/entities", `{"id":"urn:ngsi-ld:ParkingSession:1","type":"ParkingSession","synthetic":true,"licensePlate":"`+p.plate+`","driver":{"value":"`+p.driver+`","observedAt":"2026-11-22T08:00:00Z"},
		"fee":{"value":`+p.fee+`,"observedAt":"2026-11-22T08:00:00Z"},"where":{"type":"GeoProperty","value":{"type":"Point","coordinates":`+p.place+`}},"owner":{"type":"Relationship","object":"`+p.owner+`","objectType":"Person"}}`)
	w.must(t, 204, "PATCH", "/entities/urn:ngsi-ld:ParkingSession:1/attrs", `{"fee":{"value":`+p.fee+`,"observedAt":"2026-11-22T09:00:00Z"}}`)
	w.must(t, 204, "PATCH", "/entities/urn:ngsi-ld:ParkingSession:1/attrs/synthetic", `{"value":false}`)
}

// probes are the questions of somebody without a purpose.
func probes() (all [][3]string) { // method, path, body
	get := func(path string) { all = append(all, [3]string{"GET", path, ""}) }
	post := func(path, body string) { all = append(all, [3]string{"POST", path, body}) }
	one := "/entities/urn:ngsi-ld:ParkingSession:1"
	for _, more := range []string{"", "?options=keyValues", "?options=concise,sysAttrs", "?pick=id,driver,fee", "?omit=synthetic", "?attrs=driver,synthetic", "?join=inline&joinLevel=3", "?join=flat&joinLevel=3", "?entityMap=true", "?lang=en", "?datasetId=@none"} {
		get(one + more)
	}
	list := "/entities?type=ParkingSession&count=true"
	conditions := []string{""}
	for _, q := range []string{"driver", `driver=="` + ada.driver + `"`, `driver!="x"`, `driver~="Ada"`, `driver!~="x"`, "fee>1", "fee==424242", "fee==1..999999", "fee<1", `licensePlate=="` + ada.plate + `"`,
		`owner=="` + ada.owner + `"`, "owner{name}", `owner{Person:name=="x"}`, "owner{Person:name}", "driver.observedAt>=2020-01-01T00:00:00Z", "where[coordinates]", "synthetic==false;fee>1", "synthetic==false|driver", `synthetic==true|driver!="x"`} {
		conditions = append(conditions, "&join=inline&joinLevel=2&q="+url.QueryEscape(q))
	}
	for _, by := range []string{"driver", "fee", "driver;desc", "fee;desc,synthetic", "where;dist-asc&orderFrom=[0,0]&orderGeometry=Point"} {
		conditions = append(conditions, "&local=true&orderBy="+by)
	}
	for _, rel := range []string{"near;maxDistance==20000000", "near;minDistance==1", "within", "disjoint", "intersects", "equals"} {
		conditions = append(conditions, "&georel="+rel+"&geometry=Polygon&coordinates=[[[-180,-89],[180,-89],[180,89],[-180,89],[-180,-89]]]&geoproperty=where",
			"&georel="+rel+"&geometry=Point&coordinates="+ada.place+"&geoproperty=where")
	}
	conditions = append(conditions, "&attrs=driver", "&attrs=fee,where", "&pick=driver", "&omit=fee", "&limit=0", "&offset=1", "&entityMap=true", "&containedBy="+ada.owner+"&join=inline", "&expandValues=driver&q=driver==Ada", "&jsonKeys=driver", "&splitEntities=true&q=fee>1", "&scopeQ=/%23", "&idPattern=.*1")
	for _, c := range conditions {
		get(list + c)
	}
	for _, path := range []string{"/types", "/types?details=true", "/types/ParkingSession", "/types/Person", "/attributes", "/attributes?details=true", "/attributes/driver", "/attributes/fee", "/attributes/where", "/attributes/synthetic", "/subscriptions/urn:s:all", "/csourceRegistrations?type=ParkingSession"} {
		get(path)
	}
	for _, more := range []string{"", "?options=temporalValues", "?timeproperty=modifiedAt", "?timeproperty=createdAt&lastN=5", "?attrs=fee", "?pick=fee,driver", "?timeproperty=deletedAt&timerel=before&timeAt=2099-01-01T00:00:00Z", "?format=aggregatedValues&aggrMethods=totalCount,max,min,sum,avg,stddev,distinctCount&attrs=fee", "?format=aggregatedValues&aggrMethods=totalCount&aggrPeriodDuration=PT1H"} {
		get("/temporal" + one + more)
	}
	past := "/temporal/entities?type=ParkingSession&timerel=before&timeAt=2099-01-01T00:00:00Z&count=true"
	for _, more := range []string{"", "&timeproperty=modifiedAt", "&attrs=driver", "&q=fee>1", "&q=driver", "&q=" + url.QueryEscape(`driver=="`+ada.driver+`"`), "&format=aggregatedValues&aggrMethods=sum,max,totalCount", "&format=aggregatedValues&aggrMethods=max&attrs=fee", "&georel=near;maxDistance==99999999&geometry=Point&coordinates=[0,0]&geoproperty=where", "&lastN=3", "&entityMap=true"} {
		get(past + more)
	}
	selector := `{"type":"Query","entities":[{"type":"ParkingSession"}]`
	for _, q := range []string{``, `,"q":"driver==\"` + ada.driver + `\""`, `,"q":"fee>1"`, `,"attrs":["driver"]`, `,"geoQ":{"georel":"near;maxDistance==99999999","geometry":"Point","coordinates":[0,0],"geoproperty":"where"}`, `,"pick":["driver","id"]`} {
		post("/entityOperations/query?count=true", selector+q+`}`)
		post("/temporal/entityOperations/query?count=true", selector+q+`,"temporalQ":{"timerel":"before","timeAt":"2099-01-01T00:00:00Z"}}`)
	}
	return all
}

// alike strips what differs between two cities anyway: times and names that chance makes.
var alike = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z|urn:ngsi-ld:EntityMap:[0-9a-f]+|urn:ngsi-ld:Instance:[\w-]+|"request":"[^"]*"|http://127\.0\.0\.1:\d+`)

func TestSealedValuesAreNowhere(t *testing.T) {
	here, there := newWhole(t), newWhole(t)
	here.holds(t, ada)
	there.holds(t, charles)
	for _, p := range probes() {
		for _, headers := range [][]string{nil, {"Accept: application/geo+json"}, {"Accept: application/ld+json"}} {
			if p[0] == "GET" && headers != nil && strings.HasPrefix(p[1], "/temporal") && strings.Contains(headers[0], "geo") {
				continue
			}
			path := p[1]
			if len(headers) > 0 && strings.Contains(headers[0], "geo") && strings.HasPrefix(path, "/entities") {
				path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "geometryProperty=where"
			}
			a, b := here.do(t, p[0], path, p[2], headers...), there.do(t, p[0], path, p[2], headers...)
			if a.status == 500 {
				t.Errorf("%s %s: %d %s", p[0], path, a.status, a.body)
			}
			for _, h := range []http.Header{a.header, b.header} {
				h.Del("Tribune-Request")
				h.Del("Content-Length") // times differ in length
			}
			if x, y := alike.ReplaceAllString(fmt.Sprint(a.status, a.body, a.header), ""), alike.ReplaceAllString(fmt.Sprint(b.status, b.body, b.header), ""); x != y {
				t.Errorf("%s %s %v tells two cities apart that differ in what is sealed:\n%s\n%s", p[0], path, headers, x, y)
			}
			for _, needle := range ada.needles() {
				if strings.Contains(a.body, needle) && needle != ada.owner && !strings.Contains(p[1], needle) { // the owner is an entity of its own
					t.Errorf("%s %s: the answer holds %q: %s", p[0], path, needle, a.body)
				}
			}
			if discovery := strings.HasPrefix(path, "/types") || strings.HasPrefix(path, "/attributes"); discovery && !strings.HasPrefix(path, "/attributes/") {
				for _, name := range sealedNames {
					if strings.Contains(a.body, name) {
						t.Errorf("%s: discovery names %s: %s", path, name, a.body)
					}
				}
			}
		}
	}
	if a := here.do(t, "GET", "/entities?type=ParkingSession&q=synthetic==false", ""); !strings.Contains(a.body, "ParkingSession:1") {
		t.Errorf("positive control: %d %s", a.status, a.body)
	}
}

func TestNotificationsHoldNothingSealed(t *testing.T) {
	w := newWhole(t)
	w.holds(t, ada)
	w.must(t, 204, "DELETE", "/entities/urn:ngsi-ld:ParkingSession:1/attrs/driver", "")
	w.must(t, 204, "DELETE", "/entities/urn:ngsi-ld:ParkingSession:1", "")
	for deadline := time.Now().Add(60 * time.Second); !strings.Contains(w.notified(), "deletedAt") && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	said := w.notified()
	if !strings.Contains(said, "synthetic") || !strings.Contains(said, "deletedAt") {
		t.Fatalf("positive control: the endpoint was told %q", said)
	}
	for _, secret := range append(ada.needles(), sealedNames...) {
		if strings.Contains(said, secret) {
			t.Errorf("the endpoint was told %q: %s", secret, said)
		}
	}
	if strings.Contains(said, "urn:s:q") {
		t.Error("a subscription whose q is about what is sealed was told something")
	}
}

func TestContextSourcesAreToldNothingPersonal(t *testing.T) {
	w := newWhole(t)
	w.must(t, 201, "POST", "/csourceRegistrations", `{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"`+w.source.URL+`","mode":"inclusive","information":[{"entities":[{"type":"ParkingSession"},{"type":"Person"}]}]`+allOps+`}`)
	w.holds(t, ada)
	own := `{"id":"urn:ngsi-ld:ParkingSession:9","type":"ParkingSession","synthetic":true,"licensePlate":"` + ada.plate + `","driver":"` + ada.driver + `"}`
	for _, change := range [][3]string{
		{"POST", "/entityOperations/upsert", `[` + own + `]`}, {"POST", "/entityOperations/merge", `[` + own + `]`}, {"PUT", "/entities/urn:ngsi-ld:ParkingSession:9", own},
		{"POST", "/entities/urn:ngsi-ld:ParkingSession:9/attrs", `{"driver":"` + ada.driver + `"}`}, {"PATCH", "/entities/urn:ngsi-ld:ParkingSession:9", `{"driver":"` + ada.driver + `","synthetic":false}`},
		{"PUT", "/entities/urn:ngsi-ld:ParkingSession:9/attrs/driver", `{"type":"Property","value":"` + ada.driver + `"}`}, {"POST", "/entities/urn:ngsi-ld:ParkingSession:77/attrs", `{"driver":"` + ada.driver + `"}`},
		{"DELETE", "/entities?type=ParkingSession&q=" + url.QueryEscape(`driver=="`+ada.driver+`"`), ""}, {"DELETE", "/entities/urn:ngsi-ld:ParkingSession:9/attrs/driver", ""},
	} {
		w.do(t, change[0], change[1], change[2], as("integrator-1"))
	}
	for _, p := range probes() {
		w.do(t, p[0], p[1], p[2])
	}
	opened(t, w.city, "POST", "/entityOperations/query", byPlate)
	opened(t, w.city, "POST", "/entityOperations/query", byDriver(ada.driver))
	opened(t, w.city, "GET", "/entities/urn:ngsi-ld:ParkingSession:1?join=inline&joinLevel=2", "")
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	for i, r := range w.source.asked {
		asked, _ := url.QueryUnescape(r.URL.String())
		all := asked + " " + w.source.said[i] + " " + fmt.Sprint(r.Header)
		for _, secret := range append([]string{ada.plate, ada.driver, ada.fee, "Tribune-", "inspector-ward"}, sealedNames...) {
			if strings.Contains(all, secret) {
				t.Errorf("a context source was told %q: %s %s", secret, r.Method, all)
			}
		}
	}
	if len(w.source.asked) < 5 {
		t.Errorf("the source was asked %d times; the checks above prove nothing", len(w.source.asked))
	}
	if strings.Contains(w.logged.String(), ada.driver) || strings.Contains(w.logged.String(), ada.plate) {
		t.Error("the log names a person")
	}
}

// What a source tells of a personal attribute is left out: it came on no way.
func TestPersonalAttributesOfContextSourcesAreLeftOut(t *testing.T) {
	w := newWhole(t)
	w.source = newSource(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		one := `{"id":"urn:ngsi-ld:ParkingSession:5","type":"ParkingSession","driver":{"type":"Property","value":"` + ada.driver + `"},"synthetic":{"type":"Property","value":true}}`
		if strings.HasSuffix(r.URL.Path, ":5") {
			io.WriteString(rw, one)
		} else {
			io.WriteString(rw, "["+one+"]")
		}
	})
	w.must(t, 201, "POST", "/csourceRegistrations", `{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"`+w.source.URL+`","mode":"inclusive","information":[{"entities":[{"type":"ParkingSession"}]}]`+allOps+`}`)
	for _, path := range []string{"/entities/urn:ngsi-ld:ParkingSession:5", "/entities?type=ParkingSession"} {
		a := w.do(t, "GET", path, "")
		if a.status != 200 || !strings.Contains(a.body, "synthetic") || strings.Contains(a.body, "driver") || strings.Contains(a.body, ada.driver) {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
	}
}

func TestSnapshotsHoldNothingSealed(t *testing.T) {
	w := newWhole(t)
	w.holds(t, ada)
	made := w.must(t, 201, "POST", "/snapshots", `{"id":"urn:ngsi-ld:Snapshot:1","type":"Snapshot","snapshotQueries":[{"type":"Query","entities":[{"type":"ParkingSession"}]}],"snapshotTemporalQueries":[{"type":"Query","entities":[{"type":"ParkingSession"}],"temporalQ":{"timerel":"before","timeAt":"2099-01-01T00:00:00Z","timeproperty":"modifiedAt"}}]}`)
	_ = made
	named := "NGSILD-Snapshot: urn:ngsi-ld:Snapshot:1"
	var a answer
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if a = w.do(t, "GET", "/entities?type=ParkingSession", "", named); strings.Contains(a.body, "ParkingSession:1") {
			break
		}
	}
	if !strings.Contains(a.body, "ParkingSession:1") {
		t.Fatalf("positive control: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/entities/urn:ngsi-ld:ParkingSession:1", "/entities?type=ParkingSession", "/temporal/entities/urn:ngsi-ld:ParkingSession:1?timeproperty=modifiedAt", "/types?details=true", "/attributes"} {
		for _, headers := range [][]string{{named}, append([]string{named}, enforce...)} {
			a := w.do(t, "GET", path, "", headers...)
			for _, secret := range append(ada.needles(), "driver", "licensePlate") {
				if strings.Contains(a.body, secret) {
					t.Errorf("%s of a snapshot holds %q: %s", path, secret, a.body)
				}
			}
		}
	}
}
