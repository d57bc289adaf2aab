package drill

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tribune/internal/client"
	"tribune/protocol"
	"tribune/verify"
)

// clockPoll is longer than the guardians' five seconds between looks at each other's clocks.
const clockPoll = 7 * time.Second

// playClock puts clocks one hour off. No process of this machine can be given another clock, so what a wrong clock would say is said
// in its place: by an officer who dates acts, by a hub that dates its requests, and by guardians whose keys the drill has, which sign
// co-signatures and answers to "what time is it" an hour off. To a guardian, peers who are all an hour ahead are the same as being an
// hour behind itself.
func playClock(ctx context.Context, p *play) error {
	w, end, err := p.besieged(ctx, p.officersClock)
	if err != nil {
		return err
	}
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		way, reason := "behind", "older than"
		if off > 0 {
			way, reason = "ahead", "future"
		}
		err := w.tries(ctx, lies, attack{"asks for a release by an act whose officer's clock is one hour " + way, reason, func(_ *wide, x *wish) error {
			x.act.Time = protocol.Time(time.Now().Add(off))
			return nil
		}})
		if err != nil {
			return err
		}
		if err := w.hubsClock(ctx, off, way); err != nil {
			return err
		}
	}
	end()
	if err := w.cosignersClock(ctx); err != nil {
		return err
	}
	return w.peersClock(ctx)
}

// officersClock: the hub takes acts of these minutes only.
func (p *play) officersClock(ctx context.Context, c *city, inspector *client.Client, _ []person) error {
	for _, off := range []time.Duration{-time.Hour, time.Hour, 0} {
		salt := protocol.NewSalt()
		private, err := protocol.JCS(protocol.Private{Actor: inspector.Actor, Inputs: protocol.Inputs{Note: "drill: clock"}, Subjects: []protocol.Subject{}})
		if err != nil {
			return err
		}
		act := protocol.Act{ID: protocol.NewID(), Kind: "decide", Mandate: inspector.Mandate, Office: inspector.Office, Purpose: inspector.Purpose, Time: protocol.Time(time.Now().Add(off))}
		if act.Com, err = protocol.Commitment(salt, private); err != nil {
			return err
		}
		signature, err := act.Sign(inspector.Key)
		if err != nil {
			return err
		}
		body, err := json.Marshal(map[string]any{"act": act, "private": private, "salt": salt, "signature": signature})
		if err != nil {
			return err
		}
		a, err := inspector.Do(ctx, http.MethodPost, "/acts", body, nil)
		if err != nil {
			return err
		}
		if off == 0 {
			p.control(a.Status == http.StatusCreated, "send the hub an act of now", "201", "%s", shown(a))
			continue
		}
		p.check(a.Status >= 400 && a.Status < 500, fmt.Sprintf("send the hub an act that its officer dates %s off", off), "refused, and says that it is the time", "%s", shown(a))
	}
	return nil
}

// hubsClock: the hub dates its requests by its own clock.
func (w *wide) hubsClock(ctx context.Context, off time.Duration, way string) error {
	body := []byte(`{"points":[]}`)
	held, seen := true, ""
	for _, m := range w.hub.group.Guardians {
		for _, path := range []string{"/name", "/release"} {
			status, answer, err := w.hub.keyed(ctx, m.URL, path, path, body, body, time.Now().Add(off))
			if err != nil {
				return err
			}
			held, seen = held && status == http.StatusUnauthorized, fmt.Sprintf("%d %s", status, bytes.TrimSpace(answer))
		}
	}
	w.play.times(2*len(w.hub.group.Guardians), held, "send each guardian a request of a hub whose clock is one hour "+way, "401, and it says how far off", "%s", seen)
	return nil
}

// cosignersClock: co-signatures dated an hour off by t-1 guardians move no leaf time; by t of them they do, and then it is refused.
func (w *wide) cosignersClock(ctx context.Context) error {
	pause(ctx, clockPoll) // a guardian that has seen no peer's clock goes by the co-signatures' times instead
	for bad := 1; bad <= w.hub.group.T; bad++ {
		for _, off := range []time.Duration{-time.Hour, time.Hour} {
			x, err := w.plain(w.victims[0])
			if err != nil {
				return err
			}
			_, req, err := w.put(ctx, x)
			if err != nil {
				return err
			}
			if req.Receipt, err = w.redate(req.Receipt, bad, off); err != nil {
				return err
			}
			answers, err := w.hub.release(ctx, req)
			if err != nil {
				return err
			}
			released := 0
			for _, a := range answers {
				if a.Statement != nil {
					released++
				}
			}
			tried := fmt.Sprintf("ask for a release with %d of %d co-signatures dated %s off", bad, w.hub.group.W, off)
			if bad < w.hub.group.T {
				w.play.check(released == len(answers), tried, "released: fewer than t clocks move no leaf's time", "%d of %d release", released, len(answers))
				continue
			}
			if off < 0 {
				w.play.control(released == 0, tried+": t of them", "refused by all: the leaf would be an hour old", "%d release; %s", released, reasonOf(answers))
				continue
			}
			w.play.check(released == len(answers), tried+": t of them", "released: the time at which each guardian first saw the leaf counts where that is earlier", "%d of %d release; %s", released, len(answers), reasonOf(answers))
		}
	}
	return nil
}

