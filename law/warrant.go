package law

import (
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// WarrantID is the demo's warrant.
const WarrantID tribune.MandateID = "warrant-2026-17"

// warrantDays is how long it lasts.
const warrantDays = 30

// Warrant is the demo's warrant, in force since yesterday, without the names of those it is about.
func Warrant(court string, now time.Time) tribune.Mandate {
	from := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	until := from.AddDate(0, 0, warrantDays+1)
	return tribune.Mandate{
		ID: WarrantID, Purpose: "investigate-crime", Issuer: court, Basis: "Warrant of the magistrates' court under the Investigatory Powers Act 2016",
		Offices: []tribune.OfficeID{"investigator"}, Classes: []tribune.ClassID{"parking-session"}, MaxSubjects: 1, From: from, Until: until,
		Disclose: protocol.QuarterOf(until.Add(-1)),
	}
}

// SignWarrant names people in a warrant and signs it as its court. It returns the salts that open the names, in their order.
func SignWarrant(m tribune.Mandate, city string, court note.Signer, named ...tribune.Pseudonym) (doc []byte, salts [][]byte, err error) {
	m.Names = nil
	for _, p := range named {
		salts = append(salts, protocol.NewSalt())
		m.Names = append(m.Names, protocol.WarrantName(city, m.ID, salts[len(salts)-1], p))
	}
	text, err := policy.WarrantText(m)
	if err != nil {
		return nil, nil, err
	}
	doc, err = protocol.SignDocument(text, court)
	return doc, salts, err
}
