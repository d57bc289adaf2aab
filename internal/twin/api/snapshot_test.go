package api_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
)

// withSnapshots is a city that keeps snapshots.
func withSnapshots(t *testing.T) *city {
	t.Helper()
	c := newCity(t)
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	tw, err := twin.New(twin.Config{Store: st, Sealer: c, ClassOf: classOf})
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	snapshots, err := snapshot.Open(t.Context(), snapshot.Config{Store: st, Twin: tw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snapshots.Close(); st.Close() })
	log := slog.New(slog.NewJSONHandler(c.logged, nil))
	c.Handler = web.Wrap(web.Config{Log: log, Callers: c}, api.New(api.Config{
		Twin: tw, Snapshots: snapshots, Contexts: contexts, Log: log, Way: c, Names: c, ClassOf: classOf,
		Class: func(id tribune.ClassID) (tribune.Class, bool) { return session, id == session.ID },
	}))
	return c
}

// ready waits until a snapshot is not being prepared.
func ready(t *testing.T, c *city, path string) map[string]any {
	t.Helper()
	for range 500 {
		if m := c.must(t, 200, "GET", path, "").json(t); m["snapshotStatus"] != "preparing" {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the snapshot is never ready")
	return nil
}

const snapCars = `{"type":"Snapshot","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}],"q":"speed>1"},{"type":"Query","entities":[{"type":"Bus"}]}]}`

func TestSnapshotsStayAsTheyWere(t *testing.T) {
	c := withSnapshots(t)
	for i := range 4 {
		c.must(t, 201, "POST", "/entities", fmt.Sprintf(`{"id":"urn:ngsi-ld:Car:%d","type":"Car","speed":%d}`, i, i))
	}
	a := c.must(t, 201, "POST", "/snapshots", snapCars)
	path := strings.TrimPrefix(a.header.Get("Location"), base)
	st := ready(t, c, path)
	if st["snapshotStatus"] != "partial" || st["snapshotPriority"] != 5.0 || fmt.Sprint(st["snapshotQueriesDetails"]) != "[map[resultStatus:success] map[resultStatus:empty]]" {
		t.Errorf("got %v", st)
	}
	in := "NGSILD-Snapshot: " + st["id"].(string)
	c.must(t, 204, "PATCH", "/entities/urn:ngsi-ld:Car:3/attrs/speed", `{"value":9}`)
	c.must(t, 204, "DELETE", "/entities/urn:ngsi-ld:Car:2", "")
	const want = `[{"id":"urn:ngsi-ld:Car:2","type":"Car","speed":2},{"id":"urn:ngsi-ld:Car:3","type":"Car","speed":3}]`
	if a := c.do(t, "GET", "/entities?type=Car&options=keyValues", "", in); a.body != want || a.header.Get("NGSILD-Snapshot") != st["id"] {
		t.Errorf("the snapshot: %d %s, header %q", a.status, a.body, a.header.Get("NGSILD-Snapshot"))
	}
	a = c.must(t, 201, "POST", path+"/clone", `{"type":"Snapshot","snapshotPriority":9}`)
	clone := strings.TrimPrefix(a.header.Get("Location"), base)
	inClone := "NGSILD-Snapshot: " + ready(t, c, clone)["id"].(string)
	c.must(t, 204, "PATCH", "/entities/urn:ngsi-ld:Car:3/attrs/speed", `{"value":7}`, in) // what if?
	if a := c.do(t, "GET", "/entities?type=Car&options=keyValues", "", inClone); a.body != want {
		t.Errorf("the clone: %s", a.body)
	}
	if a := c.do(t, "GET", "/entities/urn:ngsi-ld:Car:3?options=keyValues", "", in); !strings.Contains(a.body, `"speed":7`) {
		t.Errorf("a change of the snapshot: %s", a.body)
	}
	if a := c.do(t, "GET", "/entities/urn:ngsi-ld:Car:3?options=keyValues", ""); !strings.Contains(a.body, `"speed":9`) {
		t.Errorf("a change of the snapshot has changed what is: %s", a.body)
	}
	for q, status := range map[string]int{"q=speed%3E1": 400, "": 400, "q=snapshotPriority==1": 404, "q=snapshotPriority%3C6": 204} {
		if a := c.do(t, "DELETE", "/snapshots?"+q, "", as("integrator-1")); a.status != status {
			t.Errorf("purge %s: got %d %s, want %d", q, a.status, a.body, status)
		}
	}
	if a := c.do(t, "GET", "/entities?type=Car", "", in); a.status != 404 {
		t.Errorf("the snapshot after the purge: %d %s", a.status, a.body)
	}
	if a := c.do(t, "GET", "/entities?type=Car&options=keyValues", "", inClone); a.body != want {
		t.Errorf("the clone after the purge: %s", a.body)
	}
}

func TestSnapshotsOfThePast(t *testing.T) {
	c := withSnapshots(t)
	for i, at := range []string{"2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"} {
		status := 204
		if i == 0 {
			status = 201
		}
		c.must(t, status, "POST", "/entityOperations/upsert", fmt.Sprintf(`[{"id":"urn:ngsi-ld:Car:1","type":"Car","speed":{"value":%d,"observedAt":"%s"}}]`, i, at))
	}
	a := c.must(t, 201, "POST", "/snapshots", `{"type":"Snapshot","snapshotTemporalQueries":[{"type":"Query","entities":[{"type":"Car"}],"temporalQ":{"timerel":"after","timeAt":"2026-01-15T00:00:00Z"}}]}`)
	st := ready(t, c, strings.TrimPrefix(a.header.Get("Location"), base))
	if st["snapshotStatus"] != "success" {
		t.Fatalf("got %v", st)
	}
	a = c.do(t, "GET", "/temporal/entities/urn:ngsi-ld:Car:1?options=temporalValues", "", "NGSILD-Snapshot: "+st["id"].(string))
	if a.status != 200 || strings.Contains(a.body, "2026-01-01") || !strings.Contains(a.body, "2026-02-01") || !strings.Contains(a.body, "2026-03-01") {
		t.Errorf("the past of the snapshot: %d %s", a.status, a.body)
	}
}

func TestSnapshotsRefuseWhatTheyCannotBe(t *testing.T) {
	c := withSnapshots(t)
	for body, status := range map[string]int{
		`{"type":"Snapshot"}`:                      400,
		`{"type":"Car","snapshotQueries":[]}`:      400,
		`{"type":"Snapshot","snapshotQueries":[]}`: 400,
		`{"type":"Snapshot","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}],"temporalQ":{"timerel":"before","timeAt":"2020-01-01T00:00:00Z"}}]}`: 400,
		`{"type":"Snapshot","snapshotTemporalQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`:                                                          400,
		`{"type":"Snapshot","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}],"q":"=="}]}`:                                                         400,
		`{"type":"Snapshot","snapshotPriority":11,"snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`:                                            400,
		`{"type":"Snapshot","snapshotLifetime":"1h","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`:                                          400,
		`{"type":"Snapshot","endpoint":"nowhere","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`:                                             400,
		`{"type":"Snapshot","other":1,"snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`:                                                        400,
		`{"type":"Snapshot","id":"urn:x:1","snapshotStatus":"success","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`:                        201,
	} {
		if a := c.do(t, "POST", "/snapshots", body, as("integrator-1")); a.status != status {
			t.Errorf("%s: got %d %s, want %d", body, a.status, a.body, status)
		}
	}
	if a := c.do(t, "POST", "/snapshots", `{"type":"Snapshot","id":"urn:x:1","snapshotQueries":[{"type":"Query","entities":[{"type":"Car"}]}]}`, as("integrator-1")); a.status != 409 {
		t.Errorf("the same id again: got %d", a.status)
	}
	if a := c.do(t, "POST", "/snapshots", snapCars); a.status != 401 {
		t.Errorf("nobody makes a snapshot: got %d", a.status)
	}
	ready(t, c, "/snapshots/urn:x:1")
	for body, status := range map[string]int{`{"snapshotPriority":2}`: 200, `{"snapshotQueries":[]}`: 400, `{"id":"urn:x:2"}`: 400, `{"snapshotPriority":null}`: 400} {
		if a := c.do(t, "PATCH", "/snapshots/urn:x:1", body, as("integrator-1")); a.status != status {
			t.Errorf("PATCH %s: got %d %s, want %d", body, a.status, a.body, status)
		}
	}
	for _, q := range []struct{ path, header string }{{"/entities?type=Car", "urn:x:gone"}, {"/entities?type=Car", "x"}, {"/subscriptions", "urn:x:1"}, {"/snapshots/urn:x:1", "urn:x:1"}} {
		if a := c.do(t, "GET", q.path, "", "NGSILD-Snapshot: "+q.header); a.status < 400 || a.status >= 500 {
			t.Errorf("%s in %s: got %d %s", q.path, q.header, a.status, a.body)
		}
	}
	if a := c.do(t, "GET", "/snapshots/urn:x:1", "", "NGSILD-Tenant: other"); a.status != 404 {
		t.Errorf("another tenant's snapshot: got %d", a.status)
	}
}

func TestSnapshotsHoldNothingPersonal(t *testing.T) {
	c := withSnapshots(t)
	park(t, c)
	const body = `{"type":"Snapshot","id":"urn:x:1","snapshotQueries":[{"type":"Query","entities":[{"type":"ParkingSession"}]}]}`
	if a := c.do(t, "POST", "/snapshots", body, as("integrator-1"), "Tribune-Purpose: enforce-parking"); a.status != 400 {
		t.Errorf("with a purpose: got %d", a.status)
	}
	c.must(t, 201, "POST", "/snapshots", body)
	ready(t, c, "/snapshots/urn:x:1")
	for _, headers := range [][]string{{"NGSILD-Snapshot: urn:x:1"}, append([]string{"NGSILD-Snapshot: urn:x:1"}, enforce...)} {
		a := c.do(t, "GET", "/entities?type=ParkingSession", "", headers...)
		if a.status != 200 || !strings.Contains(a.body, "synthetic") || strings.Contains(a.body, "licensePlate") || a.header.Get("NGSILD-Warning") != "" {
			t.Errorf("got %d %s, warning %q", a.status, a.body, a.header.Get("NGSILD-Warning"))
		}
	}
}
