// Package metrics tells Prometheus how a hub is. City makes one Metrics, hands it what the rooms count (Watch), puts Middleware and
// Route around the HTTP surface, and serves Handler or, on the main port, Local. It imports no room and keeps no global state: its
// registry is its own.
//
// It promises that nothing of a person, a credential or a path is ever in a label or a value. A label's values are known before the
// first request: patterns of the router, classes of status, kinds of acts, names of guardians in the configuration, the edge's
// fixed list of reasons. Devices, callers, entities and subjects are counted, never named. Every series has a bound.
package metrics

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tribune"
)

const (
	// scrapeTimeout bounds one scrape: half of Prometheus's own, so that it gets an answer that says so.
	scrapeTimeout = 5 * time.Second
	// maxScrapes at a time; a scrape reads counters and takes milliseconds.
	maxScrapes = 4
)

// Config says what a hub is.
type Config struct {
	Version string // of the program
	City    string // its name; public
}

// Metrics is what a hub counts. All methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	rooms    *rooms

	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	underWay prometheus.Gauge
	leaves   *prometheus.CounterVec
	routes   routes
}

// New makes the metrics of one hub.
func New(cfg Config) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		rooms:    newRooms(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tribune_http_requests_total", Help: "Answers, by the router's pattern and class of status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tribune_http_request_duration_seconds", Help: "Time from the request's headers to the end of the answer.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		underWay: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tribune_http_requests_in_flight", Help: "Requests under way."}),
		leaves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tribune_record_acts_total", Help: "Acts published on the record since the hub started, by kind and decision.",
		}, []string{"kind", "decision"}),
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tribune_info", Help: "Always 1: which program runs for which city.", ConstLabels: prometheus.Labels{"version": cfg.Version, "city": cfg.City},
	}, func() float64 { return 1 })
	m.registry.MustRegister(info, m.requests, m.seconds, m.underWay, m.leaves, m.rooms,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, kind := range kinds { // so that a rate is known from the first one on
		m.leaves.WithLabelValues(kind, "permit")
		m.leaves.WithLabelValues(kind, "deny")
	}
	return m
}

// kinds are the acts that are told apart.
var kinds = []string{
	string(tribune.ActRead), string(tribune.ActDecide), string(tribune.ActEnrol), string(tribune.ActLaw), string(tribune.ActAppoint),
	string(tribune.ActDevice), string(tribune.ActStanding), string(tribune.ActDelivery), string(tribune.ActCeremony), string(tribune.ActRefusals), string(tribune.ActRepresent), string(tribune.ActPublish), "other",
}

// Act counts one published leaf.
func (m *Metrics) Act(kind tribune.ActKind, permit bool) {
	label, decision := "other", "deny"
	for _, k := range kinds {
		if k == string(kind) {
			label = k
		}
	}
	if permit {
		decision = "permit"
	}
	m.leaves.WithLabelValues(label, decision).Inc()
}

// Watch sets where the rooms' numbers come from. It may be called again as rooms open.
func (m *Metrics) Watch(s Sources) { m.rooms.watch(s) }

// Handler serves the metrics in Prometheus's text formats to whoever reaches it: give it a listener of its own.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Timeout: scrapeTimeout, MaxRequestsInFlight: maxScrapes, ErrorHandling: promhttp.HTTPErrorOnError,
	})
}

// forwarded are the headers by which proxies say that they speak for another.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via", "Cf-Connecting-Ip", "True-Client-Ip"}

// Local serves Handler on the main port to programs on this machine; to all others the path does not exist. A request that a
// proxy passes on comes from this machine, too: it is told by its headers and refused.
func (m *Metrics) Local() http.Handler {
	next := m.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		local := err == nil && peer.Addr().Unmap().IsLoopback()
		for _, name := range forwarded {
			local = local && len(r.Header.Values(name)) == 0
		}
		if !local {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
