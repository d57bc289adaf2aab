package tribune

import "context"

// Policy decides. It is pure: same set, act and evidence give the same decision; no clock, no I/O; any diagnostic
// error denies.
type Policy interface {
	Hash() Hash
	Decide(Act, Evidence) Decision
}

// Gate gathers and verifies evidence, then asks the policy in force. The error is about gathering; a denial is a Decision.
type Gate interface {
	Decide(context.Context, Act) (Decision, Evidence, error)
}

// Record puts a leaf on record. Seal returns when a checkpoint that covers the leaf is published under the required
// co-signatures, else ErrNoQuorum.
type Record interface {
	Seal(ctx context.Context, leaf []byte) (Receipt, error)
}

// Namer gives pseudonyms by the guardians' threshold evaluation. It caches in memory only. Order follows names.
type Namer interface {
	Pseudonyms(ctx context.Context, idtype string, names []string) ([]Pseudonym, error)
}

// Sealer is all that the twin knows of the vault. Seal encrypts items of one subject and class. The returned writes
// must be in the same batch as the values; committed must be called after that batch is durable, and only then.
type Sealer interface {
	Namer
	Seal(ctx context.Context, at Place, class Class, p Pseudonym, items []Item) (sealed []Sealed, writes []Write, committed func(), err error)
}

// Screen looks at changes before they are stored; one error per change, nil = sane.
type Screen interface {
	Check(context.Context, []Change) []error
}
