package gateway

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"tribune"
	"tribune/internal/intake"
)

// header says what is wrong with the header row.
func (s *sheet) header(record []string) string {
	if len(record) > maxColumns {
		return fmt.Sprintf("more than %d columns", maxColumns)
	}
	s.time = -1
	s.names = make([]string, len(record))
	seen := map[string]bool{}
	for i, name := range record {
		name = strings.TrimSpace(name)
		if seen[name] {
			return fmt.Sprintf("column %d has the name of another", i+1)
		}
		seen[name], s.names[i] = true, name
		if name == "time" {
			s.time = i
		} else if _, ok := s.message.Device.Target([]byte(name)); !ok {
			return fmt.Sprintf("column %d: the device's document does not say that it senses this", i+1)
		}
	}
	switch {
	case s.time < 0:
		return `no column "time"`
	case len(record) == 1:
		return `no column but "time"`
	}
	return ""
}

// row keeps the readings of a row for the next batch.
func (s *sheet) row(line int, record []string) error {
	at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(record[s.time]))
	if err != nil {
		return s.unreadable(line, "its time is not one like 2026-11-22T10:00:00Z")
	}
	list := make([]intake.Reading, 0, len(record)-1)
	for i, text := range record {
		if i == s.time {
			continue
		}
		if !utf8.ValidString(text) {
			return s.unreadable(line, "it is not UTF-8")
		}
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, intake.Reading{Name: s.names[i], Value: cell(text), At: at.UTC()})
		}
	}
	if len(list) == 0 {
		return s.unreadable(line, "it has no reading")
	}
	s.rows, s.size = append(s.rows, csvRow{line, list}), s.size+len(list)
	return nil
}

// cell is the value of a cell.
func cell(text string) json.RawMessage {
	switch c := text[0]; {
	case text == "true", text == "false", (c == '-' || c >= '0' && c <= '9') && json.Valid([]byte(text)):
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil { // not of a string
		return json.RawMessage(`""`)
	}
	return quoted
}

// wording is what is wrong with a row by the rules of CSV.
func wording(err *csv.ParseError) string {
	if errors.Is(err, csv.ErrFieldCount) {
		return "it has not as many fields as the header row"
	}
	return "a quotation mark is missing or stands where none may"
}

// unread is the error of a body that cannot be read to its end.
func unread(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, tribune.ErrTooLarge) {
		return err
	}
	return fmt.Errorf("%w: the body broke off, or came too slowly", tribune.ErrInvalid)
}
