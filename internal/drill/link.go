package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// link is a wire between two processes that the drill can disturb: an HTTP proxy on a port of its own. What passes it is the
// very bytes of both sides; a link signs nothing and knows no key.
type link struct {
	url    string
	server *http.Server
	client *http.Client

	mu     sync.Mutex // guards the rest
	target string     // base URL of the other side; "" = nobody there
	fault  fault
	broken context.CancelFunc // ends what is under way when the fault changes to a cut
	epoch  context.Context
	heard  map[string]int // requests that reached the other side, by path
}

// fault is what a link does to a request. The zero value passes everything.
type fault struct {
	cut     bool          // nothing passes, and what is under way ends
	delay   time.Duration // of each request
	lose    float64       // probability that a request, or its answer, is lost: the caller hears nothing
	twice   bool          // each request is sent twice, one after the other; the second answer counts
	trickle time.Duration // pause before each byte of an answer's body
	deaf    string        // requests for this path do not arrive; the others do
	spoil   bool          // one bit of the shares in a release is turned: what arrives does not verify
}

func (f fault) String() string {
	switch {
	case f.cut:
		return "cut"
	case f.delay > 0:
		return fmt.Sprintf("every message %s late", f.delay)
	case f.lose > 0:
		return fmt.Sprintf("%.0f %% of requests or answers lost", 100*f.lose)
	case f.twice:
		return "every request delivered twice"
	case f.deaf != "":
		return "requests for " + f.deaf + " lost"
	case f.spoil:
		return "what it releases arrives spoiled"
	case f.trickle > 0:
		return fmt.Sprintf("one byte every %s", f.trickle)
	}
	return "sound"
}

const maxLinked = 16 << 20 // of one message

func newLink(ctx context.Context, target string) (*link, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("laying a link: %w", err)
	}
	l := &link{
		url: "http://" + listener.Addr().String(), target: target, heard: map[string]int{},
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	l.epoch, l.broken = context.WithCancel(ctx)
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: callFor}
	go l.server.Serve(listener)
	return l, nil
}

func (l *link) close() {
	l.set(fault{cut: true})
	l.server.Close()
	l.client.CloseIdleConnections()
}

// set changes what the link does.
func (l *link) set(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
	l.broken()
	l.epoch, l.broken = context.WithCancel(context.Background())
}

func (l *link) lead(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// reached is how many requests for a path reached the other side so far.
func (l *link) reached(path string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard[path]
}

var errLost = errors.New("lost on the way")

func (l *link) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLinked))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	l.mu.Lock()
	f, target, epoch := l.fault, l.target, l.epoch
	l.mu.Unlock()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(epoch, cancel)()
	if f.cut || target == "" || l.pass(ctx, w, r, body, f, target) != nil {
		panic(http.ErrAbortHandler) // the caller sees a connection that breaks
	}
}

func (l *link) pass(ctx context.Context, w http.ResponseWriter, r *http.Request, body []byte, f fault, target string) error {
	if f.delay > 0 {
		pause(ctx, f.delay)
	}
	lost := rand.Float64() < f.lose
	if lost && rand.IntN(2) == 0 || f.deaf == r.URL.Path {
		<-ctx.Done() // the request never arrives
		return errLost
	}
	status, header, answer, err := l.send(ctx, r, body, target)
	if err == nil && f.twice {
		status, header, answer, err = l.send(ctx, r, body, target)
	}
	if err != nil {
		return err
	}
	if lost {
		<-ctx.Done() // the other side has done it, and nobody hears
		return errLost
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	if f.spoil && r.URL.Path == "/release" {
		answer = spoiled(answer)
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(status)
	if f.trickle == 0 {
		_, err = w.Write(answer)
		return err
	}
	flush := http.NewResponseController(w)
	for i := range answer {
		if pause(ctx, f.trickle); ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := w.Write(answer[i : i+1]); err != nil {
			return err
		}
		if err := flush.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// send delivers a request once.
func (l *link) send(ctx context.Context, r *http.Request, body []byte, target string) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(target, "/")+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header = r.Header.Clone()
	l.mu.Lock()
	l.heard[r.URL.Path]++
	l.mu.Unlock()
	res, err := l.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxLinked))
	return res.StatusCode, res.Header, answer, err
}

// spoiled turns one bit of the box in a guardian's answer; the signed statement beside it stays true.
func spoiled(answer []byte) []byte {
	var a map[string]json.RawMessage
	var box []byte
	if json.Unmarshal(answer, &a) != nil || json.Unmarshal(a["box"], &box) != nil || len(box) == 0 {
		return answer
	}
	box[len(box)-1] ^= 1
	a["box"], _ = json.Marshal(box) // bytes always encode
	out, err := json.Marshal(a)
	if err != nil {
		return answer
	}
	return out
}
