package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestHelpAndWrongUsage(t *testing.T) {
	for _, x := range []struct {
		name     string
		args     []string
		code     int
		out, log string // what each must hold
	}{
		{"help", []string{"help"}, 0, "tribune demo", ""},
		{"--help", []string{"--help"}, 0, "tribune verify", ""},
		{"nothing", nil, 2, "tribune demo", ""},
		{"unknown command", []string{"dmeo"}, 2, "", `there is no command "dmeo"; see tribune help`},
		{"-h of a command", []string{"demo", "-h"}, 0, "", "-speed"},
		{"unknown flag", []string{"demo", "--nonsense"}, 2, "", "-nonsense"},
		{"argument that demo does not take", []string{"demo", "here"}, 2, "", "demo takes no argument"},
		{"verify without files", []string{"verify"}, 2, "", "tribune verify --trust trust.txt receipt.tlog"},
		{"verify without receipt", []string{"verify", "--trust", "trust.txt"}, 2, "", "name a trust file and one receipt"},
		{"check without folder", []string{"check"}, 2, "", "name one law directory"},
		{"check of nothing", []string{"check", "nowhere"}, 1, "", "nowhere"},
		{"sign without key", []string{"sign", "x.toml"}, 2, "", "name a key and the files to sign"},
		{"key without file", []string{"key", "--name", "x.example"}, 2, "", "tribune key --name"},
		{"serve without folder", []string{"serve"}, 2, "", "name the city's directory"},
		{"serve without configuration", []string{"serve", "--dir", "."}, 1, "", "Write city.toml"},
		{"ask where no city is", []string{"ask", "--dir", "nowhere"}, 1, "", "tribune demo --dir nowhere"},
		{"ask as a path", []string{"ask", "--dir", ".", "--as", "../x"}, 1, "", "not a name"},
		{"drill without name", []string{"drill"}, 2, "", "tribune drill list"},
		{"bench without name", []string{"bench"}, 2, "", "tribune bench -h"},
		{"version", []string{"version"}, 0, "tribune ", ""},
	} {
		r := tribune(t, t.TempDir(), x.args...)
		if r.code != x.code || !strings.Contains(r.out, x.out) || !strings.Contains(r.log, x.log) {
			t.Errorf("%s: got exit %d: %q %q, want %d: %q %q", x.name, r.code, r.out, r.log, x.code, x.out, x.log)
		}
		if strings.Contains(r.out+r.log, "guardian's process") || strings.Contains(r.out+r.log, "bench-ceiling") {
			t.Errorf("%s: shows commands for the binary's own use", x.name)
		}
	}
}

// verifyRefuses alters a receipt where each of its parts stands; every refusal must say what does not fit.
func verifyRefuses(t *testing.T, c *city, s session) {
	dir, receipt := t.TempDir(), string(s.receipt)
	write(t, read(t, c.dir, "trust.txt"), dir, "trust.txt")
	verify := func(receipt string) result {
		write(t, receipt, dir, "receipt.tlog")
		return tribune(t, dir, "verify", "--trust", "trust.txt", "receipt.tlog")
	}
	if r := verify(receipt); r.code != 0 {
		t.Fatalf("control: got exit %d: %s%s", r.code, r.out, r.log)
	}
	lines := strings.SplitAfter(receipt, "\n")
	for i := range lines {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		altered := append([]string(nil), lines...)
		at := len(lines[i]) / 2
		swap := byte('A')
		if lines[i][at] == swap {
			swap = 'B'
		}
		altered[i] = lines[i][:at] + string(swap) + lines[i][at+1:]
		if r := verify(strings.Join(altered, "")); r.code != 3 || !strings.HasPrefix(r.log, "tribune: does not hold: ") || len(r.log) < len("tribune: does not hold: ")+10 || r.out != "" {
			t.Errorf("line %d altered: got exit %d: %s%s", i+1, r.code, r.out, r.log)
		}
	}
	if r := verify(""); r.code != 3 || r.log == "" {
		t.Errorf("an empty receipt: got exit %d: %s", r.code, r.log)
	}
	if r := tribune(t, dir, "verify", "--trust", "trust.txt", "none.tlog"); r.code != 1 || !strings.Contains(r.log, "none.tlog") {
		t.Errorf("a receipt that is not there: got exit %d: %s", r.code, r.log)
	}
	// Another city's guardians.
	write(t, regexp.MustCompile(`(?m)^log .*`).ReplaceAllString(read(t, dir, "trust.txt"), "log birmingham.example/record+00000000+AAAA"), dir, "trust.txt")
	if r := verify(receipt); r.code != 1 || !strings.Contains(r.log, "trust file") {
		t.Errorf("a broken trust file: got exit %d: %s", r.code, r.log)
	}
}

