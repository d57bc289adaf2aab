package jsonld

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tribune"
)

// Bounds of downloads, with their reasons.
const (
	downloadTime  = 5 * time.Second // whoever needs the context waits this long
	maxRedirects  = 3               // w3id.org and the like need two
	maxDownloads  = 64              // under way at once
	maxOfHost     = 4               // of them from one host: a slow one must not take all places
	leastFresh    = time.Second     // a burst of requests is one use, whatever the server says
	usuallyFresh  = 6 * time.Hour   // where the server says nothing of how long a copy holds
	longestFresh  = 30 * 24 * time.Hour
	longestUnsaid = 24 * time.Hour // of what is guessed from Last-Modified (RFC 9111, 4.2.2)
)

// DownloadConfig of a Downloader.
type DownloadConfig struct {
	Dialer *net.Dialer // required: it decides which addresses may be reached
	Proxy  func(*http.Request) (*url.URL, error)
	Now    func() time.Time // nil = time.Now
}

// Downloader fetches contexts over HTTP: bounded in time, size, redirections and number. It sends no credentials and keeps no
// cookies.
type Downloader struct {
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex // guards hosts and under
	hosts map[string]int
	under int
}

// NewDownloader is a Downloader.
func NewDownloader(cfg DownloadConfig) *Downloader {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Downloader{
		now: cfg.Now, hosts: map[string]int{},
		client: &http.Client{
			Timeout: downloadTime,
			Transport: &http.Transport{
				DialContext: cfg.Dialer.DialContext, Proxy: cfg.Proxy, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1, MaxIdleConns: 16,
				IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: downloadTime, ResponseHeaderTimeout: downloadTime, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(r *http.Request, via []*http.Request) error {
				switch {
				case len(via) > maxRedirects:
					return fmt.Errorf("more than %d redirections", maxRedirects)
				case r.URL.Scheme != "http" && r.URL.Scheme != "https", r.URL.User != nil:
					return errors.New("redirected to what is not a plain http or https URL")
				case via[0].URL.Scheme == "https" && r.URL.Scheme != "https":
					return errors.New("redirected from https to http")
				}
				return nil
			},
		},
	}
}

// Download fetches what stands at address and says until when a copy of it holds.
func (d *Downloader) Download(ctx context.Context, address string) (document []byte, until time.Time, err error) {
	at, err := url.Parse(address)
	if err != nil || at.User != nil || at.Host == "" {
		return nil, until, fmt.Errorf("%w: not a URL to download from", tribune.ErrInvalid)
	}
	if !d.enter(at.Host) {
		return nil, until, fmt.Errorf("%w: too many downloads are under way", tribune.ErrBusy)
	}
	defer d.leave(at.Host)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, until, err
	}
	r.Header.Set("Accept", "application/ld+json, application/json;q=0.9, */*;q=0.1")
	res, err := d.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // the address stands in our own error
			err = u.Err
		}
		return nil, until, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, until, fmt.Errorf("the server answers %d", res.StatusCode)
	}
	document, err = io.ReadAll(io.LimitReader(res.Body, maxFile+1))
	if err != nil {
		return nil, until, fmt.Errorf("reading the answer: %w", err)
	}
	if len(document) > maxFile {
		return nil, until, fmt.Errorf("%w: more than %d bytes", tribune.ErrTooLarge, maxFile)
	}
	now := d.now()
	return document, now.Add(freshFor(res.Header, now)), nil
}

func (d *Downloader) enter(host string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.under >= maxDownloads || d.hosts[host] >= maxOfHost {
		return false
	}
	d.under++
	d.hosts[host]++
	return true
}

func (d *Downloader) leave(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.under--
	if d.hosts[host]--; d.hosts[host] == 0 {
		delete(d.hosts, host)
	}
}

// freshFor is how long a copy holds (clause 6.3.16; RFC 9111, 4.2): s-maxage before max-age before Expires before a guess.
func freshFor(h http.Header, now time.Time) time.Duration {
	said := map[string]string{}
	for _, line := range h.Values("Cache-Control") {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			said[strings.ToLower(name)] = strings.Trim(value, `"`)
		}
	}
	bound := func(d, most time.Duration) time.Duration { return min(max(d, leastFresh), most) }
	if _, ok := said["no-store"]; ok {
		return leastFresh
	}
	if _, ok := said["no-cache"]; ok {
		return leastFresh
	}
	for _, name := range []string{"s-maxage", "max-age"} {
		if seconds, err := strconv.ParseUint(said[name], 10, 31); err == nil {
			age, _ := strconv.ParseUint(h.Get("Age"), 10, 31)
			return bound(time.Duration(seconds)*time.Second-time.Duration(age)*time.Second, longestFresh)
		}
	}
	if text := h.Get("Expires"); text != "" {
		at, err := http.ParseTime(text)
		if err != nil { // "0" and the like mean: already over
			return leastFresh
		}
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			now = date
		}
		return bound(at.Sub(now), longestFresh)
	}
	if at, err := http.ParseTime(h.Get("Last-Modified")); err == nil && at.Before(now) {
		return bound(now.Sub(at)/10, longestUnsaid)
	}
	return usuallyFresh
}
