package portal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
)

// ownAct is an act that waits for its actor's signature, as pages and scripts show it.
type ownAct struct {
	ID      string   `json:"act"`
	Text    string   `json:"text"`   // JCS: what is signed
	Digest  string   `json:"digest"` // base64 of SHA-256(L(act) || text), what the key signs
	Words   []string `json:"words"`  // the act in plain words
	Expires string   `json:"expires"`
}

// signWithin is how long the hub keeps an act that nobody has signed.
const signWithin = 60 * time.Second

// actOf reads the act of a 428. It must be the caller's own: who signs is shown what is signed, and nothing else.
func (p *Portal) actOf(w *words, a *Answer, caller tribune.Caller) (ownAct, error) {
	var act protocol.Act
	if err := protocol.DecodeJCS([]byte(a.ActText), &act); err != nil {
		return ownAct{}, fmt.Errorf("reading an act that is to be signed: %w", err)
	}
	digest, err := act.Digest()
	if err != nil {
		return ownAct{}, err
	}
	if act.ID != a.ActID || string(digest[:]) != string(a.Digest) || act.Office != caller.Office || act.Purpose != caller.Purpose || act.Mandate != caller.Mandate {
		return ownAct{}, &tribune.IntegrityError{What: "act to be signed", Err: fmt.Errorf("it is not what was asked")}
	}
	n := p.naming(w)
	lines := []string{
		w.T("Acting as: %s", n.office(string(act.Office))),
		w.N(act.Count, "It concerns %s person.", "It concerns %s people."),
		w.T("Purpose: %s", n.purpose(string(act.Purpose))),
		w.T("Legal basis: %s", n.mandate(string(act.Mandate))),
	}
	if at, err := act.When(); err == nil {
		lines = append(lines, w.T("Time: %s", w.Time(at)))
	}
	if act.Office == dataSubject {
		lines = append(lines, w.T("Once you sign, this act stands on the public record for good. It says that a person read their own data; it does not say who."))
	} else {
		lines = append(lines, w.T("Once you sign, this act stands on the public record for good. Your name is not on it; your office is."))
	}
	return ownAct{
		ID: act.ID, Text: a.ActText, Digest: base64.StdEncoding.EncodeToString(digest[:]), Words: lines,
		Expires: p.cfg.Now().Add(signWithin).UTC().Format(time.RFC3339),
	}, nil
}

// ownProblem is what the API said instead of an answer.
type ownProblem struct {
	Status   int
	Title    string
	Detail   string
	Hint     string
	Missing  []string
	Policies []ownRule
	Receipt  uint64
	OnLeaf   bool
}

// ownRule is one policy with its reason, for citizens.
type ownRule struct {
	ID, Because string
	Permit      bool
}

// problemOf reads problem details as far as people are shown them. What the API quotes of a question may hold a name: the page
// is for its asker alone, and nothing of it is logged.
func (p *Portal) problemOf(a *Answer) ownProblem {
	out := ownProblem{Status: a.Status, Receipt: a.Receipt, OnLeaf: a.OnLeaf}
	var said struct {
		Title, Detail, Hint string
		Missing, Policies   []string
	}
	if json.Unmarshal(a.Body, &said) != nil || said.Title == "" {
		said.Title = http.StatusText(a.Status)
	}
	out.Title, out.Detail, out.Hint, out.Missing = said.Title, said.Detail, said.Hint, said.Missing
	for _, id := range said.Policies {
		out.Policies = append(out.Policies, p.ruleIn(nil, id))
	}
	return out
}

// forward gives a problem on to a script, as the API said it.
func forward(w http.ResponseWriter, a *Answer) {
	w.Header().Set("Content-Type", web.ProblemType)
	if a.OnLeaf {
		w.Header().Set("Tribune-Entry", fmt.Sprint(a.Receipt))
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}

// ruleIn is a policy of the set of that hash, or of the one in force where that is nil or not at hand.
func (p *Portal) ruleIn(set *tribune.Hash, id string) ownRule {
	law := p.cfg.Law.Set()
	if set != nil {
		if then, err := p.cfg.Law.Load(*set); err == nil {
			law = then
		}
	}
	for _, r := range law.Rules() {
		if r.ID == id {
			return ownRule{ID: id, Because: r.Because, Permit: r.Permit}
		}
	}
	return ownRule{ID: id}
}

// sortMandates puts the one that lasts longest first.
func sortMandates(all []tribune.Mandate) {
	slices.SortFunc(all, func(a, b tribune.Mandate) int {
		if c := b.Until.Compare(a.Until); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
}
