package city

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"tribune"
	"tribune/internal/web"
	"tribune/policy"
	"tribune/protocol"
)

// showMandate serves the signed document of a mandate in force or to come, GET /mandates/{id}: whoever watches from outside needs
// the issuer's signature to say whether it carried an act.
func showMandate(law string, problems *web.Problems) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		doc, err := mandateDocument(filepath.Join(law, policy.DirMandates), r.PathValue("id"))
		if err != nil {
			problems.Write(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(doc)
	}
}

// mandateDocument finds a mandate by the id in its text: its file may have another name.
func mandateDocument(folder, id string) ([]byte, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("reading the mandates: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || !strings.HasSuffix(e.Name(), ".toml") || !info.Mode().IsRegular() || info.Size() > policy.MaxEvidence {
			continue
		}
		doc, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the mandates: %w", err)
		}
		text, _ := protocol.SplitDocument(doc)
		if m, bad := policy.MandateText(e.Name(), text); len(bad) == 0 && string(m.ID) == id {
			return doc, nil
		}
	}
	return nil, fmt.Errorf("%w: the city shows no mandate of that name", tribune.ErrNotFound)
}
