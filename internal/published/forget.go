package published

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"tribune"
)

// makeRoom forgets the oldest explanation whose verdict has ended, where there are as many as are kept: no law shows it again. Its act stands on record.
func (r *Room) makeRoom() error {
	if len(r.entries) < maxEntries {
		return nil
	}
	i := slices.IndexFunc(r.entries, func(e Entry) bool {
		one, err := read(e.Publication.Verdict)
		return e.OnRecord && err == nil && !r.cfg.Now().Before(one.until)
	})
	if i < 0 {
		return fmt.Errorf("%w: %d explanations are kept", tribune.ErrBusy, len(r.entries))
	}
	return r.forget(i)
}

// forget removes an entry, and its file where no other names it.
func (r *Room) forget(i int) error {
	e := r.entries[i]
	err := r.remove(r.path("entries", e.Act+".json"))
	r.entries = slices.Delete(r.entries, i, i+1)
	if !slices.ContainsFunc(r.entries, func(o Entry) bool { return o.Publication.File == e.Publication.File }) {
		err = errors.Join(err, r.remove(r.path("files", e.Publication.File.String())))
	}
	if err != nil {
		return fmt.Errorf("forgetting an explanation: %w", err)
	}
	return nil
}

// sweep removes files that no entry names: a crash left them between file and entry.
func (r *Room) sweep() error {
	list, err := os.ReadDir(r.path("files"))
	if err != nil {
		return fmt.Errorf("opening the published explanations: %w", err)
	}
	named := map[string]bool{}
	for _, e := range r.entries {
		named[e.Publication.File.String()] = true
	}
	for _, f := range list {
		if !named[f.Name()] {
			if err := r.remove(r.path("files", f.Name())); err != nil {
				return fmt.Errorf("opening the published explanations: %w", err)
			}
		}
	}
	return nil
}

// Strike forgets an entry whose place in the record says something else: somebody wrote it into the folder.
func (r *Room) Strike(act string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.at(act); i >= 0 {
		return r.forget(i)
	}
	return nil
}

func (r *Room) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
