package guardian

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/internal/guardian/ceremony"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

const (
	// releaseWindow is how long after its time an act may be released. It lives minutes: prepared for at most one,
	// published within seconds. A receipt replayed later, under however fresh a checkpoint, finds the door shut.
	releaseWindow = 5 * time.Minute
	// mirrorWait is how long a request waits for leaves that others hold already: w of n is enough to publish.
	mirrorWait = 3 * time.Second
	// maxReleaseBody: MaxIDs identities, MaxTags traces, evidence, a leaf and its proof.
	maxReleaseBody = 8 << 20
	// idsAtOnce is how many keys are computed before we look whether anybody still wants them.
	idsAtOnce = 256
)

// refusal is a check that failed. Its text is for the public: it quotes nothing of the private part, and names no person.
type refusal struct {
	reason string
	veto   bool
}

func (r *refusal) Error() string { return r.reason }

func refuse(format string, args ...any) error { return &refusal{reason: fmt.Sprintf(format, args...)} }

// release answers POST /release: always with our signature under the answer, be it yes or no.
func (g *Guardian) release(w http.ResponseWriter, r *http.Request, body []byte) {
	req, err := decodeRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := g.decide(r.Context(), req)
	var no *refusal
	switch {
	case err == nil:
		g.released.Add(1)
	case errors.As(err, &no):
		g.refused.Add(1)
		answer = protocol.Answer{Refusal: g.signRefusal(req, no)}
	default:
		http.Error(w, "this guardian cannot decide now", http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, answer)
}

func decodeRequest(body []byte) (protocol.Request, error) {
	var req protocol.Request
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		return req, fmt.Errorf("%w: the request cannot be read: %w", tribune.ErrInvalid, err)
	}
	if len(req.Traces) > protocol.MaxTags || len(req.Hidden) > protocol.MaxTags {
		return req, fmt.Errorf("%w: %d trace keys, %d of hidden chains", tribune.ErrTooLarge, len(req.Traces), len(req.Hidden))
	}
	return req, nil
}

func (g *Guardian) signRefusal(req protocol.Request, no *refusal) *protocol.Refusal {
	r := &protocol.Refusal{Guardian: g.self.name, Reason: no.reason, Veto: no.veto, Time: g.cfg.Now().Unix()}
	if len(r.Reason) > maxReason {
		r.Reason = r.Reason[:maxReason]
	}
	r.Reason = strings.ToValidUTF8(r.Reason, "") // JSON would mend it after it is signed
	if p, err := verify.ParseProof(req.Receipt); err == nil && p.Extra != nil {
		r.Leaf = protocol.LeafHash(p.Extra)
	}
	r.Sign(g.self.key)
	return r
}

// hearing is one request as far as it has been checked.
type hearing struct {
	req   protocol.Request
	keys  ceremony.Keys
	v     *verify.Verified
	now   time.Time
	at    time.Time // the act's own time
	onLog time.Time // leaf time, or earlier where we know it
	priv  protocol.Private
	set   *policy.Set
}

// decide makes all the checks of protocol 20 to 23, in that order, and then the answer of 24.
func (g *Guardian) decide(ctx context.Context, req protocol.Request) (protocol.Answer, error) {
	h := &hearing{req: req, now: g.cfg.Now()}
	var ok bool
	if h.keys, ok = g.ceremony.Shares(); !ok {
		return protocol.Answer{}, refuse("this guardian holds no share yet: %s", g.ceremony.State())
	}
	for _, check := range []func(context.Context, *hearing) error{
		g.onRecord, g.inTime, g.openedAsCommitted, g.lawInForce, g.appointed, g.mandated, g.withinCaps, g.decidedAlike,
		g.notVetoed, g.withinScope, g.permittedThen, g.everyUseMarked,
	} {
		if err := check(ctx, h); err != nil {
			return protocol.Answer{}, err
		}
	}
	return g.answer(ctx, h)
}

// answer computes our share of every key and seals it to the act's recipient.
func (g *Guardian) answer(ctx context.Context, h *hearing) (protocol.Answer, error) {
	if h.v.Leaf.Act.Kind == tribune.ActPublish {
		return protocol.Answer{Statement: g.statement(h)}, nil
	}
	share, err := ibe.NewSealShare(h.keys.Seal)
	if err != nil {
		return protocol.Answer{}, fmt.Errorf("reading our share: %w", err)
	}
	defer share.Wipe()
	var ids [][]byte
	for _, s := range h.priv.Subjects {
		for _, id := range s.IDs {
			ids = append(ids, id.Bytes(g.cfg.City))
		}
	}
	shares := make([]byte, 0, len(ids)*ibe.G1Size)
	defer func() { clear(shares) }()
	for some := range slices.Chunk(ids, idsAtOnce) {
		if err := ctx.Err(); err != nil {
			return protocol.Answer{}, err // the hub has gone, and all of them take seconds
		}
		parts, err := ibe.PartialKeys(share, some)
		if err != nil {
			return protocol.Answer{}, err
		}
		shares = append(shares, slices.Concat(parts...)...)
	}
	box, err := protocol.SealShares(h.v.Leaf.Act.Recipient, h.v.LeafHash, h.keys.Group.Epoch, shares)
	if err != nil {
		return protocol.Answer{}, refuse("the recipient's key cannot be used")
	}
	return protocol.Answer{Box: box, Statement: g.statement(h)}, nil
}

// statement is our public word on an act that passed all checks, and on the identities whose shares we gave for it.
func (g *Guardian) statement(h *hearing) *protocol.Statement {
	st := &protocol.Statement{Guardian: g.self.name, Leaf: h.v.LeafHash, IDs: protocol.HashIDs(g.cfg.City, h.priv.Subjects), Epoch: h.keys.Group.Epoch, Time: h.now.Unix()}
	st.Sign(g.self.key)
	return st
}
