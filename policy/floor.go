package policy

import (
	"github.com/cedar-policy/cedar-go"

	"tribune"
)

// floorAgainst finds the floor that forbids a purpose whatever else is written, by trying an act for it that has
// everything an act can have.
func (s *Set) floorAgainst(p Purpose) *Rule {
	j := judgement{set: s, purpose: s.purposes[p.ID], inForce: true}
	j.act = tribune.Act{Kind: tribune.ActDecide, Count: 1, Caller: tribune.Caller{Purpose: p.ID}}
	j.basis = &mandateEntry{}
	j.basis.record[1] = cedar.NewRecord(cedar.RecordMap{
		"id": cedar.String(""), "purpose": cedar.String(p.ID), "issuer": cedar.String(""), "offices": cedar.NewSet(),
		"classes": cedar.NewSet(), "maxSubjects": cedar.Long(1), "inForce": cedar.Boolean(true), "hidden": cedar.Boolean(false),
	})
	_, diag := cedar.Authorize(s.rules, nil, j.request())
	for _, reason := range diag.Reasons {
		if r := s.ruleByID[string(reason.PolicyID)]; r.Floor {
			return r
		}
	}
	return nil
}
