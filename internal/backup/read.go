package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"tribune"
)

// Verify reads an archive to its end and holds every file against its manifest. keep, where it is not nil, is given each file to
// read before the manifest is known: what it makes of it counts only once Verify returns nil.
func Verify(archive io.Reader, keep func(name string, from io.Reader) error) (Manifest, error) {
	seen := map[string]File{}
	var manifest *Manifest
	for tr := tar.NewReader(archive); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Manifest{}, broken("it is cut off or no tar: %w", err)
		}
		name := header.Name
		switch {
		case manifest != nil:
			return Manifest{}, broken("%q follows after its manifest", name)
		case header.Typeflag != tar.TypeReg || sparse(header) || !legal(name):
			return Manifest{}, broken("%q does not belong into a backup", name)
		case seen[name].Path != "" || len(seen) >= maxFiles:
			return Manifest{}, broken("%q is there twice, or there are too many files", name)
		case name == manifestName:
			if manifest, err = readManifest(tr); err != nil {
				return Manifest{}, err
			}
			continue
		}
		h := sha256.New()
		from := &counter{from: io.TeeReader(tr, h)}
		if keep != nil {
			if err := keep(name, from); errors.Is(err, io.ErrUnexpectedEOF) {
				return Manifest{}, broken("%s: %w", name, err)
			} else if err != nil {
				return Manifest{}, err
			}
		}
		if _, err := io.Copy(io.Discard, from); err != nil {
			return Manifest{}, broken("%s: %w", name, err)
		}
		seen[name] = File{Path: name, Size: from.n, SHA256: sum(h)}
	}
	if manifest == nil {
		return Manifest{}, broken("it has no manifest: it was not written to its end")
	}
	for _, want := range manifest.Files {
		if got := seen[want.Path]; got != want {
			return Manifest{}, broken("%s is not as its manifest says", want.Path)
		}
		delete(seen, want.Path)
	}
	for name := range seen {
		return Manifest{}, broken("%s is not in its manifest", name)
	}
	return *manifest, nil
}

func broken(what string, args ...any) error {
	return tribune.Hint(fmt.Errorf("%w: this is not a whole backup: "+what, append([]any{tribune.ErrInvalid}, args...)...), "Nothing was put in place. Take another copy of the backup, or an older one.")
}

// sparse reports whether a file is longer than its bytes in the archive: one of a few hundred bytes could fill every disk.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// legal reports whether a name can be part of an archive: below its folders, in one spelling, never the epoch key, and no log, which is
// rebuilt.
func legal(name string) bool {
	if !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\\x00") || path.Base(name) == epochKeyFile {
		return false
	}
	beside, isBeside := strings.CutPrefix(name, besideDir)
	if top, _, _ := strings.Cut(strings.TrimPrefix(name, hubDir), "/"); strings.HasPrefix(name, hubDir) && (top == "keys" || top == "log") {
		return false
	}
	return name == manifestName || name == keysName || strings.HasPrefix(name, hubDir) || isBeside && !strings.Contains(beside, "/")
}

func readManifest(from io.Reader) (*Manifest, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxManifest+1))
	if err != nil || len(data) > maxManifest {
		return nil, broken("its manifest cannot be read: %w", errors.Join(err, tribune.ErrTooLarge))
	}
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return nil, broken("its manifest cannot be read: %w", err)
	}
	if m.Format != format {
		return nil, tribune.Hint(fmt.Errorf("%w: a backup of format %q", tribune.ErrUnsupported, m.Format), "Restore it with the release that wrote it, %s, and upgrade then.", m.Version)
	}
	return &m, nil
}

type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}
