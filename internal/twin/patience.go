package twin

import (
	"fmt"
	"time"

	"tribune"
)

// A query is a stranger's: what it costs to look at one entity is hers to choose (patterns, polygons, links), so that a bound of
// entities alone is none of time.
const (
	maxFinding = 15 * time.Second // for one page; a quarter of what a client waits
	lookEvery  = 64               // entities between two looks at the clock
)

// patient fails when the query has taken too long. It is asked for each entity.
func (f *finder) patient() error {
	if f.visited++; f.visited%lookEvery != 0 {
		return nil
	}
	return spent(f.until)
}

// spent fails after the end of a query's time.
func spent(until time.Time) error {
	if time.Now().Before(until) {
		return nil
	}
	return tribune.Hint(fmt.Errorf("more than %v of looking at entities: %w", maxFinding, tribune.ErrTooLarge), "ask for fewer: add a type, a smaller area or a simpler condition")
}
