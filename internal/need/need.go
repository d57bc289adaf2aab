// Package need finds the tools that some tests drive: real clients, a real browser. Only tests call it. A missing tool
// skips the test and says which line installs it; with TRIBUNE_STRICT=1, as `make test` sets it, it fails.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Tool is the path of the first of names that is installed.
func Tool(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, names[0]+" is not installed: run scripts/setup")
	return ""
}

// Chromium is the path of a Chromium or Chrome.
func Chromium(t testing.TB) string {
	t.Helper()
	return Tool(t, "chromium", "chromium-browser", "google-chrome")
}

// Python is the path of a python3 that has a module. Debian's own is looked at too: another one may come first in PATH.
func Python(t testing.TB, module string) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "-c", "import "+module).Run() == nil {
			return path
		}
	}
	Missing(t, "python3 has no module "+module+": run scripts/setup")
	return ""
}

// Missing skips the test for a reason, or fails it where TRIBUNE_STRICT=1.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("TRIBUNE_STRICT") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
