package federation

import (
	"net/http"

	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

// letter is a notification as it has arrived.
type letter struct {
	header http.Header
	doc    jsonld.Document
	here   *notify.Arrival // it is a change of this broker's own, of an entity in pieces; nil = a source has notified
}

func (l *letter) size() int { return letterCost + len(l.doc.Raw()) + headerSize(l.header) }

// letterCost is what a notification takes beside its text: an empty one must not be free.
const letterCost = 1 << 10

func headerSize(h http.Header) (n int) {
	for name, values := range h {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

// words are the headers that say how a notification is written.
func words(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range []string{"Content-Type", "Link"} {
		if v := h[name]; len(v) > 0 {
			out[name] = v
		}
	}
	return out
}
