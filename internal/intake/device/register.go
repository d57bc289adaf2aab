package device

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// MaxDevices bounds a register: it is held in memory.
const MaxDevices = 100_000

// extension of a document's file, whose name is the device's id.
const extension = ".toml"

// Config says where the register rests and whose signature counts.
type Config struct {
	Dir     string           // documents, ID.toml; created where it is missing
	Steward string           // note verifier key of the steward
	City    string           // "" = documents that name a city are refused
	Now     func() time.Time // nil = time.Now
}

// Register is the devices of a city. It is safe for concurrent use.
type Register struct {
	cfg     Config
	steward note.Verifier
	nobody  tribune.Hash           // what the token of an unknown id is compared with: no token has this hash
	same    func(a, b []byte) bool // constant time

	write sync.Mutex // one Add or Reload at a time: it guards the files
	mu    sync.RWMutex
	byID  map[string]*Device // guarded by mu; for writing also write
}

// New reads every document. A file that is broken, unsigned or not named after its device is an error that names it.
func New(cfg Config) (*Register, error) {
	steward, err := note.NewVerifier(cfg.Steward)
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("register of devices: the steward's key: %w: %w", tribune.ErrInvalid, err), "a note verifier key looks like name+hash+base64")
	}
	if cfg.Dir == "" {
		return nil, fmt.Errorf("register of devices: no directory given: %w", tribune.ErrInvalid)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("register of devices: %w", err)
	}
	_, nobody := NewToken()
	r := &Register{cfg: cfg, steward: steward, nobody: nobody, same: sameHash, byID: map[string]*Device{}}
	if err := r.Reload(); err != nil {
		return nil, err
	}
	return r, nil
}

// Get returns a device, also one that has ended.
func (r *Register) Get(id string) (*Device, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	d, ok := r.byID[id]
	return d, ok
}

// List returns all devices by id, also those that have ended.
func (r *Register) List() []*Device {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]*Device, 0, len(r.byID))
	for _, id := range slices.Sorted(maps.Keys(r.byID)) {
		out = append(out, r.byID[id])
	}
	return out
}

// Add verifies a document, writes it durably and puts it in force. A document of a device that is registered already
// must begin later than the one it replaces, else it fails with tribune.ErrConflict: an old one cannot be played again.
func (r *Register) Add(signed []byte) (*Device, error) {
	r.write.Lock()
	defer r.write.Unlock()
	d, err := r.open(signed)
	if err != nil {
		return nil, fmt.Errorf("adding device: %w", err)
	}
	if err := r.replaces(d); err != nil {
		return nil, fmt.Errorf("adding device %s: %w", d.ID, err)
	}
	devices := maps.Clone(r.byID)
	devices[d.ID] = d
	if err := r.together(devices); err != nil {
		return nil, fmt.Errorf("adding device %s: %w", d.ID, err)
	}
	if err := durable.WritePublic(filepath.Join(r.cfg.Dir, d.ID+extension), signed); err != nil {
		return nil, fmt.Errorf("adding device %s: %w", d.ID, err)
	}
	r.enforce(devices)
	return d, nil
}

// replaces refuses a document that may not follow the one in force.
func (r *Register) replaces(d *Device) error {
	old, ok := r.byID[d.ID]
	if !ok {
		return nil
	}
	if !d.From.After(old.From) {
		return tribune.Hint(fmt.Errorf("it begins %s, the registered document %s: %w", d.From.Format(time.RFC3339), old.From.Format(time.RFC3339), tribune.ErrConflict),
			`a newer document begins later: give "from" as an instant, like %s`, r.cfg.Now().UTC().Format(time.RFC3339))
	}
	if now := r.cfg.Now(); old.InForce(now) && d.From.After(now) {
		return tribune.Hint(fmt.Errorf("%w: it begins %s and would leave the device without a document until then", tribune.ErrInvalid, d.From.Format(time.RFC3339)),
			"add it when it begins, or let it begin now")
	}
	return nil
}

// Reload reads the directory again and puts it in force as a whole, or changes nothing: a broken file, or one that is
// older than what is in force, is an error that names it. A device whose file is gone is withdrawn.
func (r *Register) Reload() error {
	r.write.Lock()
	defer r.write.Unlock()
	entries, err := os.ReadDir(r.cfg.Dir)
	if err != nil {
		return fmt.Errorf("reading the register of devices: %w", err)
	}
	devices := make(map[string]*Device)
	for _, e := range entries {
		id, isDocument := strings.CutSuffix(e.Name(), extension)
		if !isDocument || e.IsDir() {
			continue
		}
		d, err := r.readFile(id)
		if err != nil {
			return fmt.Errorf("reading the register of devices: %s: %w", e.Name(), err)
		}
		devices[d.ID] = d
	}
	if err := r.together(devices); err != nil {
		return fmt.Errorf("reading the register of devices: %w", err)
	}
	r.enforce(devices)
	return nil
}

func (r *Register) readFile(id string) (*Device, error) {
	path := filepath.Join(r.cfg.Dir, id+extension)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > protocol.MaxDocument {
		return nil, fmt.Errorf("%d bytes, at most %d: %w", info.Size(), protocol.MaxDocument, tribune.ErrTooLarge)
	}
	signed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := r.open(signed)
	if err != nil {
		return nil, err
	}
	if d.ID != id {
		return nil, tribune.Hint(fmt.Errorf("%w: it is the document of %s", tribune.ErrInvalid, d.ID), "name the file %s", d.ID+extension)
	}
	if old := r.byID[id]; old != nil {
		if d.From.Before(old.From) {
			return nil, tribune.Hint(fmt.Errorf("it begins %s, the document in force %s: %w", d.From.Format(time.RFC3339), old.From.Format(time.RFC3339), tribune.ErrConflict), "put the newer file back")
		}
		d.ledger = old.ledger
	}
	return d, nil
}

// open verifies and parses a document.
func (r *Register) open(signed []byte) (*Device, error) {
	text, _, err := protocol.OpenDocument(signed, note.VerifierList(r.steward))
	if err != nil {
		return nil, tribune.Hint(err, "let %s sign it", r.steward.Name())
	}
	doc, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if doc.city != "" && doc.city != r.cfg.City {
		return nil, fmt.Errorf("%w: it is of another city", tribune.ErrInvalid)
	}
	d := &Device{Document: doc, Signed: slices.Clone(signed), ledger: &ledger{}}
	if old := r.byID[d.ID]; old != nil {
		d.ledger = old.ledger
	}
	return d, nil
}

// together refuses two devices that could pass for each other.
func (r *Register) together(devices map[string]*Device) error {
	if len(devices) > MaxDevices {
		return fmt.Errorf("%d devices, at most %d: %w", len(devices), MaxDevices, tribune.ErrTooLarge)
	}
	owner := make(map[string]string, len(devices))
	for _, id := range slices.Sorted(maps.Keys(devices)) {
		d := devices[id]
		for _, key := range []string{"token " + d.TokenSHA256.String(), "key " + string(d.SigningKey)} {
			if other, taken := owner[key]; taken && key != "key " {
				return tribune.Hint(fmt.Errorf("%w: %s and %s have the same token or signing key", tribune.ErrInvalid, other, id), "give each device its own")
			}
			owner[key] = id
		}
	}
	return nil
}

// enforce puts devices in force; write is held.
func (r *Register) enforce(devices map[string]*Device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, old := range r.byID {
		if devices[id] == nil {
			old.newest.Store(nil)
		}
	}
	for _, d := range devices {
		d.newest.Store(d)
	}
	r.byID = devices
}
