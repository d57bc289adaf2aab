package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tribune/internal/client"
	"tribune/protocol"
	"tribune/verify"
)

// audit holds every entity against the ledger.
func (k *crash) audit(ctx context.Context) (broken []string, err error) {
	anyone, err := k.city.as("")
	if err != nil {
		return nil, err
	}
	for _, id := range k.ledger.entities() {
		current, err := currentValue(ctx, anyone, id)
		if err != nil {
			return nil, err
		}
		history, err := historyOf(ctx, anyone, id, k.ledger.windows(id))
		if err != nil {
			return nil, err
		}
		broken = append(broken, k.ledger.audit(id, current, history)...)
	}
	return broken, nil
}

func currentValue(ctx context.Context, as *client.Client, id string) (int64, error) {
	a, err := as.Do(ctx, http.MethodGet, entityURL(id)+"?options=keyValues", nil, nil)
	if err == nil {
		err = a.Error()
	}
	var e struct {
		Value int64 `json:"availableSpotNumber"`
	}
	if err == nil {
		err = json.Unmarshal(a.Body, &e)
	}
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", id, err)
	}
	return e.Value, nil
}

// historyOf reads a whole history, a window of observation time after the other.
func historyOf(ctx context.Context, as *client.Client, id string, bounds []string) (all []instance, err error) {
	for i := range len(bounds) - 1 {
		some, err := historyBetween(ctx, as, id, bounds[i], bounds[i+1])
		if err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", id, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func historyBetween(ctx context.Context, as *client.Client, id, from, until string) (all []instance, err error) {
	a, err := as.Do(ctx, http.MethodGet, fmt.Sprintf("/ngsi-ld/v1/temporal/entities/%s?attrs=%s&timerel=between&timeAt=%s&endTimeAt=%s", id, crashAttr, from, until), nil, nil)
	if err == nil && a.Status == http.StatusNotFound {
		return nil, nil // nothing of that time: whether there should be something, the ledger knows
	}
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return nil, err
	}
	var e struct {
		Values json.RawMessage `json:"availableSpotNumber"`
	}
	if err := json.Unmarshal(a.Body, &e); err != nil {
		return nil, err
	}
	type row struct {
		Value      int64     `json:"value"`
		ObservedAt time.Time `json:"observedAt"`
	}
	var rows []row
	if len(e.Values) > 0 && json.Unmarshal(e.Values, &rows) != nil {
		var one row // a single instance stands without its list
		if err := json.Unmarshal(e.Values, &one); err != nil {
			return nil, err
		}
		rows = []row{one}
	}
	for _, r := range rows {
		all = append(all, instance{r.Value, r.ObservedAt.UTC().Format(observed)})
	}
	return all, nil
}

// verdict is the last audit, of writes, acts and sealed sessions.
func (k *crash) verdict(ctx context.Context, worst time.Duration) error {
	c, p := k.city, k.city.play
	if err := c.proc.until(ctx, startFor, "the city to be ready", func() (bool, error) { return c.get(ctx, "/readyz") }); err != nil {
		return err
	}
	broken, err := k.audit(ctx)
	if err != nil {
		return err
	}
	all, acked := k.ledger.counts()
	p.check(len(broken) == 0 && acked > 100, fmt.Sprintf("%d times kill -9 under %d writers; hold the hub to the ledger after each restart and at the end", p.cfg.Kills, crashWriters),
		"every acknowledged write is there once, no other twice, the current value among the last", "%d of %d writes acknowledged, broken: %s; slowest restart %.1f s; other answers %v", acked, all, some(broken), worst.Seconds(), k.refused)
	p.control(k.ledger.wouldNotice(), "the same audit with a write left out of a history, one doubled, and an old current value", "each is found, and nothing in an honest history", "as wanted: %v", k.ledger.wouldNotice())
	if err := k.acts(ctx); err != nil {
		return err
	}
	return k.sealed(ctx)
}

