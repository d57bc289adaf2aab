package city

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/protocol"
)

// A change can be withdrawn until it takes effect: by the steward, who puts the old files back, or by the steward or the council with a
// signed withdrawal, withdrawn/HASH.toml in the law's folder. The hub then names the set in force once more, on record.

// maxWithdrawal bounds a withdrawal in bytes.
const maxWithdrawal = 16 << 10

// Withdrawal is a signed withdrawal.
type Withdrawal struct {
	Set    tribune.Hash `toml:"set"`
	Reason string       `toml:"reason"`
	By     string       `toml:"-"` // whose signature verifies
}

// Withdrawn is where the withdrawal of a set lies.
func (d Dir) Withdrawn(set tribune.Hash) string {
	return filepath.Join(d.Law(), "withdrawn", set.String()+".toml")
}

// WithdrawalText is what the steward or the council signs.
func WithdrawalText(set tribune.Hash, reason string, at time.Time) string {
	return fmt.Sprintf("# This proposed law is withdrawn. %s\nset = %q\nreason = %q\n", at.UTC().Format(time.DateOnly), set, reason)
}

// WriteWithdrawal keeps a signed withdrawal where the hub finds it.
func WriteWithdrawal(d Dir, set tribune.Hash, signed []byte) error {
	path := d.Withdrawn(set)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping the withdrawal: %w", err)
	}
	if err := writeFile(path, signed, 0o600); err != nil {
		return fmt.Errorf("keeping the withdrawal: %w", err)
	}
	return nil
}

// withdrawal is the withdrawal of a set that the steward or the council has signed; nil = none that verifies.
func (h *Hub) withdrawal(set tribune.Hash) *Withdrawal {
	path := h.cfg.Dir.Withdrawn(set)
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxWithdrawal {
		return nil
	}
	doc, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	w, err := h.readWithdrawal(doc)
	if err != nil || w.Set != set {
		h.lawbook.say(h, "the withdrawal of policy set "+set.String()+" is not one: it has to be signed by the steward or the council, and name that set")
		return nil
	}
	return w
}

func (h *Hub) readWithdrawal(doc []byte) (*Withdrawal, error) {
	var keys []protocol.DocumentKey
	for _, text := range []string{h.cfg.Trust.Steward, h.cfg.Trust.Council} {
		if key, err := protocol.ParseDocumentKey(text); err == nil {
			keys = append(keys, key)
		}
	}
	text, signers, err := protocol.OpenSigned(doc, keys...)
	if err != nil {
		return nil, err
	}
	w := &Withdrawal{By: signers[0]}
	if meta, err := toml.Decode(text, w); err != nil || len(meta.Undecoded()) > 0 {
		return nil, fmt.Errorf("%w: not a withdrawal", tribune.ErrInvalid)
	}
	return w, nil
}
