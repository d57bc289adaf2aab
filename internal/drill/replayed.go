package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tribune/internal/client"
	"tribune/protocol"
)

// replays is how often each is shown again.
const replays = 5

// playReplayed shows again what was good once: an officer's signature to the hub, a receipt and a request to the guardians.
func playReplayed(ctx context.Context, p *play) error {
	w, end, err := p.besieged(ctx, p.signedOnce)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{w.sameRequest, w.sameLeaf, w.otherOpening, w.sameHeader} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, a := range []attack{
		{"shows a receipt again under a recipient of its own", "receipt does not verify", func(_ *wide, x *wish) error {
			thief, err := protocol.NewRecipient()
			x.sent = func(r *protocol.Request) {
				old := fmt.Sprintf("%q", base64Of(x.act.Recipient))
				r.Receipt = swapExtra(r.Receipt, func(leaf []byte) []byte {
					return bytes.Replace(leaf, []byte(old), []byte(fmt.Sprintf("%q", base64Of(thief.Public()))), 1)
				})
			}
			return err
		}},
		{"shows, under a fresh checkpoint, an act of six minutes ago that was never asked for", "older than", func(_ *wide, x *wish) error {
			x.act.Time = protocol.Time(time.Now().Add(-6 * time.Minute))
			return nil
		}},
	} {
		if err := w.tries(ctx, lies, a); err != nil {
			return err
		}
	}
	end()
	return w.honest(ctx)
}

// tape is a transport that remembers the last request, as somebody on the way could.
type tape struct {
	next http.RoundTripper
	last *http.Request
	body []byte
}

// RoundTrip sends a request on.
func (t *tape) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	t.last, t.body = r.Clone(context.WithoutCancel(r.Context())), body
	r.Body = io.NopCloser(bytes.NewReader(body))
	return t.next.RoundTrip(r)
}

// again sends the last request once more.
func (t *tape) again() (*http.Response, error) {
	r := t.last.Clone(t.last.Context())
	r.Body = io.NopCloser(bytes.NewReader(t.body))
	return t.next.RoundTrip(r)
}

// signedOnce: an act that an officer has signed is good for one answer.
func (p *play) signedOnce(ctx context.Context, c *city, inspector *client.Client, people []person) error {
	for _, what := range []struct {
		tried string
		do    func(*client.Client) (*client.Answer, error)
	}{
		{"the signed request of a reading", func(as *client.Client) (*client.Answer, error) { return c.ask(ctx, as, people[1].plate) }},
		{"the signed request of an act of power", func(as *client.Client) (*client.Answer, error) { return as.Exercise(ctx, "drill: once") }},
	} {
		t := &tape{next: http.DefaultTransport}
		as := *inspector
		as.HTTP = &http.Client{Transport: t, Timeout: callFor}
		first, err := what.do(&as)
		if err != nil {
			return err
		}
		p.control(first.Problem == nil, "send "+what.tried+" to the hub", "it is answered", "%s", shown(first))
		good, said := 0, ""
		for range replays {
			res, err := t.again()
			if err != nil {
				return fmt.Errorf("sending a request again: %w", err)
			}
			body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
			res.Body.Close()
			if err != nil {
				return fmt.Errorf("sending a request again: %w", err)
			}
			var problem client.Problem
			json.Unmarshal(body, &problem)
			if res.StatusCode < 300 {
				good++
			}
			said = strings.TrimSpace(fmt.Sprintf("%d %s: %s", res.StatusCode, problem.Title, problem.Detail))
		}
		p.times(replays, good == 0, "send "+what.tried+" to the hub again", "refused", "%d answered; %s", good, said)
	}
	return nil
}

// sameRequest: a release may be asked for again within minutes; what comes is sealed to the same recipient, for whom alone it is.
func (w *wide) sameRequest(ctx context.Context) error {
	p := w.victims[0]
	x, err := w.plain(p)
	if err != nil {
		return err
	}
	leaf, req, err := w.put(ctx, x)
	if err != nil {
		return err
	}
	thief, err := protocol.NewRecipient()
	if err != nil {
		return err
	}
	byThief, byOwner := 0, 0
	for range replays {
		answers, err := w.hub.release(ctx, req)
		if err != nil {
			return err
		}
		for _, a := range answers {
			if a.Statement == nil {
				continue
			}
			if _, err := thief.OpenShares(a.Box, leaf, w.hub.group.Epoch); err == nil {
				byThief++
			}
			if _, err := x.recipient.OpenShares(a.Box, leaf, w.hub.group.Epoch); err == nil {
				byOwner++
			}
		}
	}
	w.play.times(replays, byThief == 0, "show a whole request to all guardians again, within minutes, and open the answers with another key", "no box opens", "%d open", byThief)
	w.play.control(byOwner == replays*w.hub.group.N, "the same boxes with the act's own recipient key", "all open: asking again gives nobody else anything", "%d of %d", byOwner, replays*w.hub.group.N)
	return nil
}

