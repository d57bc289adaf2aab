package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tribune/internal/client"
)

// city is a demo city under measurement.
type city struct {
	dir     string
	proc    *process
	address string // host:port
	http    *http.Client
	pids    []int // guardians
	log     io.Writer
	parked  bool // the car parks of the public benches exist
	batches int  // of people who parked for a bench
}

const (
	// speed 1 keeps the replay of measurements from competing with what is measured.
	speed = "1"
	// hourly lifts the offices' limits: a benchmark asks for more in ten seconds than a city's inspectors in a day.
	hourly = "100000"
	// callFor bounds one call; the hub's own bound of an act is 30 s.
	callFor = 40 * time.Second
)

func startCity(ctx context.Context, cfg Config) (c *city, err error) {
	c = &city{
		dir: filepath.Join(cfg.Dir, "city"), log: cfg.Log,
		http: &http.Client{Timeout: callFor, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a city: %w", err)
	}
	fmt.Fprintf(c.log, "starting a fresh city in %s\n", c.dir)
	args := []string{"demo", "--dir", c.dir, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--patrol", "0", "--people", strconv.Itoa(cfg.People), "--speed", speed, "--hourly-factor", hourly, "--founders", strconv.Itoa(cfg.Guardians)}
	if cfg.Profile != "" {
		args = append(args, "--cpuprofile", cfg.Profile)
	}
	began := time.Now()
	if c.proc, err = spawn(ctx, cfg.Binary, filepath.Join(cfg.Dir, "city.log"), args...); err != nil {
		return nil, err
	}
	if err = c.await(ctx, cfg); err != nil {
		c.proc.destroy()
		return nil, err
	}
	fmt.Fprintf(c.log, "ready after %.1f s\n", time.Since(began).Seconds())
	return c, nil
}

func (c *city) await(ctx context.Context, cfg Config) error {
	err := c.proc.until(ctx, startFor, "the city to be ready", func() error {
		hub, err := c.as("")
		if err != nil {
			return err
		}
		_, err = ok(hub.Do(ctx, http.MethodGet, "/readyz", nil, nil))
		return err
	})
	if err != nil {
		return err
	}
	hub, err := c.as("")
	if err != nil {
		return err
	}
	c.address = strings.TrimPrefix(hub.Base, "http://")
	for i := range cfg.Guardians {
		data, err := os.ReadFile(filepath.Join(c.dir, "guardians", strconv.Itoa(i+1), "pid"))
		if err != nil {
			return fmt.Errorf("finding guardian %d: %w", i+1, err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			return fmt.Errorf("finding guardian %d: %w", i+1, err)
		}
		c.pids = append(c.pids, pid)
	}
	return nil
}

func (c *city) close() error {
	c.http.CloseIdleConnections()
	return c.proc.stop()
}

// as is a client with the profile of one of the city's people; "" is anonymous.
func (c *city) as(name string) (*client.Client, error) {
	cl, err := client.Open(c.dir, name)
	if err != nil {
		return nil, err
	}
	cl.HTTP = c.http
	return cl, nil
}

// ok is an answer that is 2xx, or why not.
func ok(a *client.Answer, err error) (*client.Answer, error) {
	if err == nil {
		err = a.Error()
	}
	return a, err
}

func (c *city) meter() *meter { return &meter{hub: c.proc.pid(), guardians: c.pids} }
