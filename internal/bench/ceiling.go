package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"tribune"
)

// The ceiling is what net/http gives on this machine to who has nothing to do: read a request, write ready bytes.
const (
	maxReady      = 64 << 20
	headerTimeout = 5 * time.Second // nobody but the bench calls
	ceilingFor    = 5 * time.Second // at most; a bench's own duration where that is less
)

// ceilingAt is where the ceiling is measured.
type ceilingAt struct {
	Address string `json:"address"` // of HTTP
	MQTT    string `json:"mqtt"`
}

// ServeCeiling serves size ready bytes to every HTTP request, and a ready acknowledgement to every MQTT message, until ctx or
// in ends, and first prints where. The command `tribune bench-ceiling` is this function in a process of its own, as the
// hub is.
func ServeCeiling(ctx context.Context, size int, in io.Reader, out io.Writer) error {
	if size < 0 || size > maxReady {
		return fmt.Errorf("%w: 0 to %d ready bytes", tribune.ErrInvalid, maxReady)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serving ready bytes: %w", err)
	}
	ready := bytes.Repeat([]byte{' '}, size)
	server := &http.Server{ReadHeaderTimeout: headerTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if size == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(size)}
		w.Write(ready)
	})}
	devices, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serving ready acknowledgements: %w", err)
	}
	defer devices.Close()
	go func() {
		for {
			c, err := devices.Accept()
			if err != nil {
				return
			}
			go acknowledge(c)
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // the caller's end of the pipe closes however the caller ends
		io.Copy(io.Discard, in)
		cancel()
	}()
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := json.NewEncoder(out).Encode(ceilingAt{listener.Addr().String(), devices.Addr().String()}); err != nil {
		return fmt.Errorf("serving ready bytes: %w", err)
	}
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return fmt.Errorf("serving ready bytes: %w", err)
	}
	return nil
}

// ceilingServer starts that server; stop ends it.
func (b *Bench) ceilingServer(ctx context.Context, size int) (at ceilingAt, stop func() error, err error) {
	output := b.cfg.Dir + "/ceiling.log"
	p, err := spawn(ctx, b.cfg.Binary, output, "bench-ceiling", "--bytes", strconv.Itoa(size))
	if err != nil {
		return at, nil, err
	}
	err = p.until(ctx, startFor, "the server of ready bytes", func() error {
		data, err := os.ReadFile(output)
		if err != nil {
			return err
		}
		line, _ := bufio.NewReader(bytes.NewReader(data)).ReadString('\n')
		if !strings.HasSuffix(line, "\n") {
			return io.ErrUnexpectedEOF
		}
		return json.Unmarshal([]byte(line), &at)
	})
	if err != nil {
		p.destroy()
		return at, nil, err
	}
	return at, p.stop, nil
}

// ceiling is how many such requests a second are answered with size ready bytes, on as many connections as the public
// benches use.
func (b *Bench) ceiling(ctx context.Context, request []byte, size int) (float64, error) {
	at, stop, err := b.ceilingServer(ctx, size)
	if err != nil {
		return 0, err
	}
	status := http.StatusOK
	if size == 0 {
		status = http.StatusNoContent
	}
	w := work{
		address: at.Address,
		next:    func(buf []byte, _, _ int) []byte { return append(buf, request...) },
		check:   want(status),
	}
	t, err := closed(ctx, w, b.cfg.Connections, min(b.cfg.Duration, ceilingFor), &meter{})
	if stopped := stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return 0, fmt.Errorf("measuring the ceiling: %w", err)
	}
	if t.errors > 0 || t.ops() == 0 {
		return 0, fmt.Errorf("measuring the ceiling: %d answers, %d wrong: %w", t.ops(), t.errors, t.first)
	}
	return t.rate(), nil
}
