package vault

import (
	"bytes"
	"fmt"

	"tribune"
	"tribune/protocol"
)

// Adopt goes by another group of guardians from now on. Its public keys are those of the group before, or nothing that is
// sealed would open any more. Names is told by whoever made it.
func (v *Vault) Adopt(g protocol.Group) error {
	now := v.group.Load()
	if g.City != now.City || !bytes.Equal(g.Seal.Key, now.Seal.Key) || !bytes.Equal(g.Name.Key, now.Name.Key) {
		return fmt.Errorf("%w: a group of another city, or with other public keys", tribune.ErrInvalid)
	}
	v.group.Store(&g)
	return nil
}
