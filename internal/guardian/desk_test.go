package guardian

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/internal/guardian/client"
	"tribune/internal/guardian/wire"
	"tribune/policy"
	"tribune/protocol"
)

func TestOnlyTheHubIsServed(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{3}
	req := w.build(w.subjectOnce(p, 1, w.enrol(p)))
	body, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, _ := ed25519.GenerateKey(nil)
	now := time.Now().Unix()
	header := func(key ed25519.PrivateKey, method, path string, at int64, body []byte) string {
		return fmt.Sprintf("%d %s", at, base64.StdEncoding.EncodeToString(ed25519.Sign(key, protocol.HubMessage(method, path, at, body))))
	}
	for _, test := range []struct {
		name, header string
		status       int
	}{
		{"the hub", header(w.logKey, "POST", "/release", now, body), 200},
		{"no header", "", 401},
		{"another key", header(stranger, "POST", "/release", now, body), 401},
		{"another path", header(w.logKey, "POST", "/name", now, body), 401},
		{"another method", header(w.logKey, "GET", "/release", now, body), 401},
		{"another body", header(w.logKey, "POST", "/release", now, body[1:]), 401},
		{"two minutes ago", header(w.logKey, "POST", "/release", now-120, body), 401},
		{"in two minutes", header(w.logKey, "POST", "/release", now+120, body), 401},
		{"another time than signed", fmt.Sprint(now+1) + header(w.logKey, "POST", "/release", now, body)[10:], 401},
	} {
		r, err := http.NewRequest("POST", w.guards[0].server.URL+"/release", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(protocol.HubHeader, test.header)
		r.Header.Set(protocol.DigestHeader, protocol.ContentDigest(body))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("%s: got %d, want %d", test.name, resp.StatusCode, test.status)
		}
	}
}

// Who is not the hub must not get 8 MB of our memory by announcing a body, nor somebody else's body past the signature.
func TestNoBodyIsReadThatTheHubHasNotSigned(t *testing.T) {
	w := newWorld(t)
	handler := w.guards[0].Handler()
	_, stranger, _ := ed25519.GenerateKey(nil)
	body := []byte(`{"points":[]}`)
	now := time.Now().Unix()
	for _, test := range []struct {
		name   string
		key    ed25519.PrivateKey
		digest string
		sent   []byte
		status int
		read   bool
	}{
		{"the hub", w.logKey, protocol.ContentDigest(body), body, 400, true}, // no points
		{"a stranger", stranger, protocol.ContentDigest(body), body, 401, false},
		{"no digest", w.logKey, "", body, 401, false},
		{"the digest of another body", w.logKey, protocol.ContentDigest(body[1:]), body[1:], 401, false},
		{"another body than signed", w.logKey, protocol.ContentDigest(body), []byte(`{"points":[""]}`), 401, true},
	} {
		sent := &watched{Reader: bytes.NewReader(test.sent)}
		r := httptest.NewRequest("POST", "/name", sent)
		sig := ed25519.Sign(test.key, protocol.HubMessage("POST", "/name", now, body))
		r.Header.Set(protocol.HubHeader, fmt.Sprintf("%d %s", now, base64.StdEncoding.EncodeToString(sig)))
		r.Header.Set(protocol.DigestHeader, test.digest)
		rw := httptest.NewRecorder()
		handler.ServeHTTP(rw, r)
		if rw.Code != test.status || sent.read != test.read {
			t.Errorf("%s: got %d, body read: %v; want %d, %v", test.name, rw.Code, sent.read, test.status, test.read)
		}
	}
}

type watched struct {
	io.Reader
	read bool
}

func (w *watched) Read(b []byte) (int, error) {
	w.read = true
	return w.Reader.Read(b)
}