// sameLeaf: a leaf that is put on record a second time releases nothing there.
func (w *wide) sameLeaf(ctx context.Context) error {
	held, seen := true, ""
	for range lies {
		x, err := w.plain(w.victims[0])
		if err != nil {
			return err
		}
		raw, req, err := w.sealed(x)
		if err != nil {
			return err
		}
		for range 2 {
			if err := w.hub.append(raw); err != nil {
				return err
			}
			if req.Receipt, err = w.hub.publish(ctx, x.signatures); err != nil {
				return err
			}
		}
		answers, err := w.hub.release(ctx, req) // the receipt is of the second place
		if err != nil {
			return err
		}
		no, said := w.refused("marked before", answers, protocol.LeafHash(raw))
		held, seen = held && no, said
		w.victims = append(w.victims[1:], w.victims[0])
	}
	w.play.times(lies, held, "put one act on record twice and ask with the second receipt", "four signed refusals that say: marked before", "%s", seen)
	return nil
}

// otherOpening: the receipt of one act with what another commits to.
func (w *wide) otherOpening(ctx context.Context) error {
	one, err := w.plain(w.victims[0])
	if err != nil {
		return err
	}
	_, first, err := w.put(ctx, one)
	if err != nil {
		return err
	}
	other, err := w.plain(w.victims[1])
	if err != nil {
		return err
	}
	leaf, second, err := w.put(ctx, other)
	if err != nil {
		return err
	}
	second.Private, second.Salt, second.Traces = first.Private, first.Salt, first.Traces
	answers, err := w.hub.release(ctx, second)
	if err != nil {
		return err
	}
	held, seen := w.refused("do not fit the leaf", answers, leaf)
	w.play.check(held, "show the receipt of one act with the private part of another", "four signed refusals that say: do not fit the leaf", "%s", seen)
	return nil
}

// sameHeader: the hub's signature over a request is good for that request and for a minute.
func (w *wide) sameHeader(ctx context.Context) error {
	body, other, url := []byte(`{"points":[]}`), []byte(`{"points":[""]}`), w.hub.group.Guardians[0].URL
	now := time.Now()
	var seen []string
	held := true
	for _, try := range []struct {
		path, signedPath string
		body             []byte
		at               time.Time
	}{
		{"/name", "/name", body, now.Add(-2 * time.Minute)}, {"/name", "/name", body, now.Add(2 * time.Minute)},
		{"/release", "/name", body, now}, {"/name", "/name", other, now},
	} {
		status, answer, err := w.hub.keyed(ctx, url, try.path, try.signedPath, try.body, body, try.at)
		if err != nil {
			return err
		}
		held = held && status == http.StatusUnauthorized
		seen = append(seen, fmt.Sprintf("%d %s", status, bytes.TrimSpace(answer)))
	}
	w.play.times(len(seen), held, "send a guardian a header of the hub's again: two minutes later, two minutes early, for another path, over another body", "401 each", "%s", strings.Join(seen, "; "))
	status, answer, err := w.hub.keyed(ctx, url, "/name", "/name", body, body, now)
	if err != nil {
		return err
	}
	w.play.control(status == http.StatusBadRequest, "the same header where it belongs", "read, and the empty request refused: 400", "%d %s", status, bytes.TrimSpace(answer))
	return nil
}

// swapExtra alters the leaf in a receipt.
func swapExtra(receipt []byte, change func(leaf []byte) []byte) []byte {
	head, rest, _ := strings.Cut(string(receipt), "extra ")
	line, rest, _ := strings.Cut(rest, "\n")
	return []byte(head + "extra " + base64Of(change(fromBase64(line))) + "\n" + rest)
}
