package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
	"tribune/verify"
)

// followMembers asks for the chain of groups, unless that was done a moment ago, and reports whether it did.
func (c *Copy) followMembers(ctx context.Context, every time.Duration) bool {
	now := c.cfg.Now()
	c.members.mu.Lock()
	due := now.Sub(c.members.asked) >= every
	if due {
		c.members.asked = now
	}
	c.members.mu.Unlock()
	if !due {
		return false
	}
	raw, err := c.get(ctx, c.hub.hub+"/group/chain", maxChainBody)
	if err != nil {
		return true // who does not show it is asked again; its checkpoints say the rest
	}
	if links, err := parseChain(raw); err != nil {
		c.members.say(BadChange, "The hub shows a chain of guardians that cannot be read.")
	} else {
		c.adopt(links, "the hub", true, now)
	}
	return true
}

func parseChain(raw []byte) (links [][]byte, err error) {
	var body chainBody
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, fmt.Errorf("%w: the chain of guardians: %w", tribune.ErrInvalid, err)
	}
	for _, l := range body.Links {
		links = append(links, l.Receipt)
	}
	return links, nil
}

// adopt follows a chain from the operator's trust file as far as it holds, and keeps what it has learnt. That it holds no further is
// told of a city, which answers for its chain; of others only that they know another group.
func (c *Copy) adopt(links [][]byte, from string, city bool, at time.Time) {
	eras, held, herr := follow(c.cfg.Trust, links, at)
	m := c.members
	m.mu.Lock()
	have := slices.Clone(m.eras)
	m.mu.Unlock()
	for _, e := range eras {
		if known := of(have, e.group.Epoch); known != nil && known.digest != e.digest {
			m.say(BadChange, fmt.Sprintf("Two groups of guardians are said to hold share epoch %d: the one followed here (%s), and another, shown by %s (%s). Both verify.", e.group.Epoch, known.digest, from, e.digest))
			return
		}
	}
	if herr != nil && city && len(links) > 0 {
		m.say(BadChange, fmt.Sprintf("%s shows a change of guardians that does not verify: %v.", strings.ToUpper(from[:1])+from[1:], herr))
	}
	all, fresh := extend(have, eras)
	c.settleEras(all, fresh, links[:held])
}

// of is the era of a share epoch; nil = none is known.
func of(eras []era, epoch uint32) *era {
	for i := range eras {
		if g := eras[i].group; g != nil && g.Epoch == epoch {
			return &eras[i]
		}
	}
	return nil
}

// extend puts what a chain shows before and behind the eras that are known. Groups that were only refreshed fit one trust file, so that a
// chain may begin later than another; it says nothing where the two do not meet. fresh are those that follow the newest known.
func extend(have, shown []era) (all, fresh []era) {
	switch {
	case len(shown) == 0:
		return have, nil
	case have[0].group == nil: // the operator's file alone, and this is its group
		return shown, shown[1:]
	}
	first, last := have[0].group.Epoch, have[len(have)-1].group.Epoch
	for _, e := range shown {
		switch {
		case e.group.Epoch < first && of(shown, first) != nil:
			all = append(all, e)
		case e.group.Epoch > last && of(shown, last) != nil:
			fresh = append(fresh, e)
		}
	}
	return slices.Concat(all, have, fresh), fresh
}

// settleEras makes what was followed the groups that count; links are those that led there.
func (c *Copy) settleEras(eras, fresh []era, links [][]byte) {
	m := c.members
	m.mu.Lock()
	more := len(links) > 0 && (len(fresh) > 0 || len(eras) > len(m.eras) || len(m.links) == 0)
	m.eras = eras
	if more {
		m.links = links
	}
	m.mu.Unlock()
	for _, e := range fresh {
		names := ""
		for _, g := range e.group.Guardians {
			names += " " + g.Name
		}
		m.say(Membership, fmt.Sprintf("The guardians have changed, and every link of the change verifies: share epoch %d, %d guardians of whom %d open and %d publish:%s.", e.group.Epoch, e.group.N, e.group.T, e.group.W, names))
		if e.emergency {
			m.say(EmergencyChange, fmt.Sprintf("The group of guardians of share epoch %d came without a quorum of the group before it: fewer than that were left, and all who were left have accepted it.", e.group.Epoch))
		}
	}
	c.reseat(eras)
	if more {
		c.keepChain(links)
	}
}

