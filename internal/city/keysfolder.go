package city

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/policy"
)

// The folder of requests for browsers' keys.

func (d Dir) Requests() string { return d.path("hub", "requests") }

// wrapper keeps what rests from whoever has the disk without the epoch key; *vault.Vault is one.
type wrapper interface {
	Wrap(label string, data []byte) ([]byte, error)
	Unwrap(label string, wrapped []byte) ([]byte, error)
}

// keyRequest is the file ACTOR.sealed beside the text to sign, ACTOR.toml: JSON, wrapped.
type keyRequest struct {
	Owner  tribune.Hash     `json:"owner"` // SHA-256 of the session's subject
	For    web.PersonName   `json:"for"`   // zero for an officer
	Actor  tribune.ActorID  `json:"actor"`
	Office tribune.OfficeID `json:"office"`
	Key    []byte           `json:"key"`
	Until  time.Time        `json:"until"`
}

const (
	requestText   = ".toml"
	requestSealed = ".sealed"
)

func (b *browserKeys) appointment(actor tribune.ActorID) string {
	return filepath.Join(b.hub.cfg.Dir.Law(), policy.DirAppointments, string(actor)+".toml")
}

func (b *browserKeys) file(actor tribune.ActorID, extension string) string {
	return filepath.Join(b.hub.cfg.Dir.Requests(), string(actor)+extension)
}

// keep writes both files. Whose it is comes first: a crash must leave no text that nobody ever removes.
func (b *browserKeys) keep(q keyRequest, text string) error {
	w := b.wrapper()
	if w == nil {
		return errNoKeys
	}
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if data, err = w.Wrap(label(q.Actor), data); err != nil {
		return err
	}
	if err := os.MkdirAll(b.hub.cfg.Dir.Requests(), 0o700); err != nil {
		return err
	}
	if err := writeFile(b.file(q.Actor, requestSealed), data, 0o600); err != nil {
		return err
	}
	b.known[q.Actor] = q
	return writeFile(b.file(q.Actor, requestText), []byte(text), 0o600)
}

// text is the appointment that waits for the council's signature, "" where somebody has taken it away to sign it.
func (b *browserKeys) text(actor tribune.ActorID) (string, error) {
	text, err := os.ReadFile(b.file(actor, requestText))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// label binds a wrapped request to its file.
func label(actor tribune.ActorID) string { return "browser key " + string(actor) }

// read is every request, without those whose keys have ended: they are removed. Before the vault is open there are none, since
// nothing could be signed for either. b.mu is held.
func (b *browserKeys) read() ([]keyRequest, error) {
	if b.known == nil {
		w := b.wrapper()
		if w == nil {
			return nil, nil
		}
		if err := b.readFolder(w); err != nil {
			return nil, fmt.Errorf("reading requests: %w", err)
		}
	}
	var all []keyRequest
	for actor, q := range b.known {
		if b.hub.now().Before(q.Until) {
			all = append(all, q)
			continue
		}
		if err := b.forget(q); err != nil {
			return nil, fmt.Errorf("removing an ended request: %w", err)
		}
		delete(b.known, actor)
	}
	slices.SortFunc(all, func(x, y keyRequest) int { return strings.Compare(string(x.Actor), string(y.Actor)) })
	return all, nil
}

// readFolder reads what is there. One file that cannot be read, damaged or wrapped under another key, ends one person's key
// and not everyone's.
func (b *browserKeys) readFolder(w wrapper) error {
	entries, err := os.ReadDir(b.hub.cfg.Dir.Requests())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known := map[tribune.ActorID]keyRequest{}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), requestSealed)
		if !ok {
			continue
		}
		actor := tribune.ActorID(base)
		data, err := os.ReadFile(b.file(actor, requestSealed))
		if err == nil {
			data, err = w.Unwrap(label(actor), data)
		}
		var q keyRequest
		if err == nil {
			err = json.Unmarshal(data, &q)
		}
		if err != nil {
			b.hub.log.Warn("a request for a browser's key cannot be read", "actor", actor, "err", err)
			continue
		}
		known[actor] = q
	}
	b.known = known
	return nil
}

// forget removes the files of an ended key, its appointment too: else those of everyone who was ever here would fill the
// law's folder. An appointment that the council has made longer stays.
func (b *browserKeys) forget(q keyRequest) error {
	files := []string{b.file(q.Actor, requestText)}
	for _, a := range b.hub.gate.Appointments() {
		if a.Actor == q.Actor && string(a.Key) == string(q.Key) && !b.hub.now().Before(a.Until) {
			document := b.appointment(q.Actor)
			files = append(files, document, strings.TrimSuffix(document, ".toml")+".recorded.json")
		}
	}
	// The sealed file last: while it is there, the rest is removed again after a crash.
	for _, file := range append(files, b.file(q.Actor, requestSealed)) {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
