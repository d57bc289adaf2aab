package guardian

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// approvals are what this guardian's operator has approved and not withdrawn: one small file each, HASH.json, written by the command
// guardian approve and served by the process. They are public, and count for nothing before t guardians have given theirs.

const approvalDir = "approvals"

// maxApprovalFile bounds one of the files.
const maxApprovalFile = 4 << 10

// approvalPath is where the approval of a set lies.
func approvalPath(dir string, set tribune.Hash) string {
	return filepath.Join(dir, approvalDir, set.String()+".json")
}

// keepApproval makes an approval durable; from then on it is served.
func keepApproval(dir string, a protocol.ApprovedSet) error {
	raw, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, approvalDir), 0o700); err != nil {
		return fmt.Errorf("keeping the approval: %w", err)
	}
	if err := durable.Write(approvalPath(dir, a.Set), append(raw, '\n')); err != nil {
		return fmt.Errorf("keeping the approval: %w", err)
	}
	return nil
}

// withdrawApproval ends an approval: it is served no more. Whoever fetched it before can still use it until it runs out.
func withdrawApproval(dir string, set tribune.Hash) error {
	err := os.Remove(approvalPath(dir, set))
	if errors.Is(err, fs.ErrNotExist) {
		return tribune.Hint(fmt.Errorf("%w: this guardian has not approved policy set %s", tribune.ErrNotFound, set), "guardian approve --config FILE --list shows what it has approved.")
	}
	if err != nil {
		return fmt.Errorf("withdrawing the approval: %w", err)
	}
	return nil
}

// readApprovals lists the approvals that lie in a guardian's folder and have not run out, by set.
func readApprovals(dir string, now time.Time) ([]protocol.ApprovedSet, error) {
	entries, err := os.ReadDir(filepath.Join(dir, approvalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading approvals: %w", err)
	}
	var out []protocol.ApprovedSet
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		info, err := e.Info()
		if !ok || err != nil || info.Size() > maxApprovalFile {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, approvalDir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading approvals: %w", err)
		}
		var a protocol.ApprovedSet
		if json.Unmarshal(raw, &a) != nil || a.Set.String() != name {
			return nil, fmt.Errorf("%w: %s is not an approval", tribune.ErrInvalid, filepath.Join(dir, approvalDir, e.Name()))
		}
		if now.Before(time.Unix(a.Until, 0)) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b protocol.ApprovedSet) int { return strings.Compare(a.Set.String(), b.Set.String()) })
	if len(out) > protocol.MaxApprovals {
		return nil, fmt.Errorf("%w: %d approvals, at most %d at a time", tribune.ErrTooLarge, len(out), protocol.MaxApprovals)
	}
	return out, nil
}

// approvals answers GET /approvals.
func (g *Guardian) approvals(w http.ResponseWriter, r *http.Request) {
	list, err := readApprovals(g.cfg.Dir, g.cfg.Now())
	if err != nil {
		http.Error(w, "the approvals cannot be read", http.StatusServiceUnavailable)
		return
	}
	if list == nil {
		list = []protocol.ApprovedSet{}
	}
	w.Header().Set("Cache-Control", "no-cache")
	writeJSON(w, protocol.ApprovalList{Guardian: g.self.name, Approvals: list})
}
