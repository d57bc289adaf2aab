// Package interop holds this city's record and its guardians against implementations by others: transparency-dev's witness and
// its client, Tessera's tile client and its file-system check. It is a module of its own, so that what it takes along is no dependency of
// Tribune; scripts/check runs its tests.
//
// Its go.mod replaces two libraries by the versions that Tribune uses: what is tested is what is shipped.
package interop
