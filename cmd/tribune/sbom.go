package main

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes a CycloneDX 1.6 bill of materials of a Go program as its build information has it: every module that is linked, with
// the hash that go.sum pins, the standard library, the settings of the build, and the npm packages in the pages' scripts. It holds no time
// and no serial number: the same program gives the same bytes.
func writeSBOM(out io.Writer, info *debug.BuildInfo, scripts []script) error {
	bom := cdx.NewBOM()
	bom.SpecVersion = cdx.SpecVersion1_6
	self := cdx.Component{
		BOMRef: purl(info.Main.Path, info.Main.Version), Type: cdx.ComponentTypeApplication, Name: path.Base(info.Path), Version: info.Main.Version,
		PackageURL: purl(info.Main.Path, info.Main.Version), Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}
	settings := []cdx.Property{}
	for _, s := range info.Settings {
		settings = append(settings, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	self.Properties = &settings
	bom.Metadata = &cdx.Metadata{Component: &self}

	std := strings.TrimPrefix(info.GoVersion, "go")
	components := []cdx.Component{{BOMRef: purl("std", std), Type: cdx.ComponentTypeLibrary, Name: "std", Version: std, PackageURL: purl("std", std)}}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		ref := purl(module.Path, module.Version)
		components = append(components, cdx.Component{
			BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: module.Path, Version: module.Version, PackageURL: ref,
			Properties: &[]cdx.Property{{Name: "go:sum", Value: module.Sum}},
		})
	}
	for _, p := range scripts {
		ref := "pkg:npm/" + strings.Replace(p.name, "@", "%40", 1) + "@" + p.version
		components = append(components, cdx.Component{BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: p.name, Version: p.version, PackageURL: ref})
	}
	bom.Components = &components
	refs := make([]string, len(components))
	for i, c := range components {
		refs[i] = c.BOMRef
	}
	// Build information does not say which module imports which.
	bom.Dependencies = &[]cdx.Dependency{{Ref: self.BOMRef, Dependencies: &refs}}
	if err := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, bom.SpecVersion); err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	return nil
}

// script is an npm package of which the pages' scripts hold parts.
type script struct{ name, version string }

// licencesBegin is how the licences of the scripts begin, which are embedded beside them; a heading is a name and a version, underlined.
const licencesBegin = "The scripts and style sheets of these pages hold parts of the following packages"

// maxLicences bounds the licences of all packages together.
const maxLicences = 256 << 10

var licenceHeading = regexp.MustCompile(`(?m)^(@?[a-z0-9][a-z0-9@/._-]*) ([0-9][0-9A-Za-z.+-]*)\n(-+)$`)

// scriptsIn finds the packages in the bytes of a program: Go's build information knows nothing of them. A program that was built
// without npm has none.
func scriptsIn(program []byte) (all []script) {
	for rest := program; ; {
		_, after, found := bytes.Cut(rest, []byte(licencesBegin))
		if !found {
			slices.SortFunc(all, func(a, b script) int { return strings.Compare(a.name+" "+a.version, b.name+" "+b.version) })
			return slices.Compact(all)
		}
		rest = after
		for _, m := range licenceHeading.FindAllSubmatch(after[:min(len(after), maxLicences)], -1) {
			if p := (script{string(m[1]), string(m[2])}); len(m[3]) == len(p.name)+1+len(p.version) {
				all = append(all, p)
			}
		}
	}
}

// purl is a package URL (ECMA-427), type golang.
func purl(module, version string) string {
	return "pkg:golang/" + module + "@" + strings.ReplaceAll(version, "+", "%2B")
}
