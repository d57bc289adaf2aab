package temporal

import "tribune/internal/twin/model"

// Aggregated is what the instances of an attribute with one datasetId come to, by period, in order. Periods without
// instances are left out.
type Aggregated struct {
	Dataset string
	Kind    model.Kind
	Periods []Sums
}

// Sums are what the instances of one period come to.
type Sums struct {
	Period
	Aggregate
}
