package federation

import (
	"net/http"
	"strings"
	"testing"
)

// A source says that its answer is not all; its words must not become ours.
func TestWarningsOfSourcesArePassedOnWithoutTheirWords(t *testing.T) {
	for _, x := range []struct {
		header []string
		want   string
	}{
		{nil, ""},
		{[]string{`199 antares "a loop"`}, "199"},
		{[]string{`110 a "old, 299 in words", 111 b "x"`, `299 c "geheim"`}, "110 111 299"},
		{[]string{`112 a "of another table"`, `x199 "y"`, strings.Repeat("199", 1000)}, ""},
		{[]string{`199 a "one", 199 b "two"`}, "199"},
	} {
		h := http.Header{"Ngsild-Warning": x.header}
		var codes []string
		for _, text := range warningsOf(h).of(&Registration{ID: "urn:r:\"\r\n1"}) {
			codes = append(codes, text[:3])
			if strings.Contains(text, "geheim") || strings.ContainsAny(text, "\r\n") || strings.Count(text, `"`) != 2 {
				t.Errorf("it is told as %q", text)
			}
		}
		if got := strings.Join(codes, " "); got != x.want {
			t.Errorf("%q: got %q, want %q", x.header, got, x.want)
		}
	}
}

func FuzzWarnings(f *testing.F) {
	for _, s := range []string{"", `199 a "b"`, `110 a "b, 299 c", 111 d "e"`, ", 199 ", "199", "\x00, 299 \xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		out := warningsOf(http.Header{"Ngsild-Warning": {line, line}}).of(&Registration{ID: line})
		if len(out) > len(warnings) {
			t.Fatalf("%d warnings of one source", len(out))
		}
		for _, text := range out {
			if !isFieldValue(text) || strings.Count(text, `"`) != 2 {
				t.Fatalf("%q cannot stand in a header", text)
			}
		}
	})
}
