package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tribune"
)

// conn is a lean HTTP/1.1 client over one connection that stays open: requests are ready bytes, and of answers only
// status and body are looked at. net/http's client costs as much processor as the server it measures.
type conn struct {
	address string
	nc      net.Conn
	r       *bufio.Reader
	body    []byte // of the last answer
	cut     func() bool
}

const (
	dialFor = 5 * time.Second
	// answerIn bounds a connection's whole use; the hub's own bound of an act is 30 s.
	answerIn  = 40 * time.Second
	maxAnswer = 64 << 20
)

var errProtocol = fmt.Errorf("%w: not an HTTP/1.1 answer", tribune.ErrInvalid)

// dial connects; the connection closes with ctx.
func dial(ctx context.Context, address string) (*conn, error) {
	c := &conn{address: address}
	return c, c.open(ctx)
}

func (c *conn) open(ctx context.Context) error {
	d := net.Dialer{Timeout: dialFor}
	nc, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	c.nc, c.r = nc, bufio.NewReaderSize(nc, 16<<10)
	c.cut = context.AfterFunc(ctx, func() { nc.Close() })
	return nil
}

func (c *conn) close() {
	if c.nc != nil {
		c.cut()
		c.nc.Close()
	}
}

// reopen replaces a connection that failed: its stream may stand anywhere.
func (c *conn) reopen(ctx context.Context) error {
	c.close()
	return c.open(ctx)
}

// do sends one request and reads its answer. body is valid until the next call.
func (c *conn) do(request []byte) (status int, body []byte, err error) {
	if _, err := c.nc.Write(request); err != nil {
		return 0, nil, err
	}
	return c.read()
}

// read reads one answer.
func (c *conn) read() (status int, body []byte, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
		return 0, nil, errProtocol
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, errProtocol
	}
	length, chunked := 0, false
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return status, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := header(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(string(v)); err != nil || length < 0 || length > maxAnswer {
				return status, nil, errProtocol
			}
		} else if v, ok := header(line, "Transfer-Encoding: "); ok {
			chunked = string(v) == "chunked"
		}
	}
	c.body = c.body[:0]
	switch {
	case status == http.StatusNoContent:
	case chunked:
		err = c.chunks()
	default:
		err = c.fill(length)
	}
	return status, c.body, err
}

// header is the value of a header line of that name. Go's servers write canonical names; others may differ in case.
func header(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name):]), true
}

// fill appends the next n bytes to the body, a piece at a time: a length is only a claim.
func (c *conn) fill(n int) error {
	const piece = 64 << 10
	if len(c.body)+n > maxAnswer {
		return errProtocol
	}
	for n > 0 {
		at, size := len(c.body), min(n, piece)
		c.body = slices.Grow(c.body, size)[:at+size]
		if _, err := io.ReadFull(c.r, c.body[at:]); err != nil {
			return err
		}
		n -= size
	}
	return nil
}

func (c *conn) chunks() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return errProtocol
		}
		if err := c.fill(int(n)); err != nil {
			return err
		}
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) > 2 { // trailers are not asked for
			return errProtocol
		}
		if n == 0 {
			return nil
		}
	}
}

// appendRequest appends a request to b.
func appendRequest(b []byte, method, path, token string, body []byte) []byte {
	b = append(append(append(append(b, method...), ' '), path...), " HTTP/1.1\r\nHost: hub\r\nAccept: application/json\r\n"...)
	if token != "" {
		b = append(append(append(b, "Authorization: Bearer "...), token...), "\r\n"...)
	}
	if len(body) > 0 {
		b = strconv.AppendInt(append(b, "Content-Type: application/json\r\nContent-Length: "...), int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	return append(append(b, "\r\n"...), body...)
}
