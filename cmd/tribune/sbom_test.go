package main_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bundled are the npm packages that the binary's scripts are made of, by the file that names them for npm; none where it was built
// without scripts.
func bundled(t *testing.T) (all []string) {
	t.Helper()
	if _, err := os.Stat("../../internal/portal/assets/dist/city.js"); err != nil {
		return nil
	}
	var npm struct{ Dependencies map[string]string }
	if err := json.Unmarshal([]byte(read(t, "../../internal/portal/assets/package.json")), &npm); err != nil || len(npm.Dependencies) == 0 {
		t.Fatalf("package.json names %d packages (%v)", len(npm.Dependencies), err)
	}
	for name, version := range npm.Dependencies {
		all = append(all, "pkg:npm/"+name+"@"+version)
	}
	return all
}

func TestBillOfMaterialsIsWhatTheBinaryHolds(t *testing.T) {
	r := tribune(t, t.TempDir(), "version", "--sbom")
	if again := tribune(t, t.TempDir(), "version", "--sbom"); r.code != 0 || again.out != r.out {
		t.Fatalf("version --sbom: exit %d, twice the same: %v: %s", r.code, again.out == r.out, r.log)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(strings.NewReader(r.out), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	scripts := bundled(t)
	listed := map[string]string{} // package URL -> hash in go.sum
	for _, c := range *bom.Components {
		sum := ""
		if c.Properties != nil {
			for _, p := range *c.Properties {
				if p.Name == "go:sum" {
					sum = p.Value
				}
			}
		}
		if _, twice := listed[c.PackageURL]; twice || c.PackageURL != c.BOMRef {
			t.Errorf("%s stands twice, or under another name", c.PackageURL)
		}
		listed[c.PackageURL] = sum
	}
	if _, ok := listed["pkg:golang/std@"+strings.TrimPrefix(info.GoVersion, "go")]; !ok || len(listed) != len(info.Deps)+1+len(scripts) || len(info.Deps) < 20 {
		t.Errorf("it lists %d components, the binary holds %d modules and the standard library (listed: %v)", len(listed), len(info.Deps), ok)
	}
	for _, d := range info.Deps {
		if sum, ok := listed["pkg:golang/"+d.Path+"@"+strings.ReplaceAll(d.Version, "+", "%2B")]; !ok || sum != d.Sum || sum == "" {
			t.Errorf("%s %s: listed %v with sum %q, want %q", d.Path, d.Version, ok, sum, d.Sum)
		}
	}
	for _, p := range scripts {
		if _, ok := listed[p]; !ok {
			t.Errorf("it does not list %s, of which the pages' scripts hold parts", p)
		}
	}
	if bom.SerialNumber != "" || bom.Metadata.Timestamp != "" {
		t.Errorf("it holds a serial number %q or a time %q: no two would be the same", bom.SerialNumber, bom.Metadata.Timestamp)
	}
	if other := tribune(t, t.TempDir(), "version", "--sbom", "--of", binary); other.out != r.out {
		t.Error("--of the same program says something else")
	}
	if other := tribune(t, t.TempDir(), "version", "--sbom", "--of", "/etc/hostname"); other.code != 1 {
		t.Errorf("--of what is no Go program: exit %d", other.code)
	}
}