// checkAndSign is what a steward does: read what the law says, change it, find the signature broken, sign, find it whole.
func checkAndSign(t *testing.T, c *city) {
	dir := t.TempDir()
	copyTree(t, filepath.Join(dir, "law"), filepath.Join(c.dir, "hub", "law"))
	r := tribune(t, dir, "check", "law")
	for _, want := range []string{
		"policies/parking.cedar:1: note: inspector-looks-up-sessions permits, until it ends on ",
		"A parking inspector may see where and how long a vehicle has parked and paid, to check that vehicle.",
		"floor-live-face-search forbids: Nobody may search for people by their faces",
		"parking-session (Parking sessions: which vehicle stood where, from when until when) is personal and sealed: licensePlate, driver,",
		"mandate parking-enforcement-2026 lets parking-inspector use parking-session for enforce-parking",
		"mandate parking-enforcement-2025 ended on 2025-12-31 (renew it in public, or remove it)",
		"The law can be used. Hub and guardians pin its floors by this hash: ",
	} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("the law as it was signed: got exit %d without %q: %s%s", r.code, want, r.out, r.log)
		}
	}

	const file = "law/policies/parking.cedar"
	write(t, strings.Replace(read(t, dir, file), "windowDays <= 31", "windowDays <= 62", 1), dir, file)
	r = tribune(t, dir, "check", "law")
	if want := "policies/parking.cedar: error: it is not as it was signed, or not signed by birmingham.example/steward (if the change is meant, let birmingham.example/steward sign it again)"; r.code != 3 ||
		!strings.Contains(r.out, want) || strings.Count(r.out, ": error: ") != 1 || !strings.Contains(r.log, "does not hold") {
		t.Errorf("a changed file: got exit %d: %s%s, want %q", r.code, r.out, r.log, want)
	}
	if strings.Contains(r.out, "can be used") {
		t.Errorf("a broken law is called usable: %s", r.out)
	}
	r = tribune(t, dir, "check", "--json", "law")
	var findings []struct{ File, Level, What, Do string }
	if err := json.Unmarshal([]byte(r.out), &findings); err != nil || r.code != 3 || len(findings) == 0 {
		t.Errorf("check --json: got exit %d, %d findings (%v)", r.code, len(findings), err)
	}

	// By the wrong institution, then by the right one.
	r = tribune(t, dir, "sign", "--key", filepath.Join(c.dir, "institutions", "council.key"), file)
	if again := tribune(t, dir, "check", "law"); r.code != 0 || again.code != 3 || !strings.Contains(again.out, "policies/parking.cedar: error: ") {
		t.Errorf("signed by the council: got exit %d, then %d: %s", r.code, again.code, again.out)
	}
	r = tribune(t, dir, "sign", "--key", filepath.Join(c.dir, "institutions", "steward.key"), file)
	if r.code != 0 || r.out != file+": signed by birmingham.example/steward\n" {
		t.Errorf("signing: got exit %d: %s%s", r.code, r.out, r.log)
	}
	if r = tribune(t, dir, "check", "law"); r.code != 0 || strings.Contains(r.out, ": error: ") {
		t.Errorf("signed again: got exit %d: %s%s", r.code, r.out, r.log)
	}
	if err := os.Remove(filepath.Join(dir, "law", "floors.cedar")); err != nil {
		t.Fatal(err)
	}
	if r = tribune(t, dir, "check", "law"); r.code != 3 || !strings.Contains(r.out, "floors.cedar") {
		t.Errorf("without floors: got exit %d: %s%s", r.code, r.out, r.log)
	}
}

func TestKeyIsMadeOnceAndNeverShown(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"--name", "city.example/steward", "--out", "keys/steward.key"}, {"--out", "people/officer.key"}} {
		first, second := tribune(t, dir, append([]string{"key"}, args...)...), tribune(t, dir, append([]string{"key"}, args...)...)
		file := filepath.Join(dir, args[len(args)-1])
		info, err := os.Stat(file)
		if err != nil || first.code != 0 || first.out == "" || first.out != second.out || info.Mode() != 0o600 {
			t.Errorf("%v: got exit %d %q, then %q, mode %v (%v)", args, first.code, first.out, second.out, info.Mode(), err)
		}
		if secret := strings.TrimSpace(read(t, file)); strings.Contains(first.out+second.out, secret) {
			t.Errorf("%v: it prints the secret key", args)
		}
	}
	if r := tribune(t, dir, "key", "--name", "city.example/council", "--out", "keys/steward.key"); r.code != 1 || !strings.Contains(r.log, "holds the key of city.example/steward") {
		t.Errorf("another's key: got exit %d: %s%s", r.code, r.out, r.log)
	}
	if r := tribune(t, dir, "key", "--out", "keys/steward.key"); r.code != 1 || strings.Contains(r.log, "PRIVATE") {
		t.Errorf("a note key for an officer's: got exit %d: %s%s", r.code, r.out, r.log)
	}
}
