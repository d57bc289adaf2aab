package model

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNothingIsFused compiles the package for a processor on which Go fuses x*y + z into one operation with one rounding (so do arm64, ppc64le, s390x and
// riscv64, by the same rule of the language), and looks for such operations: where one is, training and verdicts would differ between machines. The cure
// is a conversion around the product.
func TestNothingIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles")
	}
	env := append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOAMD64=v3", "CGO_ENABLED=0")
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", `{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}`, "../matrix"},
		"tribune", "context", "crypto/sha256", "encoding/binary", "fmt", "math/rand/v2")...)
	list.Env = env
	imports, err := list.Output()
	if err != nil {
		t.Skipf("no compiler here: %v", err)
	}
	dir := t.TempDir()
	config, control := filepath.Join(dir, "importcfg"), filepath.Join(dir, "control.go")
	if err := os.WriteFile(config, imports, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(control, []byte("package model\n\nfunc Control(x, y, z float64) float64 { return x*y + z }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fused := regexp.MustCompile(`\((\S+:\d+)\)\s+VFN?M(ADD|SUB)\w+`)
	look := func(files ...string) []string {
		t.Helper()
		cmd := exec.Command("go", append([]string{"tool", "compile", "-p", "tribune/internal/explain/model", "-importcfg", config, "-S", "-o", filepath.Join(dir, "out")}, files...)...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("compiling: %v: %.2000s", err, out)
		}
		var at []string
		for _, m := range fused.FindAllStringSubmatch(string(out), -1) {
			at = append(at, m[1])
		}
		return at
	}
	if len(look(control)) == 0 {
		t.Fatal("x*y + z was not found fused: the test sees nothing")
	}
	ours, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	rest := []string{"file.go", "filelayers.go", "state.go"} // they compute nothing, and import what would have to be compiled too
	ours = slices.DeleteFunc(ours, func(f string) bool { return strings.HasSuffix(f, "_test.go") || slices.Contains(rest, f) })
	for _, at := range append(look(ours...), look("../matrix/matrix.go", "../matrix/product.go", "../matrix/tile.go", "../matrix/tile_any.go")...) {
		t.Errorf("fused: %s", at)
	}
}
