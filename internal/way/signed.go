package way

import (
	"fmt"
	"slices"

	"tribune"
)

// signed takes a prepared act of one of these kinds, once, and checks its actor's signature. by is who must have prepared it; nil = its
// actor's key says enough. The caller wipes the sheet.
func (w *Way) signed(actID string, signature []byte, by *tribune.Caller, kinds ...tribune.ActKind) (*sheet, error) {
	s, err := w.prepared.take(actID)
	if err != nil {
		return nil, err
	}
	if err := w.checkSigned(s, signature, by, kinds); err != nil {
		s.wipe()
		return nil, err
	}
	return s, nil
}

func (w *Way) checkSigned(s *sheet, signature []byte, by *tribune.Caller, kinds []tribune.ActKind) error {
	// What follows on other kinds would be left out.
	if !slices.Contains(kinds, s.act.Kind) || by != nil && (s.caller.Actor != by.Actor || s.caller.Office != by.Office) {
		return fmt.Errorf("%w: the act that waits under this id is another one, of kind %s", tribune.ErrInvalid, s.act.Kind)
	}
	key, err := w.cfg.Gate.ActorKey(s.caller.Actor)
	if err != nil {
		return fmt.Errorf("finding the actor's key: %w", err)
	}
	if err := s.act.Verify(key, signature); err != nil {
		return tribune.Hint(err, "Sign SHA-256(\"tribune/v1/act\" 0x00 || the act's canonical JSON) with the key that your appointment registered.")
	}
	return nil
}
