// Package court is what a court does that issues a warrant: it has a name turned into a pseudonym, commits to that, and signs. The command
// tribune investigate and the demo's court call it.
//
// Promises: the city learns at most which name was asked for, never which warrant it went into or whether any did; a hub that answers with
// somebody else's pseudonym is found out, under the guardians' key; the signed document says how many people it is about and not who.
// What opens it leaves this package once, for the court to hand to whom the warrant empowers. The court's key is used here and goes
// nowhere.
package court

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/ibe"
	"tribune/internal/client"
	"tribune/policy"
	"tribune/protocol"
)

// Person is somebody whom a warrant is to name.
type Person struct {
	Name      protocol.PersonName
	Pseudonym tribune.Pseudonym
}

// Find has a name evaluated, on record, and checks what comes back under the group's NAME key: the caller vouches for the group.
func Find(ctx context.Context, c *client.Client, group protocol.Group, name protocol.PersonName) (Person, *client.Answer, error) {
	answer, err := c.NameForWarrant(ctx, name, protocol.NewSalt())
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		return Person{}, answer, fmt.Errorf("having a name evaluated: %w", err)
	}
	var body struct {
		Y []byte `json:"y"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil {
		return Person{}, answer, fmt.Errorf("%w: the hub's answer cannot be read", tribune.ErrInvalid)
	}
	master, err := ibe.NewNameMaster(group.Name.Key)
	if err != nil {
		return Person{}, answer, fmt.Errorf("reading the guardians' key: %w", err)
	}
	if err := master.VerifyName(protocol.NameInput(group.City, name.Type, name.Name), body.Y); err != nil {
		return Person{}, answer, fmt.Errorf("the hub answers for another name than it was asked: %w", err)
	}
	return Person{Name: name, Pseudonym: protocol.PseudonymOf(name.Type, body.Y)}, answer, nil
}

// Issue writes a warrant about people and signs it. hidden is the quarter whose chains it extends where m.Extends is set, else unused.
// It returns the document, which is public, and what opens it, which is not.
func Issue(m tribune.Mandate, city string, hidden uint32, by note.Signer, people ...Person) (doc []byte, opening []byte, err error) {
	if len(people) == 0 || len(people) > protocol.MaxNamed {
		return nil, nil, fmt.Errorf("%w: a warrant names 1 to %d people", tribune.ErrInvalid, protocol.MaxNamed)
	}
	o := protocol.WarrantOpening{Warrant: m.ID}
	m.Issuer, m.Names = by.Name(), nil
	for _, p := range people {
		salt := protocol.NewSalt()
		name := protocol.WarrantName(city, m.ID, salt, p.Pseudonym)
		if m.Extends != "" {
			id := tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p.Pseudonym, Quarter: hidden}
			name = protocol.WarrantChain(city, m.ID, salt, protocol.HiddenChain(city, id))
		}
		m.Names, o.Names = append(m.Names, name), append(o.Names, protocol.WarrantNamed{Name: p.Name, Salt: salt})
	}
	text, err := policy.WarrantText(m)
	if err != nil {
		return nil, nil, fmt.Errorf("writing the warrant: %w", err)
	}
	if doc, err = protocol.SignDocument(text, by); err != nil {
		return nil, nil, fmt.Errorf("signing the warrant: %w", err)
	}
	if len(doc) > policy.MaxEvidence {
		return nil, nil, fmt.Errorf("%w: a warrant of %d bytes, at most %d", tribune.ErrTooLarge, len(doc), policy.MaxEvidence)
	}
	if opening, err = json.MarshalIndent(o, "", " "); err != nil {
		return nil, nil, err
	}
	return doc, append(opening, '\n'), nil
}
