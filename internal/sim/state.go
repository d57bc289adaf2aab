package sim

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tribune"
	"tribune/internal/intake/replay"
)

// state is what the next start goes on from: DIR/sim/state.json. It holds only what the twin has acknowledged; what
// came after follows from it again, under the same IDs.
type state struct {
	Version int         `json:"version"` // 1
	Seed    string      `json:"seed"`    // 64 hex digits
	Start   time.Time   `json:"start"`   // the city's first moment, wall clock
	Wall    time.Time   `json:"wall"`    // the demo clock when this was saved
	Public  publicState `json:"public"`
	Drivers driverState `json:"drivers"`
}

// publicState is the public lane's. Until: every record up to then is written.
type publicState struct {
	Seeded  bool           `json:"seeded"`
	Until   time.Time      `json:"until"`
	Parking replay.Cursor  `json:"parking"`
	Air     replay.Cursor  `json:"air"`
	Places  map[string]int `json:"places"` // as last written
}

func (p publicState) clone() publicState {
	p.Places = maps.Clone(p.Places)
	if p.Places == nil {
		p.Places = map[string]int{}
	}
	return p
}

// driverState is the driver lane's: the ledger.
type driverState struct {
	Seeded     bool             `json:"seeded"`
	Until      time.Time        `json:"until"`
	Parking    replay.Cursor    `json:"parking"`
	Sessions   uint64           `json:"sessions"` // begun so far
	Parks      map[string]stand `json:"parks"`
	Open       []session        `json:"open"` // in order of arrival
	turnedAway int
}

func (d driverState) clone() driverState {
	d.Parks, d.Open = maps.Clone(d.Parks), slices.Clone(d.Open)
	if d.Parks == nil {
		d.Parks = map[string]stand{}
	}
	return d
}

// example keeps the plate shown for as long as its driver is here and unpaid, else finds another.
func (s *state) example(now string, p people) string {
	var best *session
	for i := range s.Drivers.Open {
		o := &s.Drivers.Open[i]
		if now != "" && p.plate(o.Person) == now {
			return now
		}
		owes := o.Pay == 0
		if best == nil || owes && best.Pay != 0 || owes == (best.Pay == 0) && o.Leave > best.Leave {
			best = o
		}
	}
	if best == nil {
		return ""
	}
	return p.plate(best.Person)
}

const maxState = 64 << 20 // bytes; 2,000 people take about 200 kB

func stateFile(dir string) string { return filepath.Join(dir, "state.json") }

func newState(start time.Time) (state, error) {
	var s seed
	if _, err := rand.Read(s[:]); err != nil {
		return state{}, fmt.Errorf("drawing the demo city's seed: %w", err)
	}
	return state{Version: 1, Seed: hex.EncodeToString(s[:]), Start: start, Wall: start}, nil
}

// loadState reads and checks the state of the last run; tribune.ErrNotFound where there was none.
func loadState(dir string, parking *replay.Feed[replay.Parking], air *replay.Feed[replay.Air]) (state, error) {
	info, err := os.Stat(stateFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, tribune.ErrNotFound
	}
	if err == nil && info.Size() > maxState {
		err = tribune.ErrTooLarge
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(stateFile(dir))
	}
	var s state
	if err == nil {
		s, err = parseState(text, parking, air)
	}
	if err != nil {
		return state{}, tribune.Hint(fmt.Errorf("reading the demo city's state %s: %w", stateFile(dir), err),
			"start the demo in another directory; a demo city whose state is lost cannot go on in this one")
	}
	return s, nil
}

func parseState(text []byte, parking *replay.Feed[replay.Parking], air *replay.Feed[replay.Air]) (state, error) {
	var s state
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("text after the state: %w", tribune.ErrInvalid)
	}
	if s.Version != 1 {
		return s, fmt.Errorf("version %d, want 1: %w", s.Version, tribune.ErrInvalid)
	}
	if _, err := newPeople(s.Seed, 0); err != nil {
		return s, err
	}
	for _, t := range []time.Time{s.Start, s.Wall, s.Public.Until, s.Drivers.Until} {
		if y := t.Year(); t != (time.Time{}) && (y < 2000 || y > 2200) {
			return s, fmt.Errorf("the year %d: %w", y, tribune.ErrInvalid)
		}
	}
	if s.Start.IsZero() || s.Wall.IsZero() {
		return s, fmt.Errorf("no time to go on from: %w", tribune.ErrInvalid)
	}
	if err := errors.Join(parking.Check(s.Public.Parking), air.Check(s.Public.Air), parking.Check(s.Drivers.Parking)); err != nil {
		return s, err
	}
	return s, s.Drivers.check()
}

// check refuses a ledger that breaks its own invariant.
func (d driverState) check() error {
	named, seen := map[string]int{}, map[int]bool{}
	for _, o := range d.Open {
		if o.Person < 0 || o.Person >= MaxPeople || seen[o.Person] {
			return fmt.Errorf("session %d: person %d: %w", o.Number, o.Person, tribune.ErrInvalid)
		}
		if o.Number == 0 || o.Number > d.Sessions {
			return fmt.Errorf("session %d of %d: %w", o.Number, d.Sessions, tribune.ErrInvalid)
		}
		seen[o.Person] = true
		named[o.Park]++
	}
	for park, n := range named {
		if n > d.Parks[park].Occupied {
			return fmt.Errorf("car park %s: %d named sessions, occupancy %d: %w", park, n, d.Parks[park].Occupied, tribune.ErrInvalid)
		}
	}
	return nil
}

func (s *state) save(dir string) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = replaceFile(stateFile(dir), text)
	}
	if err != nil {
		return fmt.Errorf("saving the demo city's state: %w", err)
	}
	return nil
}

// replaceFile writes a file whole or not at all, readable by its owner alone.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails once it is renamed
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close()) // else the new name may be lost with the power
}
