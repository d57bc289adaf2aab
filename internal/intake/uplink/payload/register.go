package payload

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

// extension of a layout document's file, whose name is the device's id. It lies beside the device's own document, which is
// ID.toml.
const extension = ".payload"

// maxDocument bounds a signed layout document in bytes.
const maxDocument = 256 << 10

// Config says where layout documents rest and whose signature counts.
type Config struct {
	Dir     string // ID.payload, signed notes; a directory that is missing has none
	Steward string // note verifier key of the steward
}

// Register is the layouts of a city's network servers. It is safe for concurrent use.
type Register struct {
	cfg     Config
	steward note.Verifier

	mu   sync.RWMutex
	byID map[string]*Document // guarded by mu; the map is replaced, never changed
}

// New reads every layout document. One that is broken or unsigned is an error that names it.
func New(cfg Config) (*Register, error) {
	steward, err := note.NewVerifier(cfg.Steward)
	if err != nil {
		return nil, fmt.Errorf("register of payload layouts: the steward's key: %w: %w", tribune.ErrInvalid, err)
	}
	r := &Register{cfg: cfg, steward: steward}
	return r, r.Reload()
}

// Get returns the layouts of a device.
func (r *Register) Get(device string) (*Document, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	d, ok := r.byID[device]
	return d, ok
}

// Reload reads the directory again and puts it in force as a whole, or changes nothing.
func (r *Register) Reload() error {
	entries, err := os.ReadDir(r.cfg.Dir)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("reading payload layouts: %w", err)
	}
	byID := map[string]*Document{}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), extension)
		if !ok || e.IsDir() {
			continue
		}
		d, err := r.readFile(id)
		if err != nil {
			return fmt.Errorf("reading payload layouts: %s: %w", e.Name(), err)
		}
		byID[id] = d
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID = byID
	return nil
}

func (r *Register) readFile(id string) (*Document, error) {
	file, err := os.Open(filepath.Join(r.cfg.Dir, id+extension))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	signed, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(signed) > maxDocument {
		return nil, fmt.Errorf("more than %d bytes: %w", maxDocument, tribune.ErrTooLarge)
	}
	text, _, err := protocol.OpenDocument(signed, note.VerifierList(r.steward))
	if err != nil {
		return nil, tribune.Hint(err, "let %s sign it: tribune sign --key steward.key %s", r.steward.Name(), id+extension)
	}
	d, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if d.Device != id {
		return nil, tribune.Hint(fmt.Errorf("%w: it is of the device %.64q", tribune.ErrInvalid, d.Device), "name the file after the device, with the ending %s", extension)
	}
	d.Signed = signed
	return d, nil
}
