package main

import (
	"fmt"
	"io"
	"os"

	"tribune/protocol"
	"tribune/verify"
)

// verifyNotice checks a notice that an endpoint or a desk was given, and says what it asks for.
func verifyNotice(trust *verify.Trust, file string, out io.Writer) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the notice: %w", err)
	}
	n, err := protocol.DecodeNotice(data, trust.LogKey())
	if err != nil {
		return fmt.Errorf("%w: %w", errDoesNotHold, err)
	}
	asks := map[protocol.NoticeKind]string{
		protocol.NoticeErased: "were erased: erase what you were given", protocol.NoticeRectified: "were corrected: fetch them anew",
		protocol.NoticeRestricted: "may not be used at present", protocol.NoticeLifted: "may be used again",
	}
	fmt.Fprintln(out, "This notice holds.")
	fmt.Fprintf(out, "  %s says: data of class %s, which the office %s was given from %s to %s for the purpose %s, %s (%s).\n", n.City, n.Class, n.Office, n.From, n.Until, n.Purpose, asks[n.Kind], n.Time)
	for _, e := range n.About {
		fmt.Fprintf(out, "  %q, given from %s to %s\n", e.ID, e.From, e.Until)
	}
	return nil
}
