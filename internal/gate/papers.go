package gate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// Bounds of the folder.
const (
	maxDocuments = 10_000 // mandates, and appointments
	recordedExt  = ".recorded.json"
)

// Appointment is one appointment and where it stands in the record.
type Appointment struct {
	policy.Appointment
	Document []byte // the signed note, as committed to in the record
	Recorded bool
	Index    uint64 // of its leaf
	Salt     []byte // opens the leaf's commitment
}

// recorded is the file ACTOR.recorded.json. Document ties it to one version of the appointment: a renewed appointment
// has to be put on record again.
type recorded struct {
	Document tribune.Hash `json:"document"` // SHA-256
	Index    uint64       `json:"index"`
	Salt     []byte       `json:"salt"`
}

func readPapers(cfg Config) (*papers, error) {
	files, err := policy.ReadFiles(cfg.Dir)
	if err != nil {
		return nil, err
	}
	p := &papers{mandates: map[tribune.MandateID][]byte{}, appointments: map[tribune.ActorID]*Appointment{}}
	p.proposed, p.broken = policy.Load(files, cfg.Trust)
	if err := p.readMandates(filepath.Join(cfg.Dir, policy.DirMandates)); err != nil {
		return nil, err
	}
	if err := p.readAppointments(filepath.Join(cfg.Dir, policy.DirAppointments), cfg.Trust); err != nil {
		return nil, err
	}
	p.tokens, err = readTokens(filepath.Join(cfg.Dir, tokensFile))
	return p, err
}

// documents yields the signed documents of a folder by their file's base name.
func documents(folder string, each func(base string, doc []byte) error) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 2*maxDocuments {
		return fmt.Errorf("%s holds %d files, at most %d: %w", filepath.Base(folder), len(entries), 2*maxDocuments, tribune.ErrTooLarge)
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".toml")
		if !ok {
			continue
		}
		doc, err := readFile(filepath.Join(folder, e.Name()), policy.MaxEvidence)
		if err != nil {
			return err
		}
		if err := each(base, doc); err != nil {
			return fmt.Errorf("%s/%s: %w", filepath.Base(folder), e.Name(), err)
		}
	}
	return nil
}

// readMandates takes every mandate that can be read, signed or not: a mandate with a wrong signature has to be denied
// by name, in a decision on record, and not to vanish.
func (p *papers) readMandates(folder string) error {
	return documents(folder, func(base string, doc []byte) error {
		text, _ := protocol.SplitDocument(doc)
		m, bad := policy.MandateText(base+".toml", text)
		if len(bad) > 0 {
			return checkHint(bad)
		}
		if string(m.ID) != base {
			return checkHint(fmt.Errorf("%w: it is mandate %s", tribune.ErrInvalid, m.ID))
		}
		p.mandates[m.ID] = doc
		return nil
	})
}

// readAppointments takes only what the council has signed: an appointment registers a key.
func (p *papers) readAppointments(folder string, trust policy.Trust) error {
	return documents(folder, func(base string, doc []byte) error {
		parsed, err := p.open(doc, trust)
		if err != nil {
			return checkHint(err)
		}
		if string(parsed.Actor) != base {
			return checkHint(fmt.Errorf("%w: it appoints another actor", tribune.ErrInvalid))
		}
		a := &Appointment{Appointment: parsed, Document: doc}
		if err := a.readRecorded(filepath.Join(folder, base+recordedExt)); err != nil {
			return err
		}
		p.appointments[parsed.Actor] = a
		return nil
	})
}

func (p *papers) open(doc []byte, trust policy.Trust) (policy.Appointment, error) {
	if trust.Council == "" && p.proposed != nil {
		return p.proposed.Appointment(doc)
	}
	return policy.OpenAppointment(doc, trust)
}

func (a *Appointment) readRecorded(file string) error {
	data, err := readFile(file, policy.MaxEvidence)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%w: %s: %w", tribune.ErrInvalid, filepath.Base(file), err)
	}
	if r.Document == sha256.Sum256(a.Document) && len(r.Salt) == protocol.SaltSize {
		a.Recorded, a.Index, a.Salt = true, r.Index, r.Salt
	}
	return nil
}

// Appointments lists all appointments by actor; those not Recorded are to be put on record (DecideAppoint, SetAppointed).
func (g *Gate) Appointments() []Appointment {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var list []Appointment
	for _, actor := range slices.Sorted(maps.Keys(g.pad.appointments)) {
		list = append(list, *g.pad.appointments[actor])
	}
	return list
}

// Mandates lists the mandates that verify under the set in force, in force or not, by id.
func (g *Gate) Mandates() []tribune.Mandate {
	g.mu.RLock()
	set, pad := g.set, g.pad
	g.mu.RUnlock()
	var list []tribune.Mandate
	for _, id := range slices.Sorted(maps.Keys(pad.mandates)) {
		if m, err := set.Mandate(pad.mandates[id]); err == nil {
			list = append(list, m)
		}
	}
	return list
}

// SetAppointed notes where in the record the actor's present appointment stands. It is durable when it returns.
func (g *Gate) SetAppointed(actor tribune.ActorID, index uint64, salt []byte) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	g.mu.RLock()
	old := g.pad.appointments[actor]
	g.mu.RUnlock()
	if old == nil || len(salt) != protocol.SaltSize {
		return fmt.Errorf("noting an appointment on record: no such appointment, or a salt of %d bytes: %w", len(salt), tribune.ErrInvalid)
	}
	data, err := json.Marshal(recorded{Document: sha256.Sum256(old.Document), Index: index, Salt: salt})
	if err != nil {
		return fmt.Errorf("noting an appointment on record: %w", err)
	}
	if err := writeFile(filepath.Join(g.cfg.Dir, policy.DirAppointments, string(actor)+recordedExt), data); err != nil {
		return fmt.Errorf("noting an appointment on record: %w", err)
	}
	now := *old
	now.Recorded, now.Index, now.Salt = true, index, slices.Clone(salt)
	g.mu.Lock()
	defer g.mu.Unlock()
	pad := *g.pad
	pad.appointments = maps.Clone(pad.appointments)
	pad.appointments[actor] = &now
	g.pad = &pad
	return nil
}

func checkHint(err error) error {
	return tribune.Hint(err, "Run: tribune check DIR")
}

// reason is an error's text for a decision: without the sentinel in front.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), tribune.ErrDenied.Error()+": ")
}
