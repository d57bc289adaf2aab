package verify

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
)

func TestTooFewCosignaturesAreNoQuorum(t *testing.T) {
	l := logWithAct(t, 1, 4)
	for n := range 5 {
		_, err := l.trust.Receipt(l.receipt(t, 1, 4, n, true))
		if n >= 3 && err != nil {
			t.Errorf("%d co-signatures: %v", n, err)
		}
		if n < 3 && (!errors.Is(err, tribune.ErrNoQuorum) || !strings.Contains(err.Error(), "press-council.example")) {
			t.Errorf("%d co-signatures: got %v, want ErrNoQuorum that names who is missing", n, err)
		}
	}
}

// Every one of these is a checkpoint that a lenient reader of signed notes takes.
func TestLooseCheckpointsAreRefused(t *testing.T) {
	l := logWithAct(t, 1, 4)
	good := string(l.checkpoint(t, 4, 3))
	if _, err := l.trust.Checkpoint([]byte(good)); err != nil {
		t.Fatalf("control: %v", err)
	}
	stranger := newTestLog(t)
	text, sigs, _ := strings.Cut(good, "\n\n")
	lines := strings.SplitAfter(sigs, "\n")
	foreign := strings.SplitAfter(strings.SplitN(string(stranger.sign(t, text+"\n", 1)), "\n\n", 2)[1], "\n")
	plainKey, err := note.NewSigner(l.seeds[3])
	if err != nil {
		t.Fatal(err)
	}
	plain, err := note.Sign(&note.Note{Text: text + "\n"}, plainKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, msg := range map[string]string{
		"line by an unknown key":               good + foreign[1],
		"line twice":                           good + lines[1],
		"log's signature missing":              text + "\n\n" + strings.Join(lines[1:], ""),
		"another log's signature":              text + "\n\n" + foreign[0] + strings.Join(lines[1:], ""),
		"guardian signed without a time":       text + "\n\n" + lines[0] + lines[1] + lines[2] + strings.SplitAfter(string(plain), "\n\n")[1],
		"extension line":                       string(l.sign(t, text+"\nextension\n", 4)),
		"other origin":                         string(l.sign(t, strings.Replace(text, testOrigin, "other.example/record", 1)+"\n", 4)),
		"size with a leading zero":             string(l.sign(t, strings.Replace(text, "\n4\n", "\n04\n", 1)+"\n", 4)),
		"size with a sign":                     string(l.sign(t, strings.Replace(text, "\n4\n", "\n+4\n", 1)+"\n", 4)),
		"empty log with a root":                string(l.sign(t, strings.Replace(text, "\n4\n", "\n0\n", 1)+"\n", 4)),
		"root that is short":                   string(l.sign(t, testOrigin+"\n4\nAAAA\n", 4)),
		"last line without its end":            good[:len(good)-1],
		"nothing":                              "",
		"trailing empty line":                  good + "\n",
		"line that is no signature":            good + "hello\n",
		"text of one log, signatures of other": strings.Replace(good, "\n4\n", "\n3\n", 1),
	} {
		if _, err := l.trust.Checkpoint([]byte(msg)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if _, err := l.trust.Checkpoint([]byte(strings.Repeat("x", MaxCheckpoint+1))); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("endless checkpoint: got %v, want ErrTooLarge", err)
	}
}
