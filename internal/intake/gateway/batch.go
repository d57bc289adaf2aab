package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/intake"
)

// flush hands the rows that have gathered to the desk.
func (s *sheet) flush(ctx context.Context) error {
	rows := s.rows
	s.rows, s.size = nil, 0
	if len(rows) == 0 {
		return nil
	}
	err := s.store(ctx, rows)
	if err != nil && s.sum.Next > rows[0].line {
		s.sum.Next = rows[0].line // some of them may be durable; sent again they change nothing
	}
	return err
}

// store takes rows all but the bad ones. The desk takes a list whole or not at all, and says which reading is bad where
// it knows; where only the city's model refuses, the list is halved until the row is found.
func (s *sheet) store(ctx context.Context, rows []csvRow) error {
	for len(rows) > 0 {
		taken, err := s.list(ctx, rows)
		var bad *intake.Quarantined
		switch {
		case err == nil:
			s.sum.Stored += len(rows)
			s.sum.Readings += taken.Readings
			return nil
		case !errors.As(err, &bad):
			return err
		case len(rows) == 1:
			return s.bad(rows[0].line, bad.Reason)
		case bad.Reading == 0:
			half := len(rows) / 2
			if err := s.store(ctx, rows[:half:half]); err != nil {
				return err
			}
			rows = rows[half:]
		default:
			i := rowOf(rows, bad.Reading)
			if err := s.bad(rows[i].line, bad.Reason); err != nil {
				return err
			}
			rows = slices.Delete(slices.Clone(rows), i, i+1)
		}
	}
	return nil
}

func (s *sheet) list(ctx context.Context, rows []csvRow) (intake.Taken, error) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	var list []intake.Reading
	for _, r := range rows {
		list = append(list, r.list...)
	}
	return s.gateway.cfg.Desk.TakeReadings(ctx, s.message.Device, list)
}

// rowOf is the row of a reading, counted from 1.
func rowOf(rows []csvRow, reading int) int {
	for i, r := range rows {
		if reading -= len(r.list); reading <= 0 {
			return i
		}
	}
	return len(rows) - 1
}

// unreadable counts a row that the desk does not see.
func (s *sheet) unreadable(line int, reason string) error {
	if s.unread++; s.unread == 1 {
		s.first = badLine{line, reason}
	}
	return s.bad(line, reason)
}

// bad counts a bad row.
func (s *sheet) bad(line int, reason string) error {
	if s.sum.Bad++; len(s.sum.Lines) < maxReported {
		s.sum.Lines = append(s.sum.Lines, badLine{line, reason})
	}
	if s.sum.Bad > maxBadRows {
		return tribune.Hint(fmt.Errorf("%w: more than %d bad rows; the rest was not read", tribune.ErrInvalid, maxBadRows), "Mend the CSV and send it again: rows that are stored already change nothing.")
	}
	return nil
}