func TestBlindEvaluationUsesTheNameKeyOnlyAndIsLimited(t *testing.T) {
	w := newWorld(t)
	w.ceremony()
	ctx := context.Background()
	input := protocol.NameInput(testCity, "plate", "BX19 KTT")
	point, blinding, err := ibe.Blind(input)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := w.client.Evaluate(ctx, [][]byte{point})
	if err != nil {
		t.Fatal(err)
	}
	names, err := ibe.NewNameMaster(w.group.Name.Key)
	if err != nil {
		t.Fatal(err)
	}
	if _, culprits, err := names.Unblind(w.group.Name.Shares, 2, []*ibe.Blinding{blinding}, parts); err != nil || len(culprits) > 0 {
		t.Fatalf("unblinding: %v, culprits %v", err, culprits)
	}
	// The same answer is nothing under SEAL: a blinded identity does not get its key here.
	id := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: tribune.Pseudonym{1}}.Bytes(testCity)
	if _, _, err := ibe.Combine(w.group.Seal.Key, w.group.Seal.Shares, 2, [][]byte{id}, parts); err == nil {
		t.Fatal("a blind evaluation verifies under SEAL")
	}
	bad := bytes.Clone(point)
	bad[47] ^= 1
	if _, err := w.client.Evaluate(ctx, [][]byte{bad}); err == nil {
		t.Error("a point off the curve or subgroup is evaluated")
	}
	many := make([][]byte, wire.MaxPoints)
	for i := range many {
		many[i] = point
	}
	var last error
	for range 6 { // the burst is 4,096, and two of four are asked
		for range 2 {
			if _, err := w.client.Evaluate(ctx, many); err != nil {
				last = err
			}
		}
	}
	if !errors.Is(last, tribune.ErrBusy) {
		t.Errorf("12,288 names in a moment: got %v, want ErrBusy", last)
	}
}

func TestStatusHoldsNoSecretAndCountsItsDecisions(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{3}
	traces := w.enrol(p)
	w.ask(0, w.build(w.subjectOnce(p, 2, traces))) // refused: use 1 is missing
	s, err := w.client.Status(context.Background(), "ombudsman.example")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "ombudsman.example" || s.City != testCity || s.Size != w.log.Size() || s.Epoch != 1 || s.Group == nil || !s.Demo || s.Ceremony != "founded" || s.Refused != 1 {
		t.Errorf("status: %+v", s)
	}
	keys, _ := w.guards[0].ceremony.Shares()
	for _, path := range []string{"/status", "/status?nonce=abc", "/outbox", "/checkpoint", "/tile/0/000.p/1"} {
		resp, err := http.Get(w.guards[0].server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: %d, %v", path, resp.StatusCode, err)
		}
		for name, secret := range map[string][]byte{"SEAL share": keys.Seal, "NAME share": keys.Name, "key": w.guards[0].self.key.Seed()} {
			if bytes.Contains(raw, secret) || bytes.Contains(raw, []byte(base64.StdEncoding.EncodeToString(secret))) || bytes.Contains(raw, fmt.Appendf(nil, "%x", secret)) {
				t.Errorf("%s shows the %s", path, name)
			}
		}
	}
}

func TestForgedClockAnswersDoNotCount(t *testing.T) {
	w := newWorld(t)
	g := w.guards[0]
	honest := peer{name: "court.example", key: g.clock.peers[0].key}
	if _, err := g.clock.ask(context.Background(), honest, w.guards[1].server.URL); err != nil {
		t.Fatalf("an honest peer: %v", err)
	}
	if _, err := g.clock.ask(context.Background(), honest, w.guards[2].server.URL); err == nil {
		t.Error("another guardian speaks for the court")
	}
}

func TestMedianIsTheFartherOfTheMiddle(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		ahead []time.Duration
		want  time.Duration
	}{{[]time.Duration{5}, 5}, {[]time.Duration{-90, 10}, -90}, {[]time.Duration{1, 2, 900}, 2}, {[]time.Duration{-1, 1, 2, 900}, 2}} {
		c := clock{offsets: map[string]offset{"old": {time.Hour, now.Add(-time.Hour)}}}
		for i, a := range test.ahead {
			c.offsets[fmt.Sprint(i)] = offset{a, now}
		}
		if got, ok := c.median(now); !ok || got != test.want {
			t.Errorf("median of %v: got %v, want %v", test.ahead, got, test.want)
		}
	}
}

func TestHourlyCapsCountTheRecord(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	x := newIndex(func() time.Time { return now })
	leaf := func(i uint64, office tribune.OfficeID, count int, at time.Time, permit bool) protocol.Act {
		a := protocol.Act{ID: protocol.NewID(), Kind: tribune.ActRead, Office: office, Purpose: "p", Count: count, Time: protocol.Time(at)}
		x.add(i, protocol.Leaf{Act: a, Decision: tribune.Decision{Permit: permit}})
		return a
	}
	limits := policy.Limits{Acts: 3, Subjects: 10}
	a := leaf(10, "inspector", 4, now, true)
	leaf(11, "inspector", 100, now, false)                // a denial uses nothing up
	leaf(12, "planner", 100, now, true)                   // another office
	leaf(13, "inspector", 100, now.Add(-time.Hour), true) // another hour
	b := leaf(14, "inspector", 6, now, true)
	c := leaf(15, "inspector", 1, now, true)
	d := leaf(16, "inspector", 0, now, true)
	for i, test := range []struct {
		leaf uint64
		act  protocol.Act
		at   time.Time
		want string
	}{
		{10, a, now, ""}, {14, b, now, ""}, {15, c, now, "more than 10 people"}, {16, d, now, "used its 3 acts"},
		{17, d, now, "beyond what"}, {10, a, now.Add(-5 * time.Hour), "no count of"},
	} {
		err := x.within(test.leaf, test.act, test.at, limits)
		if got := fmt.Sprint(err); (test.want == "") != (err == nil) || err != nil && !strings.Contains(got, test.want) {
			t.Errorf("%d: got %v, want %q", i, err, test.want)
		}
	}
	now = now.Add(2 * time.Hour)
	leaf(20, "inspector", 1, now, true)
	if len(x.counts.hours) != 1 {
		t.Errorf("%d hours are kept, want the present one", len(x.counts.hours))
	}
}

