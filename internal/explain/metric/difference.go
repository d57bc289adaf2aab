package metric

// Difference is the area of attack i less that of attack j on the same records, with DeLong's interval. Attacks that never disagree differ by nothing; the
// interval is then never narrower than what one pair in all is worth.
func (d Comparison) Difference(i, j int, confidence float64) (Figure, error) {
	if err := confident(confidence); err != nil {
		return Figure{}, err
	}
	tail := (1 - confidence) / 2
	difference, se, _ := d.Better(i, j)
	least := clopperPearson(0, max(min(d.members, d.others), 1), tail).High
	half := max(normal(1-tail)*se, least*least) // of all pairs of a member and another
	return Figure{difference, Interval{max(difference-half, -1), min(difference+half, 1)}}, nil
}
