package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// A unit that names a flag that is gone, or that forgets a wall, is found here and not on a city's server.
func TestSystemdUnitsStartWhatThereIsBehindWalls(t *testing.T) {
	units, err := filepath.Glob("../../ops/systemd/*.service")
	if err != nil || len(units) != 4 {
		t.Fatalf("found the units %v (%v)", units, err)
	}
	walls := []string{"UMask=0077", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "MemoryDenyWriteExecute=yes", "SystemCallFilter=@system-service"}
	server := []string{"LimitCORE=0", "MemorySwapMax=0", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces=yes", "StateDirectoryMode=0700", "Restart=on-failure"}
	for _, unit := range units {
		lines := map[string]bool{}
		var section, start string
		for i, line := range strings.Split(read(t, unit), "\n") {
			line = strings.TrimSpace(line)
			name, value, pair := strings.Cut(line, "=")
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
				continue
			case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
				section = line
				continue
			case !pair || section == "" || strings.Contains(name, " "):
				t.Errorf("%s:%d: %q is no setting of a section", filepath.Base(unit), i+1, line)
			}
			lines[line] = true
			if name == "ExecStart" {
				start = value
			}
		}
		want := walls
		if filepath.Base(unit) != "tribune-backup.service" {
			want = append(want, server...)
		}
		for _, wall := range want {
			if !lines[wall] {
				t.Errorf("%s lacks %s", filepath.Base(unit), wall)
			}
		}
		words := strings.Fields(start)
		if len(words) < 2 || !strings.HasPrefix(words[0], "/usr/local/bin/") {
			t.Fatalf("%s starts %q", filepath.Base(unit), start)
		}
		if filepath.Base(words[0]) != "tribune" {
			continue
		}
		help := tribune(t, t.TempDir(), words[1], "-h").log
		for _, word := range words[2:] {
			if flag, ok := strings.CutPrefix(word, "--"); ok && !strings.Contains(help, "\n  -"+flag) {
				t.Errorf("%s: tribune %s has no flag --%s", filepath.Base(unit), words[1], flag)
			}
		}
	}
}
