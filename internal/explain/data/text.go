package data

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"tribune"
)

// Printable says that s is text that a report and a terminal show as it is: UTF-8, no control, nothing that turns letters around. Joiners within a word are
// letters to some scripts.
func Printable(s string) bool {
	for i, r := range s {
		const joiner, nonJoiner = 0x200d, 0x200c
		switch {
		case r < utf8.RuneSelf && r >= ' ' && r != 0x7f, r == joiner, r == nonJoiner:
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n < 2 {
				return false
			}
		case !unicode.IsGraphic(r):
			return false
		}
	}
	return true
}

func notText() error {
	return tribune.Hint(fmt.Errorf("not printable text in UTF-8: %w", tribune.ErrInvalid), "save the file as UTF-8, without control characters in its words")
}

// headed refuses a header whose names could not be shown in an error.
func headed(header []string) error {
	for i, name := range header {
		if !Printable(name) {
			return fmt.Errorf("column %d of the header is %w", i+1, notText())
		}
	}
	return nil
}
