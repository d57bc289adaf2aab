// Package verify is anyone's offline verifier of the record: receipts, the log they rest on, guardians' release
// statements, and openings of what a leaf commits to.
//
// It is called by `tribune verify`, guardians, monitors, citizens' own programs and the record itself, and needs nothing
// but bytes and a Trust that its caller chose. It makes three promises:
//
//   - Nothing passes in two spellings. A receipt is accepted in one canonical form only and every one of its bytes counts: every
//     signature line must be by a known key and valid. So an altered byte never goes unseen, wherever it is.
//   - What is read from a log is proven before it is used: a Tree authenticates whole tiles against a root, and entry
//     bundles against their tiles.
//   - An error says what does not fit, in words. Errors match tribune.ErrInvalid, or tribune.ErrNoQuorum where all is well but too
//     few guardians have signed.
//
// Formats: C2SP tlog-proof, tlog-checkpoint, tlog-cosignature, signed-note, tlog-tiles; docs/protocol.md for leaves.
package verify
