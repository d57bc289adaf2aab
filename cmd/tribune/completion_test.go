package main_test

import (
	"regexp"
	"strings"
	"testing"

	"tribune/internal/need"
)

// table is every command with its flags, as the help of each says.
func table(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, line := range regexp.MustCompile(`(?m)^  tribune ([a-z]+) `).FindAllStringSubmatch(tribune(t, t.TempDir(), "help").out, -1) {
		name := line[1]
		all[name] = nil
		for _, f := range regexp.MustCompile(`(?m)^  -([a-z0-9-]+)`).FindAllStringSubmatch(tribune(t, t.TempDir(), name, "-h").log, -1) {
			all[name] = append(all[name], f[1])
		}
	}
	if len(all) < 10 || len(all["demo"]) < 5 {
		t.Fatalf("the help names %v", all)
	}
	return all
}

func TestBashCompletesCommandsFlagsAndNames(t *testing.T) {
	bash := need.Tool(t, "bash")
	script := tribune(t, t.TempDir(), "completion", "bash").out
	complete := func(words ...string) []string {
		t.Helper()
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + w + "'"
		}
		line := script + "\nCOMP_WORDS=(" + strings.Join(quoted, " ") + "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _tribune; printf '%s\\n' \"${COMPREPLY[@]}\""
		r := runIn(t, t.TempDir(), bash, "--norc", "-c", line)
		if r.code != 0 || r.log != "" {
			t.Fatalf("%q: exit %d %s", words, r.code, r.log)
		}
		return strings.Fields(r.out)
	}
	for command, flags := range table(t) {
		if got := complete("tribune", command[:2]); !contains(got, command) {
			t.Errorf("tribune %s<TAB>: %v", command[:2], got)
		}
		got := complete("tribune", command, "-")
		for _, f := range flags {
			if !contains(got, "--"+f) {
				t.Errorf("tribune %s -<TAB>: %v, want --%s", command, got, f)
			}
		}
		if len(got) != len(flags) {
			t.Errorf("tribune %s -<TAB>: %v, want %v", command, got, flags)
		}
	}
	if got := complete("tribune", "drill", "cra"); len(got) != 1 || got[0] != "crash" {
		t.Errorf("tribune drill cra<TAB>: %v", got)
	}
	if got := complete("tribune", ""); contains(got, "bench-ceiling") || contains(got, "guardian") {
		t.Errorf("commands for the binary's own use are offered: %v", got)
	}
}

func contains(all []string, want string) bool {
	for _, s := range all {
		if s == want {
			return true
		}
	}
	return false
}

func TestEveryShellAndTheManualPageNameEveryCommandAndFlag(t *testing.T) {
	zsh, fish := tribune(t, t.TempDir(), "completion", "zsh").out, tribune(t, t.TempDir(), "completion", "fish").out
	page := tribune(t, t.TempDir(), "man").out
	for command, flags := range table(t) {
		if !strings.Contains(zsh, "\n    '"+command+":") || !strings.Contains(zsh, "\n    "+command+")\n") {
			t.Errorf("zsh does not know %s", command)
		}
		if !strings.Contains(fish, " -a "+command+" -d ") {
			t.Errorf("fish does not know %s", command)
		}
		section := regexp.MustCompile(`(?s)\n\.SS tribune ` + command + `( [A-Z.]*)?\n.*?(\n\.S[SH]|$)`).FindString(page)
		if section == "" {
			t.Errorf("the manual page does not know %s", command)
		}
		for _, f := range flags {
			if !regexp.MustCompile(`'--`+f+`=?\[`).MatchString(zsh) || !strings.Contains(fish, "__fish_seen_subcommand_from "+command+"' -l "+f+" -d ") {
				t.Errorf("zsh or fish does not know %s --%s", command, f)
			}
			if !strings.Contains(section, "\n.B \\-\\-"+strings.ReplaceAll(f, "-", `\-`)) {
				t.Errorf("the manual page does not know %s --%s", command, f)
			}
		}
	}
	for name, script := range map[string]string{"zsh": zsh, "fish": fish} {
		if strings.Count(strings.ReplaceAll(script, `'\''`, ""), "'")%2 != 0 {
			t.Errorf("%s: a quote is left open", name)
		}
	}
	// Nothing in a text may be taken for a request of the formatter.
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, ".") && !regexp.MustCompile(`^\.(TH|SH|SS|TP|PP|B|I|br)\b`).MatchString(line) || strings.HasPrefix(line, "'") {
			t.Errorf("the manual page asks for %q", line)
		}
	}
	if r := tribune(t, t.TempDir(), "completion", "csh"); r.code != 2 || !strings.Contains(r.log, "bash, zsh or fish") {
		t.Errorf("another shell: exit %d %s", r.code, r.log)
	}
}
