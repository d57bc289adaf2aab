package protocol

import (
	"crypto/sha256"

	"tribune"
)

// A blind-index token is a pseudonym of a value (protocol 5): what the guardians evaluate is the same, so that nobody makes or tests
// one without t of them. Its idtype holds purpose, class and attribute: tokens of two purposes have nothing in common.

// LookUpType is the idtype of tokens of an attribute for a purpose: "equality/" purpose "/" class "/" attribute. No class's subject has
// such a type, and neither purposes nor classes have a slash in their ids.
func LookUpType(purpose tribune.PurposeID, class tribune.ClassID, attr tribune.Name) string {
	return "equality/" + string(purpose) + "/" + string(class) + "/" + string(attr)
}

// LookUpName is what stands for a value in place of a name: SHA-256(L(equality) || value), the value written as twin/query orders
// scalars, so that what is equal is written alike. As a digest it has one length, whatever the value is.
func LookUpName(value []byte) string {
	sum := sha256.Sum256(append(Label("equality"), value...))
	return string(sum[:])
}
