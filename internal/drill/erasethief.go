package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/protocol"
)

// afterErasure: nothing of the person is on the disk, and who comes with them today is not taken; the old copies still hold them.
func (e *erasureDrill) afterErasure(ctx context.Context) error {
	c, p := e.city, e.play
	now, err := steal(ctx, c.path("hub"), p.scratch("stolen-erased"))
	if err != nil {
		return err
	}
	n := naming(now, e.subject)
	p.check(n == 0, "after the erasure, search the whole copied store for the person's pseudonym, in clear keys and values", "nothing but that nothing of theirs is taken today", "%d rows", n)
	secrets, err := now.secrets()
	if err != nil {
		return err
	}
	u, err := now.unwrap(secrets)
	if err != nil {
		return err
	}
	left := 0
	for _, h := range u.headers {
		if h.id.Pseudonym == e.subject {
			left++
		}
	}
	for _, o := range u.openings {
		if bytes.Contains(o, []byte(e.subject.String())) {
			left++
		}
	}
	p.check(left == 0 && u.traces[e.subject] == nil, "unwrap the copy with the epoch key and search again", "no header, trace key or opening of theirs", "%d of theirs among %d headers and %d openings", left, len(u.headers), len(u.openings))
	err = c.park(ctx, sessionID(victimSession+100), e.victim)
	p.check(err != nil && strings.Contains(err.Error(), "erased today"), "a service reports the person again on the same day", "refused: guardians would open none of it", "%v", err)
	err = c.park(ctx, sessionID(livingSession+100), e.living)
	p.control(err == nil, "and somebody else", "taken", "%v", err)
	return e.tryHeaders("after the erasure and before the rotation, with a copy and the epoch key of before", e.headers(), 0)
}

// rotate replaces the epoch key under load.
func (e *erasureDrill) rotate(ctx context.Context) error {
	output, code, err := e.play.command(ctx, "erase", "rotate", "--dir", e.city.dir)
	if err != nil {
		return err
	}
	state, err := e.state(ctx, e.index)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(e.oldKey)
	if err != nil {
		return err
	}
	after, err := os.ReadFile(e.city.path("hub", "keys", "epoch.key"))
	if err != nil {
		return err
	}
	e.play.check(code == 0 && state == "final" && !bytes.Equal(before, after), "replace the epoch key under load: tribune erase rotate", "another key, and the erasure is final", "%s; state: %s", firstLine(output), state)
	inspector, err := e.city.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := e.city.ask(ctx, inspector, e.living.plate)
	if err != nil {
		return err
	}
	e.play.control(tells(a, sessionID(livingSession), e.living), "an inspector reads somebody who was not erased", "plate and driver in clear", "%s", shown(a))
	if a, err = e.city.ask(ctx, inspector, e.victim.plate); err != nil {
		return err
	}
	e.play.check(a.Status == http.StatusOK && !tells(a, sessionID(victimSession), e.victim) && !bytes.Contains(a.Body, []byte(e.victim.driver)), "and the erased person", "nothing, on record", "%s", shown(a))
	return nil
}

// afterRotation: a thief with the disk of now, the disk and backup of before, and the epoch key of now.
func (e *erasureDrill) afterRotation(ctx context.Context) error {
	p := e.play
	now, err := steal(ctx, e.city.path("hub"), p.scratch("stolen-rotated"))
	if err != nil {
		return err
	}
	secrets, err := now.secrets()
	if err != nil {
		return err
	}
	present, err := now.unwrap(secrets)
	if err != nil {
		return err
	}
	p.control(len(present.headers) > 0, "after the rotation, a thief unwraps the disk of now with the epoch key of now", "headers of the living", "%d headers, %d openings", len(present.headers), len(present.openings))
	if err := e.tryLiving(present); err != nil {
		return err
	}
	old, err := e.old.unwrap(secrets)
	if err != nil {
		return err
	}
	p.times(len(secrets), len(old.headers)+len(old.traces)+len(old.openings) == 0, "unwrap the disk of before with every key on the disk of now",
		"nothing, neither of the erased nor of the living: there is no header to try a guardian's key on", "%d headers, %d trace keys, %d openings", len(old.headers), len(old.traces), len(old.openings))
	key, err := os.ReadFile(e.oldKey)
	if err != nil {
		return err
	}
	found := func(t *theft) (names []string, err error) {
		err = t.files(func(name string, data []byte) error {
			if bytes.Contains(data, bytes.TrimSpace(key)) {
				names = append(names, name)
			}
			return nil
		})
		return names, err
	}
	gone, err := found(now)
	if err != nil {
		return err
	}
	there, err := found(e.old)
	if err != nil {
		return err
	}
	p.check(len(gone) == 0, "search every file of the disk of now for the old epoch key", "nowhere", "%v", gone)
	p.control(len(there) == 1, "the same in the disk of before", "in its file", "%v", there)
	return nil
}

