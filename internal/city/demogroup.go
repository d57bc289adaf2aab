package city

import (
	"fmt"

	"tribune"
)

// demoGuardians are the institutions that a demo can be founded with, the first of them first.
var demoGuardians = []string{
	"ombudsman.example", "court.example", "university.example", "press-council.example", "bar-association.example",
	"audit-office.example", "library.example", "chamber-of-crafts.example", "citizens-assembly.example",
}

const (
	defaultFounders = 4
	leastFounders   = 3
)

// thresholds are how many of n guardians open, and how many publish: as many as can be required while one who is missing
// stops nothing (three guardians are too few for that).
func thresholds(n int) (t, w int) {
	t = (n + 1) / 2
	if n == leastFounders {
		t = 2
	}
	return t, (n + t + 1) / 2
}

// founders is with how many guardians the demo in this directory was founded, or is to be.
func (d *demo) founders() (int, error) {
	held := 0
	for held < len(demoGuardians) && exists(d.Dir.Guardian(held+1)) {
		held++
	}
	switch asked := d.Founders; {
	case asked != 0 && (asked < leastFounders || asked > len(demoGuardians)):
		return 0, fmt.Errorf("%w: a demo is founded with %d to %d guardians", tribune.ErrInvalid, leastFounders, len(demoGuardians))
	case held != 0 && asked != 0 && asked != held:
		return 0, tribune.Hint(fmt.Errorf("%w: %s was founded with %d guardians", tribune.ErrConflict, d.Dir, held), "Use another directory with --dir, or leave --founders out.")
	case held != 0:
		return held, nil
	case asked != 0:
		return asked, nil
	}
	return defaultFounders, nil
}