func TestSlowAndLyingGuardiansAreGoneAround(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{3}
	traces := w.enrol(p)
	c := w.subjectOnce(p, 1, traces)
	req := w.build(c)
	real := w.guards[0].Guardian
	for name, lie := range map[string]func(protocol.Answer) protocol.Answer{
		"another leaf": func(a protocol.Answer) protocol.Answer {
			a.Statement.Leaf[0]++
			a.Statement.Sign(real.self.key)
			return a
		},
		"other identities": func(a protocol.Answer) protocol.Answer {
			a.Statement.IDs[0]++
			a.Statement.Sign(real.self.key)
			return a
		},
		"another's name": func(a protocol.Answer) protocol.Answer {
			a.Statement.Guardian = "court.example"
			a.Statement.Sign(real.self.key)
			return a
		},
		"another epoch": func(a protocol.Answer) protocol.Answer {
			a.Statement.Epoch++
			a.Statement.Sign(real.self.key)
			return a
		},
		"a forged signature": func(a protocol.Answer) protocol.Answer { a.Statement.Time++; return a },
		"no box":             func(a protocol.Answer) protocol.Answer { a.Box = nil; return a },
		"nothing":            func(a protocol.Answer) protocol.Answer { return protocol.Answer{} },
		"yes and no": func(a protocol.Answer) protocol.Answer {
			a.Refusal = &protocol.Refusal{Guardian: "ombudsman.example", Leaf: a.Statement.Leaf}
			a.Refusal.Sign(real.self.key)
			return a
		},
		"a refusal nobody signed": func(a protocol.Answer) protocol.Answer {
			return protocol.Answer{Refusal: &protocol.Refusal{Guardian: "ombudsman.example", Leaf: a.Statement.Leaf, Reason: "no"}}
		},
	} {
		w.guards[0].server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			q, err := decodeRequest(body)
			if err != nil {
				t.Error(err)
			}
			a, err := real.decide(r.Context(), q)
			if err != nil {
				t.Error(err)
			}
			writeJSON(rw, lie(a))
		})
		answers, err := w.client.Release(context.Background(), req, 2)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, a := range answers {
			if a.Statement.Guardian == "ombudsman.example" {
				t.Errorf("%s: the lie is taken", name)
			}
		}
		_, err = w.client.Release(context.Background(), req, 4)
		if !errors.Is(err, tribune.ErrNoQuorum) || errors.Is(err, tribune.ErrRefused) {
			t.Errorf("%s, all four needed: got %v, want ErrNoQuorum", name, err)
		}
	}
	w.guards[0].server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // else the server does not notice that the client has gone
		<-r.Context().Done()
	})
	fresh := client.New(client.Config{Group: w.group, Key: w.logKey}) // asks the sleeper first
	start := time.Now()
	if _, err := fresh.Release(context.Background(), req, 2); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("one sleeping guardian costs %v", took)
	}
}

