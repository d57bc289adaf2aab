// Package published keeps what a city says in public of its models: the verdicts that auditors have signed, and the explanations that stand on
// record as published. The city's wiring calls it, and pages show what it holds.
//
// It promises: a file is kept durably before its act can be on record, and shown only once it is; what is shown is, byte for byte, what the act
// names; every time somebody asks, the law of that moment and the verdict decide again (policy.Publishable), so that an explanation is taken down by
// itself when its model's entry or its verdict ends, or is revoked. It decides nothing by itself and signs nothing. Threat: whoever writes to its
// folder (DIR/hub/explanations) can take files away, and show none that the record does not name: hashes and entries are held against the record at
// each use.
package published

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/policy"
	"tribune/protocol"
)

// Bounds of the folder.
const (
	maxEntries     = 4096
	maxVerdicts    = 1024
	maxWaiting     = 32
	maxWaitingEach = 8         // of one office
	waitFor        = time.Hour // a file that no act has named by then is forgotten
	maxEntry       = 64 << 10
)

// Config wires a Room; every field is required.
type Config struct {
	Dir string             // its folder
	Set func() *policy.Set // in force
	Now func() time.Time
}

// Room is safe for concurrent use.
type Room struct {
	cfg Config

	mu       sync.Mutex                  // guards what follows, and the folder
	entries  []Entry                     // in the order of the record; those not on record yet last
	waiting  map[string]tribune.OfficeID // whose the waiting files are, by their names; who had them wait before a start is not known
	verdicts []kept                      // one document of each verdict: whoever adds a signature to one has no new verdict
}

// kept is a signed verdict.
type kept struct {
	doc   []byte
	text  tribune.Hash // SHA-256 of what was signed
	until time.Time
}

// Entry is one explanation.
type Entry struct {
	Act      string          `json:"act"`
	Index    uint64          `json:"index"` // of its leaf, where it is on record
	OnRecord bool            `json:"onRecord"`
	Public   json.RawMessage `json:"public"` // as the leaf has it
	Since    uint64          `json:"since"`  // entries that the record had before
	Begun    time.Time       `json:"begun"`

	Publication protocol.Publication `json:"-"`
	Interrupted bool                 `json:"-"` // it was open when the room was opened: nobody in this process is at it
}

// Open reads the folder, and makes it where there is none.
func Open(cfg Config) (*Room, error) {
	r := &Room{cfg: cfg, waiting: map[string]tribune.OfficeID{}}
	for _, sub := range []string{"entries", "files", "verdicts", "waiting"} {
		if err := os.MkdirAll(r.path(sub), 0o700); err != nil {
			return nil, fmt.Errorf("opening the published explanations: %w", err)
		}
	}
	if err := errors.Join(r.each("entries", ".json", maxEntries, r.readEntry), r.each("verdicts", ".txt", maxVerdicts, r.readVerdict)); err != nil {
		return nil, fmt.Errorf("opening the published explanations: %w", err)
	}
	r.sort()
	return r, r.sweep()
}

func (r *Room) path(parts ...string) string {
	return filepath.Join(append([]string{r.cfg.Dir}, parts...)...)
}

func (r *Room) each(sub, ext string, most int, take func(data []byte, name string) error) error {
	list, err := os.ReadDir(r.path(sub))
	if err != nil {
		return err
	}
	if len(list) > 2*most {
		return fmt.Errorf("%w: %d files in %s", tribune.ErrTooLarge, len(list), sub)
	}
	for _, f := range list {
		name, ok := strings.CutSuffix(f.Name(), ext)
		if !ok {
			continue
		}
		data, err := bounded(r.path(sub, f.Name()), maxEntry)
		if err == nil {
			err = take(data, name)
		}
		if err != nil {
			return fmt.Errorf("%s/%s: %w", sub, f.Name(), err)
		}
	}
	return nil
}

func bounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", tribune.ErrTooLarge, info.Size(), most)
	}
	return os.ReadFile(path)
}

