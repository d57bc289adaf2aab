// Package ibe is threshold identity-based encryption and threshold blind evaluation on BLS12-381: the only
// cryptography of the platform that is our own. The vault seals with it, guardians compute partial keys with it, and
// whoever holds enough partial keys combines them here. docs/protocol.md 1-9 and 26 is its specification.
//
// Two keys, each shared among n guardians by a distributed key generation, never exist in one place:
//
//   - SEAL, with public key PK = s*g2. Who holds D(ID) = s*H1(ID) opens what was sealed to ID, and nothing else.
//   - NAME, used for blind evaluation only: y = s*H(input), where a guardian sees neither input nor y.
//
// A blinded point is any point its sender likes, so evaluating one under SEAL would hand out the key of any identity.
// The two are kept apart three times: by key, by domain separation tag, and by type (SealShare has no method that takes
// a point; NameShare has none that takes an identity).
//
// # Construction
//
// Hash to curve is RFC 9380, BLS12381G1_XMD:SHA-256_SSWU_RO_ under our own tags. A header encapsulates a data key to an
// identity (hashed Boneh-Franklin):
//
//	U = r*g2, Z = e(r*H1(ID), PK), KEK = HKDF-SHA256(Z, no salt, L(kem) || PK || U || ID)
//	header = 0x01 || U || AES-256-GCM(KEK, zero nonce, aad L(header) || ID, data key)
//
// Z is written in gnark-crypto's byte order (highest coefficient first), and e is the pairing that gnark-crypto and
// kilic's library compute byte for byte alike: the cube of the reduced ate pairing, since the final exponentiation of
// Hayashida, Hayasaka, Teruya (eprint 2020/875) carries the cofactor 3. Another library must agree with
// testdata/header.json.
//
// The nonce is zero because each KEK encrypts one message: it is bound to U, which is fresh. Headers of one data key
// for several identities share r; under the random-oracle and gap-BDH assumptions that rest of the scheme makes, the
// challenges of both embed in one, and either header opens the same data key anyway.
//
// # What it promises
//
// Fewer than t shares say nothing about a key of an identity that was not released. What Combine and Unblind return was
// verified against the public key by a pairing check, batched over all points with fresh 128-bit random coefficients
// (soundness 2^-128); whoever gave a wrong share is named. Every point that enters is decoded strictly: compressed,
// canonical, on the curve, in the subgroup of order r, not infinity. gnark-crypto alone accepts infinity, and a point of
// order 3 would pass a pairing check.
//
// # What it does not
//
//   - t dishonest guardians open at will. It is not post-quantum.
//   - gnark-crypto's field arithmetic is free of secret-dependent branches in the main, its scalar multiplication is not:
//     it looks up tables by, and skips zero digits of, the scalar. A guardian's share, the one long-lived secret, is
//     therefore split anew into two random summands for each multiplication, so that an observer of time or cache lines
//     cannot average over many evaluations. Who shares a core with a guardian and reads single traces is not stopped.
//     The ephemeral r and blinding factors are used once and not split.
//   - Secrets are overwritten when done with, as far as Go permits: copies that the runtime or big.Int made may remain
//     until their memory is used again.
//   - Whether an identity may be opened is not decided here.
package ibe

// Sizes in bytes.
const (
	G1Size     = 48 // a compressed point of G1: a key, a partial key, a blinded point
	G2Size     = 96 // a compressed point of G2: a public key
	ScalarSize = 32 // a share, big-endian
	DEKSize    = 32 // a data key
	HeaderSize = 1 + G2Size + DEKSize + 16
)

// Domain separation tags (protocol 2).
const (
	dstSeal = "TRIBUNE-V1-SEAL-BLS12381G1_XMD:SHA-256_SSWU_RO_"
	dstName = "TRIBUNE-V1-NAME-BLS12381G1_XMD:SHA-256_SSWU_RO_"
)
