package published

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// Wait takes a file of somebody of an office that an act is about to name, and forgets older ones that none has named. No office fills the room for the others.
func (r *Room) Wait(office tribune.OfficeID, file []byte) (tribune.Hash, error) {
	hash := tribune.Hash(sha256.Sum256(file))
	if len(file) == 0 || len(file) > protocol.MaxPublished {
		return hash, fmt.Errorf("%w: a file of %d bytes; give 1 to %d", tribune.ErrTooLarge, len(file), protocol.MaxPublished)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list, err := os.ReadDir(r.path("waiting"))
	if err != nil {
		return hash, fmt.Errorf("keeping a file: %w", err)
	}
	there, theirs := 0, 0
	for _, f := range list {
		if f.Name() == hash.String() {
			continue // it is written anew
		}
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && r.cfg.Now().Sub(info.ModTime()) > waitFor {
			err = r.unwait(f.Name())
		} else {
			there++
			if r.waiting[f.Name()] == office {
				theirs++
			}
		}
		if err != nil {
			return hash, fmt.Errorf("keeping a file: %w", err)
		}
	}
	if there >= maxWaiting || theirs >= maxWaitingEach {
		return hash, tribune.Hint(fmt.Errorf("%w: %d files wait for an act that publishes them", tribune.ErrBusy, there), "Publish them, or try again in an hour.")
	}
	if err := durable.Write(r.path("waiting", hash.String()), file); err != nil {
		return hash, fmt.Errorf("keeping a file: %w", err)
	}
	r.waiting[hash.String()] = office
	return hash, nil
}

func (r *Room) unwait(name string) error {
	delete(r.waiting, name)
	return r.remove(r.path("waiting", name))
}

// Waiting is a file by its hash, where one waits.
func (r *Room) Waiting(hash tribune.Hash) ([]byte, error) {
	data, err := bounded(r.path("waiting", hash.String()), protocol.MaxPublished)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, tribune.Hint(fmt.Errorf("%w: no such file waits here", tribune.ErrNotFound), "Send the file first: POST /models/files.")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	return data, nil
}
