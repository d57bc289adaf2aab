package gate

import (
	"tribune"
	"tribune/policy"
)

// Citizens is what people have said about the use of their own data; internal/rights keeps it. Both are asked of every act whose
// subjects have been named, and both read memory alone.
type Citizens interface {
	// Consents are signed consents in force (protocol.SignedConsent) that the act's subjects have given for its office, purpose and class.
	Consents(tribune.Act) [][]byte
	// Stopped says why the act must not happen, in words that name no person: a restriction or an objection was granted. "" = nothing.
	Stopped(tribune.Act) string
}

// SetCitizens names who knows what people have said; the city calls it once that is known. Before, nobody has consented to anything.
func (g *Gate) SetCitizens(c Citizens) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.citizens = c
}

// hear adds to a decision what the act's subjects have said: their consents become evidence before the policy decides, and what they
// have stopped is denied whatever it says. Guardians verify consents; they do not know of stops.
func hear(c Citizens, act tribune.Act, evidence *tribune.Evidence) (stopped string) {
	if c == nil {
		return ""
	}
	evidence.Consents = c.Consents(act)
	return c.Stopped(act)
}

// hidden reports whether a mandate is a court's warrant: no person stops it, and a denial, which is public, must not tell them of it.
func hidden(set *policy.Set, mandate []byte) bool {
	m, err := set.Mandate(mandate)
	return err == nil && m.Disclose != 0
}
