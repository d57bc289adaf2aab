// Package tagindex serves the daily index of the record's tags (protocol 29) as static files. The hub serves its newest
// indexes by it, and every guardian the same from its own mirror, so that a citizen need ask neither the accused nor any
// one guardian. It holds no state and no key; what it serves is public, and proven by who reads it, not by who serves it.
//
//	GET /trace/latest               {"bits", "leaf", "root", "size"}: the newest index, and its entry in the record
//	GET /trace/SIZE/BITS/BUCKET     protocol.Index.File: path and entries of one bucket
//	GET /trace/SIZE/full            all entries, in the order of the buckets
package tagindex

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"tribune"
	"tribune/protocol"
)

// Latest is the newest index and the leaf that puts it on record. Nobody need believe it: the leaf is in the log.
type Latest struct {
	protocol.IndexHead
	Leaf uint64 `json:"leaf"`
}

// Source is who has indexes. Index fails with tribune.ErrNotFound for a size that is not, or no longer, served.
type Source interface {
	Latest() (Latest, bool)
	Index(size uint64) (*protocol.Index, error)
}

const (
	cacheLatest = "public, max-age=60"                  // a new one comes once a day
	cacheFile   = "public, max-age=31536000, immutable" // of one size there is one index
	chunk       = 1 << 13                               // entries written at a time
)

// Routes serves the indexes of s.
func Routes(mux *http.ServeMux, s Source) {
	mux.HandleFunc("GET /trace/latest", func(w http.ResponseWriter, r *http.Request) {
		latest, ok := s.Latest()
		if !ok {
			http.Error(w, "there is no index of the record yet", http.StatusNotFound)
			return
		}
		head(w, "application/json", cacheLatest)
		json.NewEncoder(w).Encode(latest)
	})
	mux.HandleFunc("GET /trace/{size}/{bits}/{bucket}", func(w http.ResponseWriter, r *http.Request) {
		x := find(w, r, s)
		if x == nil {
			return
		}
		bits, err := number(r, "bits")
		bucket, err2 := number(r, "bucket")
		if err != nil || err2 != nil || bits != uint64(x.Bits) {
			http.Error(w, "the index of this size has "+strconv.Itoa(x.Bits)+" bits", http.StatusNotFound)
			return
		}
		file, err := x.File(bucket)
		if err != nil {
			http.Error(w, "there is no such bucket", http.StatusNotFound)
			return
		}
		head(w, "application/octet-stream", cacheFile)
		w.Header().Set("Content-Length", strconv.Itoa(len(file)))
		w.Write(file)
	})
	mux.HandleFunc("GET /trace/{size}/full", func(w http.ResponseWriter, r *http.Request) {
		x := find(w, r, s)
		if x == nil {
			return
		}
		head(w, "application/octet-stream", cacheFile)
		w.Header().Set("Content-Length", strconv.Itoa(x.Len()*protocol.IndexEntrySize))
		for some := range slices.Chunk(x.All(), chunk) {
			if _, err := w.Write(protocol.AppendEntries(nil, some)); err != nil {
				return
			}
		}
	})
}

func head(w http.ResponseWriter, contentType, cache string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Access-Control-Allow-Origin", "*") // anyone may verify, from a page too
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// find is the index of the path's size, or nil once the answer is given.
func find(w http.ResponseWriter, r *http.Request, s Source) *protocol.Index {
	size, err := number(r, "size")
	var x *protocol.Index
	if err == nil {
		x, err = s.Index(size)
	}
	switch {
	case err == nil:
		return x
	case errors.Is(err, tribune.ErrBusy):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the index is being built", http.StatusServiceUnavailable)
	default:
		http.Error(w, "there is no index of this size here; /trace/latest names the newest", http.StatusNotFound)
	}
	return nil
}

// number reads a path's number in its one spelling, so that a cache keeps one copy.
func number(r *http.Request, name string) (uint64, error) {
	s := r.PathValue(name)
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, tribune.ErrInvalid
	}
	return n, nil
}
