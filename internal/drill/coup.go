package drill

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
)

// playCoup: every administrator of the hub (all its keys and disks), the steward, and t-1 guardians (their keys and shares) work
// together, with the council's and the officers' keys out of reach. No record that was sealed before may open, and nothing unseen. What
// the council could add is tried at the end and told as it is.
func playCoup(ctx context.Context, p *play) error {
	w, end, err := p.besieged(ctx)
	if err != nil {
		return err
	}
	c := &coup{wide: w}
	if err := c.join(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.ownShare, c.ownAct, c.looserLaw, c.floors, c.forgedAppointment, c.truncated, c.offRecord} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	end()
	return w.honest(ctx)
}

type coup struct {
	*wide
	keys   []ed25519.PrivateKey // of the t-1 guardians
	shares []shares
}

// shares is what a guardian's shares file holds.
type shares struct {
	SealShare []byte `json:"sealShare"`
	NameShare []byte `json:"nameShare"`
}

// join reads the folders of t-1 guardians.
func (c *coup) join() error {
	for i := range c.hub.group.T - 1 {
		skey, err := os.ReadFile(c.city.path("guardians", strconv.Itoa(i+1), "guardian.key"))
		if err != nil {
			return fmt.Errorf("taking a guardian's key: %w", err)
		}
		key, err := protocol.SeedOf(string(skey))
		if err != nil {
			return err
		}
		data, err := os.ReadFile(c.city.path("guardians", strconv.Itoa(i+1), "shares.json"))
		if err != nil {
			return fmt.Errorf("taking a guardian's shares: %w", err)
		}
		var s shares
		if err := json.Unmarshal(data, &s); err != nil || len(s.SealShare) == 0 {
			return fmt.Errorf("%w: a guardian's shares cannot be read: %w", errDrill, err)
		}
		c.keys, c.shares = append(c.keys, key), append(c.shares, s)
	}
	return nil
}

// partials are the keys of one identity as the stolen shares give them, without asking anybody.
func (c *coup) partials(id []byte) (parts []ibe.Partial, err error) {
	for i, s := range c.shares {
		share, err := ibe.NewSealShare(s.SealShare)
		if err != nil {
			return nil, err
		}
		d, err := ibe.PartialKey(share, id)
		if err != nil {
			return nil, err
		}
		parts = append(parts, ibe.Partial{Index: i + 1, Points: [][]byte{d}})
	}
	return parts, nil
}

// ownShare: t-1 shares, and every key in the copy, on every sealed header.
func (c *coup) ownShare(context.Context) error {
	group := c.hub.group
	master, err := ibe.NewMaster(group.Seal.Key)
	if err != nil {
		return err
	}
	secrets, err := c.theft.secrets()
	if err != nil {
		return err
	}
	headers := c.loot.headers[:min(len(c.loot.headers), maxHeaders)]
	opened, short := 0, 0
	var last error
	for _, h := range headers {
		id := h.id.Bytes(group.City)
		parts, err := c.partials(id)
		if err != nil {
			return err
		}
		if _, _, last = ibe.Combine(group.Seal.Key, group.Seal.Shares, group.T, [][]byte{id}, parts); last != nil {
			short++
		}
		// A share as if it were the key, and the same share under a second guardian's number.
		points := [][]byte{parts[0].Points[0]}
		twice := append(parts, ibe.Partial{Index: group.N, Points: parts[0].Points})
		if keys, _, err := ibe.Combine(group.Seal.Key, group.Seal.Shares, group.T, [][]byte{id}, twice); err == nil {
			points = append(points, keys[0])
		}
		found, err := tryHeaders(group.City, master, []header{h}, secrets, points)
		if err != nil {
			return err
		}
		opened += len(found)
	}
	c.play.times(len(headers), opened == 0 && short == len(headers), fmt.Sprintf("open what rests with %d of the guardians' shares, once given out twice, and every key of the hub", group.T-1), "no header opens", "%d open; combining says: %v", opened, last)
	return nil
}

// ownAct: an act that the coup signs itself, with the one honest share it needs asked for. All three honest guardians are asked.
func (c *coup) ownAct(ctx context.Context) error {
	return c.attempts(ctx, attack{"acts in an officer's name with the hub's key", "not signed with the key", func(_ *wide, x *wish) error {
		x.key = c.hubKey
		return nil
	}})
}

// attempts is tries, of the guardians that are not in the coup: those in it would release whatever they are asked.
func (c *coup) attempts(ctx context.Context, a attack) error {
	held, seen := true, ""
	for range lies {
		x, err := c.plain(c.victims[0])
		if err != nil {
			return err
		}
		if err := a.change(c.wide, x); err != nil {
			return err
		}
		leaf, answers, err := c.record(ctx, x)
		if err != nil {
			return err
		}
		no, said := c.refused(a.reason, answers, leaf)
		held, seen = held && no, said
		c.victims = append(c.victims[1:], c.victims[0])
	}
	c.play.times(lies, held, "the coup "+a.tried, "every honest guardian refuses, saying: "+a.reason+"; with t-1 shares nothing opens", "%s", seen)
	return nil
}

// looserLaw: the steward signs a law that permits everything. It would need t guardians and 72 hours.
func (c *coup) looserLaw(ctx context.Context) error {
	for _, try := range []struct {
		approved string
		by       func(tribune.Hash) []approval
	}{
		{"nobody", func(tribune.Hash) []approval { return nil }},
		{fmt.Sprintf("the %d guardian of the coup", len(c.keys)), c.approve},
		{"the guardian of the coup, twice", func(set tribune.Hash) []approval { return append(c.approve(set), c.approve(set)...) }},
		{"the guardian of the coup, and in another's name", func(set tribune.Hash) []approval {
			forged := c.approve(set)[0]
			forged.Guardian = c.hub.group.Guardians[c.hub.group.N-1].Name
			return append(c.approve(set), forged)
		}},
	} {
		set, err := c.enact(func(files map[string]string) {
			files["policies/coup.cedar"] = fmt.Sprintf("@id(\"coup\")\n@because(\"We say so, approved by %s.\")\n@until(\"2099-12-31\")\npermit (principal, action, resource);\n", try.approved)
		})
		if err != nil {
			return err
		}
		if err := c.publishSet(ctx, set, try.by(set)...); err != nil {
			return err
		}
		err = c.attempts(ctx, attack{"acts under a law that permits everything, signed by the steward, effective at once, approved by " + try.approved, "in force is", func(_ *wide, x *wish) error {
			x.decision.Set, x.decision.Policies = set, []string{"coup"}
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// approve signs a law with the keys of the coup's guardians.
func (c *coup) approve(set tribune.Hash) (all []approval) {
	for i, key := range c.keys {
		msg := append(protocol.Label("law"), set[:]...)
		all = append(all, approval{c.hub.group.Guardians[i].Name, ed25519.Sign(key, msg)})
	}
	return all
}

// floors: nobody changes what was pinned at the ceremony.
func (c *coup) floors(ctx context.Context) error {
	set, err := c.enact(func(files map[string]string) {
		files["floors.cedar"] = "@id(\"no-floor\")\n@because(\"We say so.\")\n@until(\"2099-12-31\")\nforbid (principal, action, resource) when { false };\n"
	})
	if err != nil {
		return err
	}
	if err := c.publishSet(ctx, set, c.approve(set)...); err != nil {
		return err
	}
	return c.attempts(ctx, attack{"acts under a law without the floors of the ceremony, signed by the steward", "in force is", func(_ *wide, x *wish) error {
		x.decision.Set = set
		return nil
	}})
}
