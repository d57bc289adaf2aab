package city

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// File is city.json, what a hub that is not a demo is told. Unknown members are refused.
type File struct {
	City      string       `json:"city"`     // name in identities; for ever
	Origin    string       `json:"origin"`   // name of the log; for ever
	Contexts  string       `json:"contexts"` // file of contexts by URL, see Config.ContextMap; "" = the shipped ones
	Store     string       `json:"store"`    // postgres://... ; "" = embedded
	T         int          `json:"t"`        // guardians whose shares open
	W         int          `json:"w"`        // guardians whose co-signatures publish; 2w >= n+t
	Trust     policy.Trust `json:"trust"`    // keys whose signatures make law, hash of the floors
	Guardians []Guardian   `json:"guardians"`

	// TraceMandate is the mandate under which the hub enrols people in the trace, for purpose keep-trace.
	TraceMandate tribune.MandateID `json:"trace_mandate"`
}

// ReadFile reads city.json strictly.
func ReadFile(path string) (File, error) {
	var f File
	data, err := os.ReadFile(path)
	if err != nil {
		return f, tribune.Hint(fmt.Errorf("reading the city's configuration: %w", err), "Write city.json, or name it with --config.")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return f, fmt.Errorf("%w: %s: %w", tribune.ErrInvalid, path, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return f, fmt.Errorf("%w: %s: something follows after its end", tribune.ErrInvalid, path)
	}
	if n := len(f.Guardians); 2*f.W < n+f.T || f.W > n || n < 2*f.T-1 || f.T < 1 {
		return f, tribune.Hint(fmt.Errorf("%w: %s: %d guardians, t=%d, w=%d", tribune.ErrInvalid, path, n, f.T, f.W), "Want n >= 2t-1 and 2w >= n+t: smaller quorums permit two views of one record.")
	}
	if f.City == "" || f.Origin == "" || f.Trust.Steward == "" || f.TraceMandate == "" {
		return f, tribune.Hint(fmt.Errorf("%w: %s", tribune.ErrInvalid, path), "Give city, origin, trust and trace_mandate; docs/operations.md has an example.")
	}
	if err := f.roster().Validate(); err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// roster is who the guardians are, before they have keys.
func (f File) roster() protocol.Group {
	g := protocol.Group{City: f.City, N: len(f.Guardians), T: f.T, W: f.W}
	for i, m := range f.Guardians {
		g.Guardians = append(g.Guardians, protocol.Member{Index: i + 1, Key: m.Key, Name: m.Name, URL: m.URL})
	}
	return g
}

// Serve runs a hub whose keys, law and guardians exist, until ctx ends. Once it answers it writes one line of JSON to out,
// {"name", "address", "key"}: the city, where its hub listens, and the log's verifier key.
func Serve(ctx context.Context, dir Dir, config, address string, out io.Writer, log *slog.Logger) error {
	if config == "" {
		config = filepath.Join(string(dir), "city.json")
	}
	f, err := ReadFile(config)
	if err != nil {
		return err
	}
	hub, err := Open(ctx, Config{
		Dir: dir, City: f.City, Origin: f.Origin, Address: address, StoreURL: f.Store, ContextMap: f.Contexts,
		Guardians: f.Guardians, T: f.T, W: f.W, Trust: f.Trust, TraceMandate: f.TraceMandate, Log: log,
	})
	if err != nil {
		return err
	}
	if err := writeFile(dir.Address(), []byte(hub.URL()+"\n"), 0o600); err != nil {
		return errors.Join(err, hub.Close())
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return hub.Serve(ctx) })
	parts.Go(func() error {
		select {
		case <-hub.Listening():
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := json.NewEncoder(out).Encode(map[string]string{"name": f.City, "address": hub.URL(), "key": hub.logKey}); err != nil {
			return fmt.Errorf("saying where the hub is: %w", err)
		}
		if err := hub.complete(ctx); err != nil {
			return err
		}
		hub.Ready()
		return nil
	})
	err = parts.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, hub.Close())
}