// wouldNotice audits histories that break each promise in turn.
func (l *ledger) wouldNotice() bool {
	test := newLedger()
	var honest []instance
	for v := int64(1); v <= 3; v++ {
		test.end(true, test.begin("e", v, "t"))
		honest = append(honest, instance{v, "t"})
	}
	return len(test.audit("e", 3, honest)) == 0 && len(test.audit("e", 3, honest[1:])) == 1 &&
		len(test.audit("e", 3, append(honest, honest[0]))) == 1 && len(test.audit("e", 1, honest)) == 1
}

// acts: every receipt that was handed out verifies, and its act is in the log once.
func (k *crash) acts(ctx context.Context) error {
	c := k.city
	if err := settled(ctx); err != nil {
		return err
	}
	copied := c.play.scratch("log")
	if err := copyLog(c.path("hub", "log"), copied); err != nil {
		return err
	}
	leaves, err := c.leaves(ctx, copied)
	if err != nil {
		return err
	}
	trust, err := c.trust()
	if err != nil {
		return err
	}
	times := map[string]int{}
	for _, raw := range leaves {
		if l, err := protocol.DecodeLeaf(raw); err == nil {
			times[l.Act.ID]++
		}
	}
	var broken []string
	var last *verify.Verified
	for i, receipt := range k.receipts {
		proof, err := verify.ParseProof(receipt)
		if err != nil || proof.Index >= uint64(len(leaves)) {
			broken = append(broken, fmt.Sprintf("receipt %d: leaf %d of %d, %v", i, proof.Index, len(leaves), err))
			continue
		}
		v, err := trust.ReceiptOf(receipt, leaves[proof.Index])
		if err != nil {
			broken = append(broken, fmt.Sprintf("receipt %d: %v", i, err))
			continue
		}
		if n := times[v.Leaf.Act.ID]; n != 1 {
			broken = append(broken, fmt.Sprintf("receipt %d: its act is in the log %d times", i, n))
		}
		last = v
	}
	c.play.check(len(broken) == 0 && len(k.receipts) > 0, "hold the log to every receipt that was handed out", "each verifies against the log, each act once", "%d receipts, %d leaves, broken: %s", len(k.receipts), len(leaves), some(broken))
	if last != nil && last.Index > 0 {
		_, err := trust.ReceiptOf(k.receipts[len(k.receipts)-1], leaves[last.Index-1])
		c.play.control(err != nil, "the last receipt against another leaf", "refused", "%v", err)
	}
	return nil
}

// sealed: every acknowledged session still opens.
func (k *crash) sealed(ctx context.Context) error {
	inspector, err := k.city.as("inspector-ward")
	if err != nil {
		return err
	}
	opened := map[string]person{}
	for _, who := range k.people {
		for offset := 0; ; offset += 100 {
			a, err := inspector.Read(ctx, http.MethodPost, fmt.Sprintf("%s&offset=%d", queryPath, offset), plateQuery(who.plate))
			if err == nil {
				err = a.Error()
			}
			if err != nil {
				return fmt.Errorf("reading sessions after the crashes: %w", err)
			}
			var list []struct{ ID, LicensePlate, Driver string }
			if err := json.Unmarshal(a.Body, &list); err != nil {
				return fmt.Errorf("reading sessions after the crashes: %w", err)
			}
			for _, s := range list {
				opened[s.ID] = person{s.LicensePlate, s.Driver}
			}
			if len(list) < 100 {
				break
			}
		}
	}
	var broken []string
	for id, who := range k.sessions {
		if opened[id] != who {
			broken = append(broken, id+" does not open")
		}
	}
	k.city.play.check(len(broken) == 0 && len(k.sessions) > 0, "have an inspector read every parking session that was acknowledged", "each opens: no data key was lost with the hub's memory", "%d sessions, broken: %s", len(k.sessions), some(broken))
	return nil
}