// What the cache of checkpoints remembers must not let an altered receipt through: each byte in turn, cold and warm.
func TestAlteredReceiptIsRefusedColdAndWarm(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{3}
	req := w.build(w.subjectOnce(p, 1, w.enrol(p)))
	g := w.guards[0]
	warm := newCheckpointCache()
	if _, err := warm.receipt(g.trust, req.Receipt); err != nil {
		t.Fatal(err)
	}
	if len(warm.good) != 1 {
		t.Fatal("nothing is remembered: this test shows nothing")
	}
	for i := range req.Receipt {
		bad := bytes.Clone(req.Receipt)
		bad[i] ^= 1
		if _, err := g.trust.Receipt(bad); err == nil {
			t.Errorf("byte %d altered: verify accepts it", i)
		}
		if _, err := warm.receipt(g.trust, bad); err == nil {
			t.Errorf("byte %d altered: the cache accepts it", i)
		}
	}
	if _, err := warm.receipt(g.trust, req.Receipt); err != nil || len(warm.good) != 1 {
		t.Errorf("the true receipt after that: %v, %d checkpoints remembered", err, len(warm.good))
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(`{"receipt":"","private":"","salt":"","evidence":{},"traces":null}`))
	f.Add([]byte(`{}`))
	w := &Guardian{}
	_, w.self.key, _ = ed25519.GenerateKey(nil)
	w.cfg.Now = time.Now
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := decodeRequest(body)
		if err != nil {
			return
		}
		r := w.signRefusal(req, &refusal{reason: "no"})
		if err := r.Verify(w.self.key.Public().(ed25519.PublicKey)); err != nil {
			t.Error(err)
		}
	})
}

func FuzzHubHeader(f *testing.F) {
	pub, key, _ := ed25519.GenerateKey(nil)
	now := time.Unix(1_800_000_000, 0)
	good := ed25519.Sign(key, protocol.HubMessage("POST", "/release", now.Unix(), nil))
	f.Add(fmt.Sprintf("%d %s", now.Unix(), base64.StdEncoding.EncodeToString(good)))
	f.Add("1 ")
	f.Fuzz(func(t *testing.T, header string) {
		if checkHub(header, "POST", "/release", sha256.Sum256(nil), pub, now) != nil {
			return
		}
		_, sig, _ := strings.Cut(header, " ")
		if raw, err := base64.StdEncoding.DecodeString(sig); err != nil || !bytes.Equal(raw, good) {
			t.Errorf("%q is accepted", header)
		}
	})
}

// A refusal is public: what a hub writes into the private part must not come out in it.
func TestRefusalQuotesNothingOfThePrivatePart(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{9}
	traces := w.enrol(p)
	const plate = "BX19 KTT"
	for name, spoil := range map[string]func(c *act, req *protocol.Request){
		"unreadable": func(c *act, req *protocol.Request) { req.Private = []byte(`{"` + plate + `":1}`) },
		"another word": func(c *act, req *protocol.Request) {
			req.Private = bytes.Replace(req.Private, []byte("parking-session"), []byte(plate), -1)
		},
		"another digit": func(c *act, req *protocol.Request) {
			req.Private = bytes.Replace(req.Private, []byte(p.String()), []byte(plate), 1)
		},
	} {
		c := w.subjectOnce(p, 1, traces)
		req := w.build(c)
		spoil(c, &req)
		no := w.guards[0].refusalOf(t, req)
		if strings.Contains(no.Reason, plate) {
			t.Errorf("%s: the refusal says %q", name, no.Reason)
		}
	}
	// The window is text of the hub's choice, and fits the commitment.
	c := w.subjectOnce(p, 1, traces)
	req := w.build(c)
	v, err := w.guards[0].trust.Receipt(req.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	h := &hearing{req: req, v: v, set: w.set, priv: c.priv}
	h.req.Private = []byte(`{"` + plate + `":1}`)
	if v.Leaf.Act.Com, err = protocol.Commitment(req.Salt, h.req.Private); err != nil {
		t.Fatal(err)
	}
	if err := w.guards[0].openedAsCommitted(context.Background(), h); err == nil || strings.Contains(err.Error(), plate) {
		t.Errorf("an unreadable private part: %v", err)
	}
	h.priv = c.priv
	h.priv.Inputs.From = plate
	if err := w.guards[0].decidedAlike(context.Background(), h); err == nil || strings.Contains(err.Error(), plate) {
		t.Errorf("a window that is no time: %v", err)
	}
}

func (g *guard) refusalOf(t *testing.T, req protocol.Request) *protocol.Refusal {
	t.Helper()
	_, err := g.decide(context.Background(), req)
	var no *refusal
	if !errors.As(err, &no) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return g.signRefusal(req, no)
}

// Cut in the middle of a letter, a reason would be mended on its way through JSON and its signature would not verify.
func TestLongReasonIsCutBetweenLettersSoThatItVerifies(t *testing.T) {
	w := newWorld(t)
	g := w.guards[0]
	r := g.signRefusal(protocol.Request{}, &refusal{reason: "x" + strings.Repeat("\u00fc", maxReason)})
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got protocol.Refusal
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(g.self.key.Public().(ed25519.PublicKey)); err != nil || len(got.Reason) > maxReason || len(got.Reason) < maxReason-1 {
		t.Errorf("%d bytes: %v", len(got.Reason), err)
	}
}
