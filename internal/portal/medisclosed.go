package portal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tribune/internal/web"
	"tribune/protocol"
)

// everyUse lists the uses of a name's data, newest first: those of the trace, and those that a warrant has hidden for a time that is over.
func (p *Portal) everyUse(ctx context.Context, name web.PersonName) ([]Use, error) {
	uses, err := p.cfg.Own.Uses(ctx, name)
	if err != nil {
		return nil, err
	}
	disclosed, err := p.cfg.Own.Disclosed(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("looking up what was hidden: %w", err)
	}
	if len(disclosed) == 0 {
		return uses, nil
	}
	all := append(slices.Clone(uses), disclosed...)
	slices.SortStableFunc(all, func(a, b Use) int { return int(b.Index) - int(a.Index) })
	return all, nil
}

// HiddenUntil is when a use that was hidden could be seen; zero where it never was.
func (u Use) HiddenUntil() time.Time {
	if u.Quarter == 0 {
		return time.Time{}
	}
	return protocol.QuarterEnd(u.Quarter)
}
