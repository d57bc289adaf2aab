package guardian

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/protocol"
)

// Veto is one entry of veto.toml, which the guardian's operator writes and which counts from then on:
//
//	[[veto]]
//	office  = "parking-inspector"          # any of office, purpose, mandate and kind; all that are given must fit
//	mandate = "parking-enforcement-2026"
//	reason  = "The court has suspended this mandate."
//
// An entry names no subject: who is protected by a veto would be written in a file. An entry without conditions stops
// everything.
type Veto struct {
	Kind    tribune.ActKind   `toml:"kind"`
	Office  tribune.OfficeID  `toml:"office"`
	Purpose tribune.PurposeID `toml:"purpose"`
	Mandate tribune.MandateID `toml:"mandate"`
	Reason  string            `toml:"reason"`
}

// maxReason bounds what a refusal says.
const maxReason = 1000

func (v Veto) fits(a protocol.Act) bool {
	return (v.Kind == "" || v.Kind == a.Kind) && (v.Office == "" || v.Office == a.Office) &&
		(v.Purpose == "" || v.Purpose == a.Purpose) && (v.Mandate == "" || v.Mandate == a.Mandate)
}

// vetoList is veto.toml, read again whenever it changes.
type vetoList struct {
	path string

	mu    sync.Mutex // guards the rest
	mtime time.Time
	size  int64
	list  []Veto
	err   error
}

func readVetoes(path string) ([]Veto, error) {
	var file struct {
		Veto []Veto `toml:"veto"`
	}
	meta, err := toml.DecodeFile(path, &file)
	if err == nil && len(meta.Undecoded()) > 0 {
		err = fmt.Errorf("%w: unknown key %s", tribune.ErrInvalid, meta.Undecoded()[0])
	}
	return file.Veto, err
}

// String is the entry in plain words.
func (v Veto) String() string {
	what := []string{}
	for _, part := range []struct{ name, value string }{{"kind", string(v.Kind)}, {"office", string(v.Office)}, {"purpose", string(v.Purpose)}, {"mandate", string(v.Mandate)}} {
		if part.value != "" {
			what = append(what, part.name+" "+part.value)
		}
	}
	if len(what) == 0 {
		what = []string{"everything"}
	}
	return strings.Join(what, ", ")
}

// veto returns the first entry that fits. A file that cannot be read stops everything: its writer meant to stop something.
func (l *vetoList) veto(a protocol.Act) (*Veto, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		l.mtime, l.list, l.err = time.Time{}, nil, nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the veto list cannot be read")
	}
	if !info.ModTime().Equal(l.mtime) || info.Size() != l.size || l.err != nil {
		l.mtime, l.size = info.ModTime(), info.Size()
		l.list, l.err = readVetoes(l.path)
	}
	if l.err != nil {
		return nil, fmt.Errorf("the veto list has a mistake, so nothing is released until it is mended")
	}
	for i := range l.list {
		if l.list[i].fits(a) {
			return &l.list[i], nil
		}
	}
	return nil, nil
}
