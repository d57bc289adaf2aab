package api_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// sink is an answer that goes nowhere.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

const carPark = `{"id":"urn:ngsi-ld:OffStreetParking:1","type":"OffStreetParking","name":"Bull Ring","totalSpotNumber":577,
	"occupiedSpotNumber":{"value":240,"observedAt":"2026-11-22T08:00:00Z"},"availableSpotNumber":{"value":337,"observedAt":"2026-11-22T08:00:00Z"},
	"occupancy":{"value":0.416,"observedAt":"2026-11-22T08:00:00Z"},"status":"open","category":["public","feeCharged"],
	"location":{"type":"Point","coordinates":[-1.8936,52.4774]},"dataProvider":"Birmingham City Council"}`

func benchCity(b *testing.B) *city {
	c := newCity(b)
	r := httptest.NewRequest("POST", base+"/entities", strings.NewReader(carPark))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer integrator-1")
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != 201 {
		b.Fatalf("%d %s", w.Code, w.Body)
	}
	return c
}

// BenchmarkGet is the handler alone, access log included; BenchmarkGetHTTP is the whole server beside a handler that
// writes the same ready bytes.
func BenchmarkGet(b *testing.B) {
	c := benchCity(b)
	r := httptest.NewRequest("GET", base+"/entities/urn:ngsi-ld:OffStreetParking:1", nil)
	b.ReportAllocs()
	for b.Loop() {
		c.ServeHTTP(&sink{http.Header{}}, r)
		c.logged.Reset()
	}
}

func BenchmarkPatch(b *testing.B) {
	c := benchCity(b)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("PATCH", base+"/entities/urn:ngsi-ld:OffStreetParking:1/attrs", strings.NewReader(`{"occupiedSpotNumber":{"type":"Property","value":241,"observedAt":"2026-11-22T08:30:00Z"}}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer integrator-1")
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != 204 {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
		c.logged.Reset()
	}
}

func BenchmarkGetHTTP(b *testing.B) {
	c := benchCity(b)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest("GET", base+"/entities/urn:ngsi-ld:OffStreetParking:1", nil))
	ready := w.Body.Bytes()
	b.Run("api", func(b *testing.B) { overHTTP(b, c) })
	b.Run("ceiling", func(b *testing.B) {
		overHTTP(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write(ready)
		}))
	})
}

// overHTTP pipelines nothing: 16 connections, one request each at a time, answers read by length.
func overHTTP(b *testing.B, h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	request := []byte("GET " + base + "/entities/urn:ngsi-ld:OffStreetParking:1 HTTP/1.1\r\nHost: x\r\n\r\n")
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		buf := make([]byte, 8192)
		size := 0
		for pb.Next() {
			if _, err := conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			if size == 0 { // every answer is as long as the first, Date header included
				n, err := conn.Read(buf)
				if err != nil {
					b.Error(err)
					return
				}
				size = n
				continue
			}
			if _, err := io.ReadFull(conn, buf[:size]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
