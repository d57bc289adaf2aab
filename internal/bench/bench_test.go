package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// built builds the program once for all tests of the package that drive it.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tribune")
	if out, err := exec.Command("go", "build", "-o", path, "tribune/cmd/tribune").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return path
}

// TestBenchSmoke runs every bench for a moment, all on one city, and holds that figures are there and answers right.
func TestBenchSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a city of five processes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, err := Open(ctx, Config{
		Binary: built(t), Dir: t.TempDir(), Duration: time.Second, Connections: 4, Rate: 50, Subjects: 12, Entities: 40, People: 50, Log: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		pids := append([]int{b.city.proc.pid()}, b.city.pids...)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range pids {
			gone(t, pid)
		}
	}()
	for _, k := range All() {
		t.Run(k.Name, func(t *testing.T) {
			r, err := b.Run(ctx, k.Name)
			if err != nil {
				t.Fatal(err)
			}
			if r.Errors != 0 || r.FirstError != "" {
				t.Errorf("%d errors, the first: %s", r.Errors, r.FirstError)
			}
			for name, v := range map[string]float64{
				"ops_per_s": r.OpsPerS, "p50_ms": r.P50, "p99_ms": r.P99, "rss_mb": r.RSS, "rss_idle_mb": r.RSSIdle,
				"fdatasync_p50_ms": r.Fdatasync, "ceiling_per_s": r.Ceiling, "share": r.Share, "seconds": r.Seconds, "cpu": r.CPU.busy(), "cpu_ms_per_op": r.CPUPerOp,
			} {
				if v <= 0 {
					t.Errorf("%s is %v", name, v)
				}
			}
			if r.P99 < r.P50 || r.BoundedBy == "" || r.Machine.CPU == "" || r.Ops == 0 || r.Connections == 0 {
				t.Errorf("a result that cannot be: %+v", r)
			}
		})
	}
}

// gone waits until a process has ended: one of another group's parent may be reaped a moment later.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 100 {
		if syscall.Kill(pid, 0) != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d outlives the bench", pid)
}

// TestCancelledBenchLeavesNoProcess: ctrl-C at any moment ends the city.
func TestCancelledBenchLeavesNoProcess(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p, err := spawn(ctx, sleep, filepath.Join(t.TempDir(), "out"), "60")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		t.Error("the process did not end with its context")
	}
}

func TestHistogramQuantilesAreWithinTheirBuckets(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0.5, 500 * time.Millisecond}, {0.99, 990 * time.Millisecond}, {1, time.Second}, {0, time.Millisecond}} {
		if got := h.quantile(c.q); got < c.want || got > c.want+c.want/subBuckets {
			t.Errorf("quantile %v: got %v, want %v to 1/%d more", c.q, got, c.want, subBuckets)
		}
	}
	for _, v := range []uint64{0, 1, 63, 64, 65, 127, 128, 1 << 20, 1<<63 - 1} {
		if i := bucket(v); uint64(highest(i)) < v || (i > 0 && uint64(highest(i-1)) >= v) {
			t.Errorf("%d falls into bucket %d, which ends at %d", v, i, highest(i))
		}
	}
	var empty histogram
	if got := empty.quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing: got %v, want 0", got)
	}
}

// TestStalledServerCannotHideBehindAWaitingClient: requests due while the server stands still count from when they were due.
func TestStalledServerCannotHideBehindAWaitingClient(t *testing.T) {
	const stall = 400 * time.Millisecond
	begin := time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Until(begin.Add(stall)))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	w := work{
		address: strings.TrimPrefix(server.URL, "http://"),
		next:    func(buf []byte, _, _ int) []byte { return appendRequest(buf, "GET", "/", "", nil) },
		check:   want(http.StatusNoContent),
	}
	// Two connections only: 98 of the first 100 requests cannot even be sent before the stall ends.
	got, connections, err := offered(t.Context(), w, 250, 2, 400*time.Millisecond, &meter{})
	if err != nil {
		t.Fatal(err)
	}
	if got.ops() != 100 || got.errors != 0 || connections != 2 {
		t.Errorf("got %d answers, %d errors on %d connections, want 100, 0 and 2", got.ops(), got.errors, connections)
	}
	if p50 := got.latency.quantile(0.5); p50 < stall/8 {
		t.Errorf("half of the requests were due while the server stood still, but the median latency is %v", p50)
	}
}

func TestLeanClientReadsWhatServersSend(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/length":
			fmt.Fprint(w, "short")
		case "/chunked":
			for i := range 3 {
				fmt.Fprintf(w, "part %d;", i)
				w.(http.Flusher).Flush()
			}
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/body":
			line, _ := bufio.NewReader(r.Body).ReadString('\n')
			fmt.Fprint(w, line, r.Header.Get("Authorization"))
		default:
			http.Error(w, "no", http.StatusTeapot)
		}
	}))
	defer server.Close()
	c, err := dial(t.Context(), strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, x := range []struct {
		path, token, body string
		status            int
		want              string
	}{
		{"/length", "", "", 200, "short"},
		{"/chunked", "", "", 200, "part 0;part 1;part 2;"},
		{"/none", "", "", 204, ""},
		{"/body", "t0k", "sent", 200, "sentBearer t0k"},
		{"/other", "", "", 418, "no\n"},
		{"/length", "", "", 200, "short"},
	} {
		status, body, err := c.do(appendRequest(nil, "POST", x.path, x.token, []byte(x.body)))
		if err != nil || status != x.status || string(body) != x.want {
			t.Errorf("%s: got %d %q, %v; want %d %q", x.path, status, body, err, x.status, x.want)
		}
	}
}

// FuzzAnswer: whatever a server sends, the lean client ends without a panic and without taking much memory.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 -12 ?\n\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		c := &conn{r: bufio.NewReader(strings.NewReader(string(answer)))}
		_, body, err := c.read()
		if err == nil && len(body) > len(answer) {
			t.Errorf("%d bytes of body from an answer of %d", len(body), len(answer))
		}
	})
}

// TestPlatesDiffer: two people with one plate would be one person, opened twice.
func TestPlatesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for batch := range 40 {
		for i := range maxPage {
			p := plate(batch, i)
			if seen[p] {
				t.Fatalf("plate %s comes twice", p)
			}
			seen[p] = true
		}
	}
}

// TestWrongAnswersFailTheBench: a fast 404 is not a fast read.
func TestWrongAnswersFailTheBench(t *testing.T) {
	dir := t.TempDir()
	b := &Bench{cfg: Config{Dir: dir, Log: t.Output()}, city: &city{proc: &process{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}}}
	answers := func(right, wrong int) Kind {
		return Kind{Name: "made-up", run: func(context.Context, *Bench) (measured, error) {
			m := measured{tally: tally{within: -1, elapsed: time.Second}}
			for range right {
				m.tally.note(time.Millisecond, 1, nil)
			}
			for range wrong {
				m.tally.note(time.Millisecond, 1, want(200)(404, nil, 0, 0))
			}
			return m, nil
		}}
	}
	for _, c := range []struct{ right, wrong int }{{0, 0}, {0, 5}, {1000, 2}} {
		if _, err := b.run(t.Context(), answers(c.right, c.wrong)); err == nil || !strings.Contains(err.Error(), "wrong") {
			t.Errorf("%d right and %d wrong answers: got %v, want an error about wrong answers", c.right, c.wrong, err)
		}
	}
}
