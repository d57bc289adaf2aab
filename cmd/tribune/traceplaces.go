package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web/pinned"
	"tribune/verify"
)

const (
	placeTimeout = 30 * time.Second // one bundle over a slow line
	maxKept      = 64 << 20         // bytes of the record held in memory
	mergeTries   = 10               // guardians are asked for their heads again while these are of different sizes
	mergePause   = 500 * time.Millisecond
)

// places are where a person reads the record and its index.
type places struct {
	log     verify.Fetch
	indexes []verify.IndexSource
}

// place is one of them.
type place struct {
	name  string
	fetch verify.Fetch // log; nil = it has none
	index verify.Fetch // nil = it has none
}

// places reads guardians' mirrors before the city, and the city not at all where mirrors have what it takes.
func (d *traceFlags) places(ctx context.Context, trust *verify.Trust) (*places, error) {
	c, err := callPinned(trust, d.mirrors)
	if err != nil {
		return nil, err
	}
	var all []place
	for _, at := range d.mirrors {
		base := strings.TrimSuffix(at, "/")
		all = append(all, place{at, c.fetch(ctx, base), c.fetch(ctx, base+"/trace")})
	}
	mirrors := len(all)
	switch {
	case d.record == "":
	case strings.HasPrefix(d.record, "http://"), strings.HasPrefix(d.record, "https://"):
		base := strings.TrimSuffix(d.record, "/")
		all = append(all, place{d.record, c.fetch(ctx, base+"/log"), c.fetch(ctx, base+"/trace")})
	default:
		all = append(all, place{d.record, verify.Dir(os.DirFS(d.record)), nil})
	}
	p := &places{}
	for _, one := range all {
		if one.index != nil {
			p.indexes = append(p.indexes, verify.IndexSource{Name: one.name, Fetch: one.index})
		}
	}
	p.log = kept(func(path string) ([]byte, error) {
		if path == "checkpoint" {
			return checkpoint(ctx, trust, all, mirrors)
		}
		return first(all, path)
	})
	return p, nil
}

// kept remembers what was fetched, up to a bound: several keys walk along the same record.
func kept(fetch verify.Fetch) verify.Fetch {
	known, size := map[string][]byte{}, 0
	return func(path string) ([]byte, error) {
		if data, ok := known[path]; ok {
			return data, nil
		}
		data, err := fetch(path)
		if err == nil && size+len(data) <= maxKept {
			known[path], size = data, size+len(data)
		}
		return data, err
	}
}

// first is the answer of the first place that has something there. It is proven by who reads it.
func first(all []place, path string) (data []byte, err error) {
	err = fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	for _, one := range all {
		data, e := one.fetch(path)
		if e == nil {
			return data, nil
		}
		if !errors.Is(e, fs.ErrNotExist) {
			err = fmt.Errorf("%s: %w", one.name, e)
		}
	}
	return nil, err
}

// checkpoint is one that a quorum has co-signed: put together from what each of the mirrors has signed, else the city's.
func checkpoint(ctx context.Context, trust *verify.Trust, all []place, mirrors int) ([]byte, error) {
	var err error
	for try := 0; mirrors > 0 && try < mergeTries; try++ {
		var notes [][]byte
		for _, one := range all[:mirrors] {
			if msg, e := one.fetch("checkpoint"); e == nil {
				notes = append(notes, msg)
			} else {
				err = fmt.Errorf("%s: %w", one.name, e)
			}
		}
		if len(notes) == 0 {
			break
		}
		merged, e := trust.MergeCheckpoints(notes)
		if e == nil {
			return merged, nil
		}
		if err = e; !errors.Is(e, tribune.ErrNoQuorum) || len(all) > mirrors && try > 0 {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(mergePause):
		}
	}
	if len(all) > mirrors {
		return all[mirrors].fetch("checkpoint")
	}
	if errors.Is(err, tribune.ErrNoQuorum) {
		err = fmt.Errorf("%v", err) // too few mirrors were named, or they are of different sizes: nobody's fault
	}
	return nil, tribune.Hint(fmt.Errorf("the mirrors' checkpoints: %w", err), "Name more guardians, as many as publish, or --record as well: a checkpoint says nothing about you.")
}

// caller calls guardians under their pinned keys, and anybody else as a browser would.
type caller struct{ http *http.Client }

func callPinned(trust *verify.Trust, guardians []string) (*caller, error) {
	var keys []ed25519.PublicKey
	for _, name := range trust.Guardians() {
		if key, ok := trust.GuardianKey(name); ok {
			keys = append(keys, key)
		}
	}
	pinnedAt := map[string]bool{}
	for _, at := range guardians {
		u, err := url.Parse(at)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("%w: %q is no address of a guardian", errUsage, at)
		}
		pinnedAt[pinned.Address(u)] = true
	}
	transport := pinned.Transport(http.DefaultTransport.(*http.Transport), nil, func(address string) []ed25519.PublicKey {
		if pinnedAt[address] {
			return keys
		}
		return nil
	})
	return &caller{&http.Client{Transport: transport, Timeout: placeTimeout}}, nil
}

// fetch reads below base. What it reads is bounded by the largest thing there is.
func (c *caller) fetch(ctx context.Context, base string) verify.Fetch {
	return func(path string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/"+path, nil)
		if err != nil {
			return nil, err
		}
		return c.do(req)
	}
}

func (c *caller) do(req *http.Request) ([]byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, verify.MaxResource+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", req.URL.Redacted(), err)
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return nil, fmt.Errorf("%s: %w", req.URL.Path, fs.ErrNotExist)
	case resp.StatusCode != http.StatusOK:
		text, _, _ := strings.Cut(strings.TrimSpace(string(body[:min(len(body), 300)])), "\n")
		return nil, fmt.Errorf("%s: %s: %s", req.URL.Host, resp.Status, strings.ToValidUTF8(text, "?"))
	case len(body) > verify.MaxResource:
		return nil, fmt.Errorf("%s: %w", req.URL.Path, tribune.ErrTooLarge)
	}
	return body, nil
}
