package reproduce

import (
	"encoding/json"
	"fmt"

	"tribune"
)

// Shelf keeps bytes by names that are file names. What lies there is believed: it is for the runs of one program on the same data.
type Shelf interface {
	// Get gives what was put under a name, nil where nothing was.
	Get(name string) ([]byte, error)
	Put(name string, b []byte) error
}

// kept takes what a name stands for from the shelf, or makes it and puts it there. Names say all that decides it.
func kept[T any](shelf Shelf, name string, compute func() (T, error)) (T, error) {
	if shelf == nil {
		return compute()
	}
	var v T
	b, err := shelf.Get(name)
	if err != nil {
		return v, fmt.Errorf("going on: %w", err)
	}
	if b != nil {
		if err := json.Unmarshal(b, &v); err != nil {
			return v, tribune.Hint(fmt.Errorf("going on: %s: %w: %w", name, err, tribune.ErrInvalid), "remove the file, and it is made again")
		}
		return v, nil
	}
	if v, err = compute(); err != nil {
		return v, err
	}
	if b, err = json.Marshal(v); err != nil {
		return v, fmt.Errorf("keeping %s: %w", name, err)
	}
	if err := shelf.Put(name, b); err != nil {
		return v, fmt.Errorf("keeping %s: %w", name, err)
	}
	return v, nil
}
