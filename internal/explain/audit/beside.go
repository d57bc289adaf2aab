package audit

import "tribune/internal/explain/attack"

// Attacks on what else leaves (package release) draw records, and find those who stand out, as audits do.

// OutlierShare is the share of records that stand under Outliers, and Unusual what they are called there.
const (
	OutlierShare = outliers
	Unusual      = unusual
)

// Drawn names n of the rows from..to-1, in order; all of them where n is 0 or there are no more.
func Drawn(from, to, n int, seed, stream uint64) []int { return draw(from, to, n, seed, stream) }

// Unexpected is how little the references that never saw a record expected its class, on average. Nothing of the target is looked at.
func Unexpected(s *attack.Sheet) []float64 { return unexpected(s) }
