package metrics

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune"
)

func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	out := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.RemoteAddr = "127.0.0.1:40000"
	h.ServeHTTP(out, r)
	if out.Code != http.StatusOK {
		t.Fatalf("a scrape answers %d %s", out.Code, out.Body)
	}
	return out.Body.String()
}

// Requests with a secret in every part: none of it may become a label or a value.
func TestNoPlateTokenOrPathBecomesALabel(t *testing.T) {
	const plate, token, name = "QX16KLM", "tribune_Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MEFC", "ada-lovelace"
	m := New(Config{Version: "v1", City: "city.example"})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /entities/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /panic/{id}", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as login and ending do: a request of its own
		if r.URL.Query().Has("refuse") {
			http.Error(w, plate, http.StatusTeapot)
			return
		}
		Route(mux).ServeHTTP(w, r.WithContext(r.Context()))
	})
	server := httptest.NewServer(m.Middleware(inner))
	defer server.Close()
	for _, path := range []string{"/entities/" + plate, "/entities/" + name + "?q=" + plate, "/" + name, "/x?refuse=" + name, "/panic/" + plate} {
		for _, method := range []string{http.MethodGet, http.MethodPost, "BREW-" + plate} {
			req, err := http.NewRequest(method, server.URL+path, strings.NewReader(plate))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Cookie", "tribune="+token)
			if res, err := server.Client().Do(req); err == nil {
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}
	}
	m.Act("read", true)
	m.Act(tribune.ActKind("read-"+plate), false)
	text := scrape(t, m.Handler())
	for _, secret := range []string{plate, token, name, "BREW"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the metrics", secret)
		}
	}
	for _, want := range []string{
		`tribune_http_requests_total{route="GET /entities/{id}",status="2xx"} 2`, `tribune_http_requests_total{route="none",status="4xx"}`, `tribune_http_requests_total{route="GET /panic/{id}",status="cut"} `,
		`tribune_record_acts_total{decision="permit",kind="read"} 1`, `tribune_record_acts_total{decision="deny",kind="other"} 1`, "tribune_http_requests_in_flight 0\n", "go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics do not hold %s: %s", want, lines(text, "tribune_http_requests_"))
		}
	}
}

func lines(text, prefix string) (all []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			all = append(all, line)
		}
	}
	return all
}

// Whatever makes up patterns, the number of series stays bounded.
func TestRoutesAreBounded(t *testing.T) {
	m := New(Config{})
	for i := range 4 * maxRoutes {
		h := m.Middleware(Route(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { r.Pattern = fmt.Sprintf("/made/up/%d", i) })))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	if got := len(lines(scrape(t, m.Handler()), "tribune_http_requests_total{")); got != maxRoutes+1 {
		t.Errorf("%d routes, want %d and one for the rest", got, maxRoutes)
	}
}

// A proxy on the same machine speaks for the whole world.
func TestOnlyDirectCallersOnThisMachineSeeMetricsOnTheMainPort(t *testing.T) {
	h := New(Config{}).Local()
	for _, c := range []struct {
		peer, header string
		want         int
	}{
		{"127.0.0.1:1", "", 200}, {"[::1]:1", "", 200}, {"[::ffff:127.0.0.1]:1", "", 200},
		{"192.0.2.1:1", "", 404}, {"[2001:db8::1]:1", "", 404}, {"", "", 404}, {"@", "", 404},
		{"127.0.0.1:1", "X-Forwarded-For", 404}, {"127.0.0.1:1", "forwarded", 404}, {"127.0.0.1:1", "Via", 404}, {"127.0.0.1:1", "X-Real-IP", 404},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = c.peer
		if c.header != "" {
			r.Header.Set(c.header, "192.0.2.1")
		}
		out := httptest.NewRecorder()
		h.ServeHTTP(out, r)
		if out.Code != c.want {
			t.Errorf("from %q with %q: got %d, want %d", c.peer, c.header, out.Code, c.want)
		}
	}
}

func TestRoomsAreToldAsTheyAre(t *testing.T) {
	m := New(Config{})
	before := scrape(t, m.Handler())
	m.Watch(Sources{
		Ready: func() bool { return true }, Record: func() Record { return Record{Size: 12, Published: 10, Quorum: true} },
		Guardians: func() []Guardian { return []Guardian{{"ombudsman.example", true, 10}, {"court.example", false, 3}} },
		Store:     func() Store { return Store{Bytes: 4096, Compactions: 2, Stalls: 1} },
		Desk: func() Desk {
			return Desk{Messages: 7, Readings: 8, Quarantined: 9, Refused: 1, Batches: 2, Waiting: 3, Full: 4}
		},
		MQTT: func() MQTT {
			return MQTT{Connections: 5, Messages: 6, Acknowledged: 6, Refused: map[string]uint64{"topic": 2, "size": 0}}
		},
		Devices: func() Devices { return Devices{Known: 3, InForce: 2} },
		Rights:  func() Rights { return Rights{Open: 4, Late: 1, Overdue: map[string]int{"planner": 2}, Consents: 5} },
	})
	after := scrape(t, m.Handler())
	for _, want := range []string{
		"tribune_ready 1", "tribune_record_leaves 12", "tribune_record_unpublished_leaves 2", "tribune_record_quorum 1", `tribune_guardian_up{guardian="court.example"} 0`,
		`tribune_guardian_leaves{guardian="ombudsman.example"} 10`, "tribune_store_bytes 4096", "tribune_store_stalls_total 1", "tribune_desk_readings_total 8", "tribune_desk_full_queues 4",
		`tribune_mqtt_refused_total{reason="topic"} 2`, "tribune_mqtt_connections 5", "tribune_devices_in_force 2", `tribune_rights_overdue_cases{office="planner"} 2`, "tribune_rights_open_cases 4", "tribune_rights_consents 5",
	} {
		if !strings.Contains(after, "\n"+want+"\n") {
			t.Errorf("the metrics do not hold %s", want)
		}
	}
	// A room that is not open yet is zero, not a gap: the same names are there before.
	name := regexp.MustCompile(`(?m)^# TYPE (tribune_\S+)`)
	for _, found := range name.FindAllStringSubmatch(after, -1) {
		if !strings.Contains(before, "# TYPE "+found[1]+" ") && !strings.HasPrefix(found[1], "tribune_guardian_") {
			t.Errorf("%s is not there before its room", found[1])
		}
	}
}

// Streams and long answers need what the server's own writer can do.
func TestMiddlewareLetsAnswersBeFlushed(t *testing.T) {
	m, flushed := New(Config{}), make(chan error, 1)
	server := httptest.NewServer(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "first")
		c := http.NewResponseController(w)
		flushed <- c.Flush()
		if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("a deadline: %v", err)
		}
	})))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if err := <-flushed; err != nil {
		t.Errorf("flushing: %v", err)
	}
}