// reseat asks the newest group's guardians, and those no more who have left.
func (c *Copy) reseat(eras []era) {
	newest := eras[len(eras)-1].group
	if newest == nil || len(eras) == 1 {
		return
	}
	at := map[string]bool{}
	for _, g := range newest.Guardians {
		url := strings.TrimSuffix(g.URL, "/")
		if url == "" {
			url = strings.TrimSuffix(c.cfg.Names[g.Name], "/")
		}
		if at[url] = true; url != "" {
			c.also(url)
		}
	}
	left := map[string]bool{}
	for _, url := range c.cfg.Names {
		left[strings.TrimSuffix(url, "/")] = true
	}
	for _, e := range eras[:len(eras)-1] {
		if e.group != nil {
			for _, g := range e.group.Guardians {
				left[strings.TrimSuffix(g.URL, "/")] = true
			}
		}
	}
	for url := range left {
		if url != "" && !at[url] {
			c.forget(url)
		}
	}
}

// keepChain is for the next start; without it the chain is asked for again.
func (c *Copy) keepChain(links [][]byte) {
	var body chainBody
	for _, l := range links {
		body.Links = append(body.Links, chainLink{l})
	}
	raw, err := json.Marshal(body)
	if err == nil {
		err = durable.WritePublic(filepath.Join(c.cfg.Dir, chainFile), raw)
	}
	if f, ferr := c.cfg.Trust.Follow(links); err == nil && ferr == nil && f.TrustFile != "" {
		err = durable.WritePublic(filepath.Join(c.cfg.Dir, trustText), []byte(f.TrustFile))
	}
	if err != nil {
		c.members.say(BadChange, "The chain of guardians could not be kept; it is asked for again at the next start.")
	}
}

// recall follows the chain that was kept. One that does not start from the operator's file says nothing: the file may be newer.
func (c *Copy) recall() error {
	raw, err := readBounded(filepath.Join(c.cfg.Dir, chainFile), maxChainBody)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the chain of guardians: %w", err)
	}
	links, err := parseChain(raw)
	if err != nil {
		return err
	}
	if eras, held, _ := follow(c.cfg.Trust, links, time.Time{}); len(eras) > 0 {
		c.members.eras, c.members.links = eras, links[:held]
		c.reseat(eras)
		c.keepChain(links[:held]) // a crash may have come between its two files
	}
	return nil
}

// follow gives the groups of a chain from a trust file's own on, as far as it holds; how many of its links that takes, and why not more.
func follow(trust *verify.Trust, links [][]byte, at time.Time) (eras []era, held int, err error) {
	begun := 0 // links before it are from before this trust file, and are read once
	for i := range links {
		f, ferr := trust.Follow(links[begun : i+1])
		if ferr != nil {
			if len(eras) == 0 && i+1 < len(links) {
				begun = i + 1
				continue
			}
			return eras, held, ferr
		}
		e := era{trust: f.Trust, group: &f.Group, since: at, emergency: slices.Contains(f.Emergency, f.Group.Epoch)}
		if e.digest, err = protocol.GroupDigest(f.Group); err != nil {
			return eras, held, err
		}
		if p, perr := verify.ParseProof(links[i]); perr == nil {
			e.closed = p.Index
		}
		if len(eras) == 0 {
			e.since = time.Time{}
		}
		eras, held = append(eras, e), i+1
	}
	return eras, held, nil
}

// serveChain shows how the guardians followed each other, as the hub does.
func (c *Copy) serveChain(w http.ResponseWriter, _ *http.Request) {
	c.members.mu.Lock()
	body := chainBody{Links: []chainLink{}}
	for _, l := range c.members.links {
		body.Links = append(body.Links, chainLink{l})
	}
	c.members.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}
