package federation

import (
	"container/list"
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxKept bounds the answers that are kept for a while, in bytes.
const maxKept = 32 << 20

// answers keeps what sources have answered for as long as their registrations ask (cacheDuration, clause 5.2.34).
type answers struct {
	mu    sync.Mutex // guards all below, which hold the same answers
	byKey map[string]*list.Element
	order *list.List // of *keptAnswer, most recently used first
	bytes int
}

type keptAnswer struct {
	key   string
	reply Reply
	until time.Time
}

// keptOverhead is what an answer costs beside its bytes: an empty one must not be free.
const keptOverhead = 1 << 10

// cost in bytes.
func (k *keptAnswer) cost() int {
	n := keptOverhead + len(k.reply.Body)
	for name, values := range k.reply.Header {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

func newAnswers() *answers { return &answers{byKey: map[string]*list.Element{}, order: list.New()} }

// keyOf is everything that an answer may depend on.
func keyOf(r *Registration, req *http.Request) string {
	h := sha256.New()
	part := func(s string) { h.Write([]byte(s)); h.Write([]byte{0}) }
	part(string(r.Tenant))
	part(r.ID)
	part(req.URL.String())
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		part(name)
		for _, v := range req.Header[name] {
			part(v)
		}
	}
	return string(h.Sum(nil))
}

func (a *answers) get(key string, now time.Time) (Reply, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.byKey[key]
	if !ok {
		return Reply{}, false
	}
	k := e.Value.(*keptAnswer)
	if !now.Before(k.until) {
		a.drop(e)
		return Reply{}, false
	}
	a.order.MoveToFront(e)
	reply := k.reply
	reply.Stale = true
	return reply, true
}

func (a *answers) put(key string, reply Reply, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e, ok := a.byKey[key]; ok {
		a.drop(e)
	}
	k := &keptAnswer{key, reply, until}
	a.byKey[key] = a.order.PushFront(k)
	a.bytes += k.cost()
	for a.bytes > maxKept {
		a.drop(a.order.Back())
	}
}

func (a *answers) drop(e *list.Element) {
	k := a.order.Remove(e).(*keptAnswer)
	delete(a.byKey, k.key)
	a.bytes -= k.cost()
}
