package notify

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func sender(t testing.TB) *Sender {
	t.Helper()
	s := NewSender(SenderConfig{Reach: Reach{Anywhere: true}})
	t.Cleanup(func() { s.Close() })
	return s
}

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// ended is told how a delivery ended.
type ended func(err error)

func (ended) Sent(time.Time)                 {}
func (f ended) Ended(_ time.Time, err error) { f(err) }

// eventually waits for something that another goroutine does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func TestANotificationCarriesItsHeaders(t *testing.T) {
	var got *http.Request
	var body []byte
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	to := endpoint(t, url+"/x?y=1", `"receiverInfo":[{"key":"Authorization","value":"Bearer t"},{"key":"x-more","value":"1"},{"key":"Content-Type","value":"text/html"}]`)
	n := Notification{Body: []byte(`{"a":1}`), Link: "https://example.org/c.jsonld", Tenant: "north"}
	if err := sender(t).Send(t.Context(), to, n); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type": TypeJSON, "Authorization": "Bearer t", "X-More": "1", "Ngsild-Tenant": "north",
		"Link": `<https://example.org/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`,
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if got.Method != "POST" || got.URL.RequestURI() != "/x?y=1" || string(body) != `{"a":1}` {
		t.Errorf("%s %s %s", got.Method, got.URL, body)
	}
}

// Whatever says "taken" is a success; a redirect is none, and is not followed to where nobody checked.
func TestRedirectsAreNotFollowed(t *testing.T) {
	inside := atomic.Bool{}
	inner := serve(t, func(http.ResponseWriter, *http.Request) { inside.Store(true) })
	for status, ok := range map[int]bool{200: true, 201: true, 202: true, 204: true, 301: false, 307: false, 308: false, 404: false, 500: false} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", inner)
			w.WriteHeader(status)
		})
		if err := sender(t).Send(t.Context(), endpoint(t, url), Notification{Body: []byte("{}")}); (err == nil) != ok {
			t.Errorf("%d: %v", status, err)
		}
	}
	if inside.Load() {
		t.Error("a redirect was followed")
	}
}

func TestAnEndpointThatAnswersByteByByteIsGivenUp(t *testing.T) {
	drip := func(head string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					io.WriteString(c, head)
					for {
						if _, err := io.WriteString(c, "x"); err != nil {
							return
						}
						time.Sleep(20 * time.Millisecond)
					}
				}()
			}
		}()
		return "http://" + l.Addr().String()
	}
	for name, head := range map[string]string{"header": "HTTP/1.1 200 OK\r\nX-Slow: ", "body": "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"} {
		begun := time.Now()
		err := sender(t).Send(t.Context(), endpoint(t, drip(head), `"timeout":300`), Notification{Body: []byte("{}")})
		if took := time.Since(begun); took > 5*time.Second || name == "header" && err == nil {
			t.Errorf("%s: %v after %v", name, err, took)
		}
	}
}

func TestHugeAnswersAreNotRead(t *testing.T) {
	var sent atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 64<<10)
		for range 16 << 10 { // a gigabyte
			n, err := w.Write(chunk)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	if err := sender(t).Send(t.Context(), endpoint(t, url), Notification{Body: []byte("{}")}); err != nil {
		t.Error(err)
	}
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes went over the connection", n)
	}
}

func TestASlowEndpointDelaysNoOther(t *testing.T) {
	release := make(chan struct{})
	slow := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	quick := serve(t, func(http.ResponseWriter, *http.Request) {})
	s := sender(t)
	for i := range 50 {
		for range 10 {
			s.Post(fmt.Sprint("slow", i), endpoint(t, slow), Notification{Body: []byte("{}")}, nil)
		}
	}
	var worst atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		begun := time.Now()
		wg.Add(1)
		s.Post(fmt.Sprint("quick", i), endpoint(t, quick), Notification{Body: []byte("{}")}, ended(func(err error) {
			defer wg.Done()
			if err != nil {
				t.Error(err)
			}
			worst.Store(max(worst.Load(), int64(time.Since(begun))))
		}))
	}
	wg.Wait()
	if d := time.Duration(worst.Load()); d > 5*time.Second { // the slow ones take DefaultTimeout
		t.Errorf("a quick endpoint waited %v", d)
	}
}

func TestALineKeepsItsOrder(t *testing.T) {
	var mu sync.Mutex
	var got []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(b))
	})
	s, want := sender(t), []string{}
	for i := range 100 {
		want = append(want, fmt.Sprint(i))
		s.Post("line", endpoint(t, url), Notification{Body: fmt.Append(nil, i)}, nil)
	}
	eventually(t, "all arrive", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == len(want) })
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v", got)
	}
}