// tryLiving shows that the same tools open a living person's header where the guardians' shares are stolen, too.
func (e *erasureDrill) tryLiving(u unwrapped) error {
	group, err := readGroup(e.city.path("hub", "group.json"))
	if err != nil {
		return err
	}
	master, err := ibe.NewMaster(group.Seal.Key)
	if err != nil {
		return err
	}
	h := u.headers[0]
	d, err := e.guardiansKey(group, h.id.Bytes(group.City))
	if err != nil {
		return err
	}
	with, err := tryHeaders(group.City, master, []header{h}, nil, [][]byte{d})
	if err != nil {
		return err
	}
	e.play.control(len(with) == 1, "with the shares of t guardians stolen besides, try a header of the living", "it opens", "%d of 1 opens", len(with))
	return nil
}

// restores: a backup from before is of no use to who has the present key, and says so; who kept the old one against the instruction has all.
func (e *erasureDrill) restores(ctx context.Context) error {
	p, keys := e.play, e.city.path("hub", "keys")
	restore := func(name, key string) (string, int, error) {
		return p.command(ctx, "restore", "--dir", p.scratch(name), "--from", e.archive, "--keys", keys, "--epoch-key", key)
	}
	output, code, err := restore("restored-now", filepath.Join(keys, "epoch.key"))
	if err != nil {
		return err
	}
	_, there := os.Stat(p.scratch("restored-now", "hub"))
	p.check(code != 0 && there != nil && strings.Contains(output, "the key given is another one"), "restore the backup of before with the epoch key of now", "refused, with the reason", "exit %d: %s", code, firstLine(output))
	output, code, err = restore("restored-old", e.oldKey)
	if err != nil {
		return err
	}
	p.control(code == 0, "the same with a copy of the old key that should have been destroyed", "it is restored: that copy undoes the erasure", "exit %d: %s", code, firstLine(output))
	after := p.scratch("after.tar")
	if output, code, err = p.command(ctx, "backup", "--dir", e.city.dir, "--out", after); err != nil || code != 0 {
		return fmt.Errorf("%w: backing up: exit %d: %s: %w", errDrill, code, output, err)
	}
	output, code, err = p.command(ctx, "restore", "--dir", p.scratch("restored-after"), "--from", after, "--keys", keys, "--epoch-key", filepath.Join(keys, "epoch.key"))
	if err != nil {
		return err
	}
	p.control(code == 0, "restore a backup of after the rotation with the epoch key of now", "it is restored", "exit %d: %s", code, firstLine(output))
	return nil
}

// headers are the victim's in the old copy.
func (e *erasureDrill) headers() (all []header) {
	for _, h := range e.loot.headers {
		if h.id.Pseudonym == e.subject {
			all = append(all, h)
		}
	}
	return all
}

// naming counts the rows of a copied store that name a subject, but the one that says that nothing of theirs is taken today.
func naming(t *theft, p tribune.Pseudonym) (n int) {
	for _, pair := range t.pairs {
		kind := ""
		if room, rest, _ := store.CutPart(pair.Key); room == "vault" {
			if _, rest, ok := store.CutPart(rest); ok && len(rest) > 2 {
				kind, _, _ = store.CutPart(rest[2:])
			}
		}
		if kind != "n" && (bytes.Contains(pair.Key, p[:]) || bytes.Contains(pair.Value, p[:])) {
			n++
		}
	}
	return n
}

// tryHeaders: without the guardians a header opens for nobody, with t of them (all their shares in the thief's hands) it does. want is how many.
func (e *erasureDrill) tryHeaders(when string, headers []header, want int) error {
	group, err := readGroup(e.city.path("hub", "group.json"))
	if err != nil {
		return err
	}
	master, err := ibe.NewMaster(group.Seal.Key)
	if err != nil {
		return err
	}
	alone, err := tryHeaders(group.City, master, headers, e.secrets, nil)
	if err != nil {
		return err
	}
	e.play.times(len(headers), len(alone) == want, when+", open the person's headers with every key in the copy", "none opens", "%d open", len(alone))
	d, err := e.guardiansKey(group, headers[0].id.Bytes(group.City))
	if err != nil {
		return err
	}
	with, err := tryHeaders(group.City, master, headers[:1], nil, [][]byte{d})
	if err != nil {
		return err
	}
	e.play.control(len(with) == 1, when+", the same with the shares of t guardians stolen besides", "it opens: only the guardians kept it shut", "%d of 1 opens", len(with))
	return nil
}

// guardiansKey is what t guardians together could make of any identity.
func (e *erasureDrill) guardiansKey(group protocol.Group, id []byte) ([]byte, error) {
	var parts []ibe.Partial
	for i := range group.T {
		data, err := os.ReadFile(e.city.path("guardians", strconv.Itoa(i+1), "shares.json"))
		if err != nil {
			return nil, fmt.Errorf("taking a guardian's shares: %w", err)
		}
		var held struct {
			SealShare []byte `json:"sealShare"`
		}
		if err := json.Unmarshal(data, &held); err != nil {
			return nil, fmt.Errorf("taking a guardian's shares: %w", err)
		}
		share, err := ibe.NewSealShare(held.SealShare)
		if err != nil {
			return nil, err
		}
		point, err := ibe.PartialKey(share, id)
		if err != nil {
			return nil, err
		}
		parts = append(parts, ibe.Partial{Index: i + 1, Points: [][]byte{point}})
	}
	keys, _, err := ibe.Combine(group.Seal.Key, group.Seal.Shares, group.T, [][]byte{id}, parts)
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}