func (r *Room) readEntry(data []byte, name string) error {
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil || e.Act != name {
		return fmt.Errorf("%w: it is no entry of this act", tribune.ErrInvalid)
	}
	err := json.Unmarshal(e.Public, &e.Publication)
	if err == nil { // the leaf's one spelling: what was stored may have its <, > and & escaped
		e.Public, err = e.Publication.Encode()
	}
	e.Interrupted = !e.OnRecord
	r.entries = append(r.entries, e)
	return err
}

func (r *Room) readVerdict(data []byte, name string) error {
	if hash := sha256.Sum256(data); tribune.Hash(hash).String() != name {
		return fmt.Errorf("%w: it is not the document that its name says", tribune.ErrInvalid)
	}
	one, err := read(data)
	r.verdicts = append(r.verdicts, one)
	return err
}

// read takes a signed verdict apart. Whether its signature counts is asked of the law whenever it is shown.
func read(doc []byte) (kept, error) {
	text, _ := protocol.SplitDocument(doc)
	v, err := protocol.ParseVerdictText(text)
	if err != nil {
		return kept{}, err
	}
	hash, err := v.Hash()
	return kept{slices.Clone(doc), hash, time.Unix(v.Until, 0)}, err
}

func (r *Room) sort() {
	slices.SortFunc(r.entries, func(a, b Entry) int {
		switch {
		case a.OnRecord != b.OnRecord && a.OnRecord:
			return -1
		case a.OnRecord != b.OnRecord:
			return 1
		case a.Index != b.Index && a.Index < b.Index:
			return -1
		case a.Index != b.Index:
			return 1
		}
		return strings.Compare(a.Act, b.Act)
	})
}

// Begin keeps what an act is about to publish; since is how many entries the record has. It is shown once Done says so.
func (r *Room) Begin(act string, public []byte, file []byte, since uint64) error {
	p, err := protocol.DecodePublication(public)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at(act) >= 0 {
		return fmt.Errorf("%w: this act publishes already", tribune.ErrConflict)
	}
	if err := r.makeRoom(); err != nil {
		return err
	}
	e := Entry{Act: act, Public: public, Since: since, Begun: r.cfg.Now().UTC(), Publication: p}
	if err := durable.Write(r.path("files", p.File.String()), file); err != nil {
		return fmt.Errorf("keeping what is published: %w", err)
	}
	if err := r.write(e); err != nil {
		return err
	}
	r.entries = append(r.entries, e)
	return nil
}

func (r *Room) write(e Entry) error {
	data, err := protocol.JCS(e) // json.Marshal would spell the public part otherwise than the leaf does
	if err == nil {
		err = durable.Write(r.path("entries", e.Act+".json"), data)
	}
	if err != nil {
		return fmt.Errorf("keeping what is published: %w", err)
	}
	return nil
}

// Done notes that an act is on record.
func (r *Room) Done(act string, index uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.at(act)
	if i < 0 {
		return fmt.Errorf("%w: no explanation of this act", tribune.ErrNotFound)
	}
	r.entries[i].Index, r.entries[i].OnRecord = index, true
	err := errors.Join(r.write(r.entries[i]), r.unwait(r.entries[i].Publication.File.String()))
	r.sort()
	return err
}

// Drop forgets an act that surely is not on record. Its file stays where another act names it.
func (r *Room) Drop(act string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.at(act)
	if i < 0 || r.entries[i].OnRecord {
		return nil
	}
	return r.forget(i)
}

func (r *Room) at(act string) int {
	return slices.IndexFunc(r.entries, func(e Entry) bool { return e.Act == act })
}

// All entries, for whoever holds them against the record.
func (r *Room) All() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entries)
}

// Unsettled acts: those that a crash kept from being settled (Interrupted), or that are under way.
func (r *Room) Unsettled() (open []Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if !e.OnRecord {
			open = append(open, e)
		}
	}
	return open
}
