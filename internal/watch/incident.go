package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"tribune"
	"tribune/internal/durable"
)

// Bounds of what is kept, so that a hub that does wrong a million times does not fill the watcher's disk.
const (
	maxOfKind  = 200
	maxTotal   = 4000
	maxText    = 2000
	maxIDBytes = 8
	bookFile   = "incidents.json"
	maxBook    = 64 << 20
)

// Incident is something that was found, or for Notice something to know of.
type Incident struct {
	ID       string    `json:"id"` // stands for kind, subject and, of a state, when it began
	Kind     Kind      `json:"kind"`
	Severity Severity  `json:"severity"`
	Subject  string    `json:"subject"` // which leaf, guardian, office: one incident each
	Text     string    `json:"text"`    // one plain sentence or two
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Resolved time.Time `json:"resolved,omitzero"`
	Note     string    `json:"note,omitempty"` // by whom it was resolved, and why
	Evidence bool      `json:"evidence"`       // evidence/ID.json is there

	Logged    bool `json:"logged,omitempty"` // it stands in the watcher's log
	LoggedEnd bool `json:"loggedEnd,omitempty"`
	Told      bool `json:"told,omitempty"` // the hook has heard of it
	ToldEnd   bool `json:"toldEnd,omitempty"`
}

// Open reports whether an incident is one and stands.
func (i Incident) Open() bool { return i.Resolved.IsZero() && i.Severity != Notice }

// Book is the durable list of incidents. It is safe for concurrent use.
type Book struct {
	dir string
	now func() time.Time

	mu    sync.Mutex // guards the rest
	all   []Incident
	more  map[Kind]uint64 // counted beyond maxOfKind
	dirty bool
}

// OpenBook reads the book of a folder.
func OpenBook(dir string, now func() time.Time) (*Book, error) {
	b := &Book{dir: dir, now: now, more: map[Kind]uint64{}}
	if err := os.MkdirAll(filepath.Join(dir, "evidence"), 0o755); err != nil {
		return nil, fmt.Errorf("opening the incidents: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, bookFile))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &b.all)
	}
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("opening the incidents: %w", err), "%s cannot be read. Move it away to begin a new list; keep it.", filepath.Join(dir, bookFile))
	}
	return b, nil
}

// report notes that something is so. What is known already is not repeated: a fact stays one incident for ever, a state one until it
// has ended. evidence is asked for once, where the incident is new.
func (b *Book) report(k Kind, subject, text string, evidence func() *Evidence) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, now := k.about(), b.now().UTC().Truncate(time.Millisecond)
	text = clean(text)
	for i := range b.all {
		in := &b.all[i]
		if in.Kind == k && in.Subject == subject && (!a.passes || in.Resolved.IsZero()) {
			if a.passes && in.Text != text {
				in.Text, b.dirty = text, true
			}
			if a.passes && now.Sub(in.Last) > time.Minute { // not a write a round
				in.Last, b.dirty = now, true
			}
			return
		}
	}
	if b.full(k) {
		b.overflow(k, now)
		return
	}
	in := Incident{Kind: k, Severity: a.severity, Subject: subject, Text: text, First: now, Last: now}
	episode := ""
	if a.passes {
		episode = now.Format(time.RFC3339Nano)
	}
	sum := sha256.Sum256([]byte(string(k) + "\x00" + subject + "\x00" + episode))
	in.ID = hex.EncodeToString(sum[:maxIDBytes])
	if evidence != nil {
		if e := evidence(); e != nil {
			e.ID, e.Kind, e.Text, e.At = in.ID, k, in.Text, now
			in.Evidence = b.keep(in.ID, e) == nil
		}
	}
	b.all, b.dirty = append(b.all, in), true
}

func (b *Book) full(k Kind) bool {
	n := 0
	for _, in := range b.all {
		if in.Kind == k {
			n++
		}
	}
	return n >= maxOfKind || len(b.all) >= maxTotal
}

// overflow counts what is not kept one by one.
func (b *Book) overflow(k Kind, now time.Time) {
	b.more[k]++
	subject := string(k)
	text := fmt.Sprintf("There are more than %d incidents of the kind %s; further ones are not listed.", maxOfKind, k)
	if k == Flood || slices.ContainsFunc(b.all, func(in Incident) bool { return in.Kind == Flood && in.Subject == subject }) {
		return
	}
	sum := sha256.Sum256([]byte(string(Flood) + "\x00" + subject))
	b.all = append(b.all, Incident{ID: hex.EncodeToString(sum[:maxIDBytes]), Kind: Flood, Severity: Warning, Subject: subject, Text: text, First: now, Last: now})
	b.dirty = true
}

// settle notes that a state has ended.
func (b *Book) settle(k Kind, subject string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.all {
		in := &b.all[i]
		if in.Kind == k && in.Subject == subject && in.Resolved.IsZero() {
			in.Resolved, in.Note, b.dirty = b.now().UTC().Truncate(time.Millisecond), "It is over, as the watcher sees.", true
		}
	}
}

// Resolve is the operator's word that an incident is explained.
func (b *Book) Resolve(id, note string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.all {
		if in := &b.all[i]; in.ID == id {
			if !in.Resolved.IsZero() {
				return fmt.Errorf("%w: incident %s was resolved %s", tribune.ErrConflict, id, in.Resolved.Format(time.RFC3339))
			}
			in.Resolved, in.Note, b.dirty = b.now().UTC().Truncate(time.Millisecond), clean(note), true
			return nil
		}
	}
	return fmt.Errorf("%w: there is no incident %q", tribune.ErrNotFound, id)
}

// keep stores evidence before the incident is on the list.
func (b *Book) keep(id string, e *Evidence) error {
	raw, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return err
	}
	return durable.WritePublic(filepath.Join(b.dir, "evidence", id+".json"), append(raw, '\n'))
}

// save writes what has changed; told reports whether anything had.
func (b *Book) save() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		return nil
	}
	raw, err := json.MarshalIndent(b.all, "", " ")
	if err == nil {
		err = durable.WritePublic(filepath.Join(b.dir, bookFile), append(raw, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keeping the incidents: %w", err)
	}
	b.dirty = false
	return nil
}

// All are the incidents and notices, the newest first.
func (b *Book) All() []Incident {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.all)
	slices.SortStableFunc(all, func(x, y Incident) int { return y.First.Compare(x.First) })
	return all
}

// Open are the incidents that stand.
func (b *Book) Open() []Incident {
	return slices.DeleteFunc(b.All(), func(i Incident) bool { return !i.Open() })
}

// clean makes a text of one line that is fit for a terminal, a feed and a mail: parts of it come from whom we do not trust.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return s
}

// Resolve marks an incident as explained in the folder of a watcher that does not run.
func Resolve(dir, id, note string) error {
	if _, err := os.Stat(filepath.Join(dir, bookFile)); err != nil {
		return fmt.Errorf("opening the incidents: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return fmt.Errorf("opening the watcher's folder: %w", err)
	}
	defer unlock()
	b, err := OpenBook(dir, time.Now)
	if err != nil {
		return err
	}
	if err := b.Resolve(id, note); err != nil {
		return err
	}
	return b.save()
}
