package drill

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tribune"
	"tribune/ibe"
	"tribune/internal/store"
	"tribune/protocol"
)

// headerControl: the same attack opens a header whose identity's key is at hand, and one whose KEK is.
func (b *breach) headerControl(secrets []secret) error {
	var scalar [ibe.ScalarSize]byte
	rand.Read(scalar[1:]) // below the group's order
	share, err := ibe.NewSealShare(scalar[:])
	if err != nil {
		return err
	}
	master, err := ibe.NewMaster(share.Public())
	if err != nil {
		return err
	}
	id := tribune.Identity{Kind: tribune.IdentitySubject, Class: "parking-session", Day: 1}
	d, err := ibe.PartialKey(share, id.Bytes(b.group.City))
	if err != nil {
		return err
	}
	dek := make([]byte, ibe.DEKSize)
	rand.Read(dek)
	box, err := master.Header(id.Bytes(b.group.City), dek)
	if err != nil {
		return err
	}
	a, err := gcm(secrets[0].key[:])
	if err != nil {
		return err
	}
	weak := append(bytes.Clone(box[:1+ibe.G2Size]), a.Seal(nil, make([]byte, 12), dek, append(protocol.Label("header"), id.Bytes(b.group.City)...))...)
	byPoint, err := tryHeaders(b.group.City, master, []header{{id, box}}, secrets, [][]byte{d})
	if err != nil {
		return err
	}
	byKey, err := tryHeaders(b.group.City, master, []header{{id, weak}}, secrets, nil)
	if err != nil {
		return err
	}
	b.play.control(len(byPoint) == 1 && len(byKey) == 1, "the same attack on a header whose point is at hand, and on one under a key file", "both open", "%d and %d", len(byPoint), len(byKey))
	return nil
}

// planted: the very same searches find what a careless hub would have left.
func (b *breach) planted(ctx context.Context) error {
	raw, coded, inStore, token := b.people[0], b.people[1], b.people[2], b.people[3]
	secrets, err := b.theft.secrets()
	if err != nil {
		return err
	}
	files := map[string]string{
		"planted.txt": "seen at the gate: " + raw.plate + "\n",
		"log/planted": base64.StdEncoding.EncodeToString([]byte("x" + coded.driver + " was here")),
		"planted.key": hex.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.theft.dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("planting: %w", err)
		}
	}
	weak, err := gcm(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		return err
	}
	nonce := make([]byte, 12)
	rand.Read(nonce)
	doc := append(append([]byte{15}, "parking-session"...), make([]byte, 24)...)
	doc = append(append(doc, 20), "2026-01-01T00:00:00Z"...)
	sealed := weak.Seal(nonce, nonce, []byte(`{"type":"Property","value":"to be opened by the planted key"}`), nil)
	doc = append(append(doc, byte(len(sealed))), sealed...)
	p := plantedToken(secrets[0], token.plate)
	for _, row := range []store.Pair{
		{Key: store.Key("twin", tribune.Place{}, "planted"), Value: []byte(`{"driver":"` + inStore.driver + `"}`)},
		{Key: store.Key("twin", tribune.Place{}, "planted", "x", string(p[:])), Value: []byte{}},
		{Key: store.Key("twin", tribune.Place{}, "planted", "sealed"), Value: doc},
	} {
		if err := b.theft.plant(ctx, row.Key, row.Value); err != nil {
			return fmt.Errorf("planting: %w", err)
		}
	}
	if err := b.theft.read(ctx); err != nil {
		return err
	}
	hits, _, err := b.theft.search(b.needles)
	if err != nil {
		return err
	}
	want := map[string]bool{raw.plate: true, coded.driver: true, inStore.driver: true}
	where := map[string]bool{}
	for _, h := range hits {
		delete(want, h.word)
		where[strings.Fields(h.where)[0]] = true
	}
	b.play.control(len(want) == 0 && where["file"] && where["store"], "plant a plate in a file, a driver in base64 in a file, a driver in the copied store; search again", "all three found", "%s", listed(hits))
	if secrets, err = b.theft.secrets(); err != nil {
		return err
	}
	var values []sealedValue
	for _, pair := range b.theft.pairs {
		values = append(values, sealedIn(pair.Value, sealedClasses)...)
	}
	opened, err := tryAll(secrets, values)
	if err != nil {
		return err
	}
	b.play.control(len(opened) == 1 && strings.Contains(opened[0], "planted.key"), "plant a value sealed under a key that lies in the copy; try all keys again", "that one opens", "%s", some(opened))
	found, _, err := b.theft.tokens().attack(b.group.City, []string{token.plate}, secrets)
	if err != nil {
		return err
	}
	b.play.control(len(found) > 0, "plant a pseudonym keyed by a key in the copy; guess again", "matched", "%s", some(found))
	return nil
}

// talk searches what hub and guardians wrote and what they answered to broken requests.
func (b *breach) talk(c *city, bodies [][]byte) error {
	var text []byte
	logs := []string{c.dir + ".log"}
	for i := range b.group.Guardians {
		logs = append(logs, c.path("guardians", strconv.Itoa(i+1), "guardian.log"))
	}
	for _, name := range logs {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading what the city wrote: %w", err)
		}
		text = append(text, data...)
	}
	hits := b.needles.find("log", text)
	b.play.check(len(hits) == 0, "search the logs of hub and guardians, every request logged", "nothing", "%s in %d bytes", listed(hits), len(text))
	hits = nil
	for i, body := range bodies {
		hits = append(hits, b.needles.find(fmt.Sprintf("answer %d", i+1), body)...)
	}
	b.play.check(len(hits) == 0, fmt.Sprintf("send %d requests that fail and name a person; search the answers", len(bodies)), "nothing", "%s", listed(hits))
	line := []byte(`level=INFO msg=request q="licensePlate==\"` + b.people[0].plate + `\""` + "\n")
	hits = b.needles.find("log", append(text, line...))
	b.play.control(bytes.Contains(text, []byte("entityOperations/query")) && len(hits) > 0, "search the log with a line of a careless hub added", "found", "%s", listed(hits))
	return nil
}