// redate signs co-signature lines of a receipt again, with the guardians' own keys, another time in them.
func (w *wide) redate(receipt []byte, n int, off time.Duration) ([]byte, error) {
	proof, err := verify.ParseProof(receipt)
	if err != nil {
		return nil, err
	}
	text, lines, _ := strings.Cut(string(proof.Checkpoint), "\n\n")
	all := strings.SplitAfter(lines, "\n") // the log's, then one a guardian in their order, then ""
	for i := range n {
		line, err := w.city.cosignatureAt(i+1, text+"\n", time.Now().Add(off))
		if err != nil {
			return nil, err
		}
		all[1+i] = line
	}
	proof.Checkpoint = []byte(text + "\n\n" + strings.Join(all, ""))
	return proof.Marshal(), nil
}

// cosignatureAt is a line of C2SP tlog-cosignature (Ed25519) by a guardian's key at a time of ours.
func (c *city) cosignatureAt(i int, text string, at time.Time) (string, error) {
	skey, err := os.ReadFile(c.path("guardians", strconv.Itoa(i), "guardian.key"))
	if err != nil {
		return "", fmt.Errorf("taking guardian %d's key: %w", i, err)
	}
	key, err := protocol.SeedOf(string(skey))
	if err != nil {
		return "", err
	}
	signer, err := c.cosigner(i)
	if err != nil {
		return "", err
	}
	unix := uint64(at.Unix())
	signature := ed25519.Sign(key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", unix, text))
	raw := binary.BigEndian.AppendUint32(nil, signer.KeyHash())
	raw = append(binary.BigEndian.AppendUint64(raw, unix), signature...)
	return fmt.Sprintf("\u2014 %s %s\n", signer.Name(), base64.StdEncoding.EncodeToString(raw)), nil
}

// peersClock: peers whose clocks are off, played by the drill with their keys. One guardian is the real process.
func (w *wide) peersClock(ctx context.Context) error {
	h := w.hub
	told := h.group // where guardians are told that their peers are
	told.Guardians = slices.Clone(h.group.Guardians)
	var off [3]atomic.Int64 // milliseconds that each peer is ahead
	for i := range off {
		peer := h.group.Guardians[i+1]
		skey, err := os.ReadFile(w.city.path("guardians", strconv.Itoa(i+2), "guardian.key"))
		if err != nil {
			return fmt.Errorf("taking a guardian's key: %w", err)
		}
		key, err := protocol.SeedOf(string(skey))
		if err != nil {
			return err
		}
		url, end, err := w.play.listen(ctx, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/status" {
				http.NotFound(rw, r)
				return
			}
			nonce := r.URL.Query().Get("nonce")
			milli := time.Now().UnixMilli() + off[i].Load()
			msg := protocol.AppendLP(protocol.Label("clock"), []byte(peer.Name))
			msg = protocol.AppendLP(binary.BigEndian.AppendUint64(msg, uint64(milli)), []byte(nonce))
			json.NewEncoder(rw).Encode(map[string]any{"name": peer.Name, "time": milli, "signature": ed25519.Sign(key, msg)})
		}))
		if err != nil {
			return err
		}
		w.play.onEnd(end)
		told.Guardians[i+1].URL = url
	}
	h.told.Store(&told)
	hour := time.Hour.Milliseconds()
	for _, try := range []struct {
		tried string
		ahead [3]int64
		want  bool
		word  string
	}{
		{"three peers' clocks are right", [3]int64{}, true, ""},
		{"one peer of three is an hour ahead", [3]int64{hour, 0, 0}, true, ""},
		{"one peer of three is an hour behind", [3]int64{0, -hour, 0}, true, ""},
		{"all three are an hour ahead: the guardian itself is an hour behind", [3]int64{hour, hour, hour}, false, "clock"},
		{"all three are an hour behind: the guardian itself is an hour ahead", [3]int64{-hour, -hour, -hour}, false, "clock"},
		{"three peers' clocks are right again", [3]int64{}, true, ""},
	} {
		for i := range off {
			off[i].Store(try.ahead[i])
		}
		pause(ctx, clockPoll)
		x, err := w.plain(w.victims[0])
		if err != nil {
			return err
		}
		_, req, err := w.put(ctx, x)
		if err != nil {
			return err
		}
		answer, err := h.releaseBy(ctx, h.group.Guardians[0], req)
		if err != nil {
			return err
		}
		said := "released"
		if answer.Refusal != nil {
			said = answer.Refusal.Reason
		}
		held := try.want == (answer.Statement != nil) && (try.want || strings.Contains(said, try.word))
		want := "released"
		if !try.want {
			want = "refused: its clock is not the others'"
		}
		if strings.Contains(try.tried, "right") {
			w.play.control(held, "ask a guardian for a release while "+try.tried, want, "%s", said)
		} else {
			w.play.check(held, "ask a guardian for a release while "+try.tried, want, "%s", said)
		}
	}
	return nil
}
