package verify

import (
	"crypto/ed25519"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// Trust is whom a verifier believes: the log's key, the guardians' co-signing keys, and how many of them must have
// signed. It comes from a file the verifier chose, never from the record that is being verified. It is immutable and
// safe for concurrent use.
type Trust struct {
	log       note.Verifier
	logKey    ed25519.PublicKey
	guardians []guardian
	known     note.Verifiers
	quorum    *rule
}

// guardian is one witness line. Name is the name in its key, which is how statements and co-signatures call it; alias
// is what the trust file calls it.
type guardian struct {
	alias, name string
	key         ed25519.PublicKey
	verifier    note.Verifier
}

// rule is one component of the quorum: a guardian (guardian != "") or need of its members.
type rule struct {
	alias    string
	guardian string
	need     int
	members  []*rule
	used     bool // a component counts once: in one group, or as the quorum
}

func (r *rule) satisfied(signed map[string]bool) bool {
	if r.guardian != "" {
		return signed[r.guardian]
	}
	n := 0
	for _, m := range r.members {
		if m.satisfied(signed) {
			n++
		}
	}
	return n >= r.need
}

// Origin is the name of the log: first line of its checkpoints.
func (t *Trust) Origin() string { return t.log.Name() }

// LogKey is the log's Ed25519 key, which also signs the hub's requests to guardians.
func (t *Trust) LogKey() ed25519.PublicKey { return slices.Clone(t.logKey) }

// Guardians are the names of the guardians, in the order of the file.
func (t *Trust) Guardians() []string {
	names := make([]string, len(t.guardians))
	for i, g := range t.guardians {
		names[i] = g.name
	}
	return names
}

// GuardianKey is the Ed25519 key of a guardian: it co-signs checkpoints and signs release statements and refusals.
func (t *Trust) GuardianKey(name string) (ed25519.PublicKey, bool) {
	for _, g := range t.guardians {
		if g.name == name {
			return slices.Clone(g.key), true
		}
	}
	return nil, false
}
