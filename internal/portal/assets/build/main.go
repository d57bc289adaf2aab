// Command build bundles the portal's scripts: every src/NAME.ts whose name does not begin with "_" becomes dist/NAME.js, and
// the style sheets it imports become dist/NAME.css. The licences of the packages that went in are written to
// dist/licences.txt, which the portal serves.
//
// scripts/assets runs it in internal/portal/assets, after npm has fetched the packages and TypeScript has checked the types.
// The same sources and packages give the same bytes.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if err := build("."); err != nil {
		fmt.Fprintln(os.Stderr, "assets:", err)
		os.Exit(1)
	}
}

// build bundles the scripts of dir, which holds src, dist and node_modules.
func build(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding the folder of the assets: %w", err)
	}
	scripts, err := entries(filepath.Join(dir, "src"))
	if err != nil {
		return err
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     dir,
		EntryPoints:       scripts,
		Outdir:            "dist",
		Bundle:            true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone, // licences.txt holds them, whole
		Banner:            map[string]string{"js": "/* licences: /assets/licences.txt */"},
		Metafile:          true,
		LogLevel:          api.LogLevelWarning,
		Plugins:           []api.Plugin{leaflet(dir)},
		// The pictures of Leaflet's pins and layer switch, which the map does not have.
		Loader: map[string]api.Loader{".png": api.LoaderEmpty},
	})
	if len(result.Errors) > 0 {
		return fmt.Errorf("bundling failed, see above")
	}
	texts, err := licences(dir, result.Metafile)
	if err != nil {
		return err
	}
	return write(dir, result.OutputFiles, texts)
}

// leaflet: Leaflet as a whole is larger than a page's scripts may be, so _leaflet.js stands for it, with the parts that the
// map uses.
func leaflet(dir string) api.Plugin {
	return api.Plugin{Name: "leaflet", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: "^leaflet$"}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: filepath.Join(dir, "src", "_leaflet.js")}, nil
		})
	}}
}

// entries are the scripts that pages name, in the order of their names.
func entries(src string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(src, "*.ts"))
	if err != nil {
		return nil, fmt.Errorf("listing the scripts: %w", err)
	}
	found = slices.DeleteFunc(found, func(name string) bool { return strings.HasPrefix(filepath.Base(name), "_") })
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no script in %s", src)
	}
	slices.Sort(found)
	return found, nil
}

// licences are the licence texts of every package that a bundle holds.
func licences(dir, metafile string) (string, error) {
	var meta struct {
		Inputs map[string]struct{ Bytes int }
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return "", fmt.Errorf("reading what was bundled: %w", err)
	}
	var packages []string
	for input := range meta.Inputs {
		if name, ok := packageOf(input); ok && !slices.Contains(packages, name) {
			packages = append(packages, name)
		}
	}
	slices.Sort(packages)
	var out strings.Builder
	out.WriteString("The scripts and style sheets of these pages hold parts of the following packages, under their licences.\n")
	for _, name := range packages {
		version, text, err := licence(filepath.Join(dir, "node_modules", filepath.FromSlash(name)))
		if err != nil {
			return "", fmt.Errorf("licence of package %s: %w", name, err)
		}
		fmt.Fprintf(&out, "\n\n%s %s\n%s\n\n%s\n", name, version, strings.Repeat("-", len(name)+1+len(version)), strings.TrimSpace(text))
	}
	return out.String(), nil
}

// packageOf is the npm package that a bundled file belongs to.
func packageOf(input string) (string, bool) {
	_, rest, ok := strings.Cut(input, "node_modules/")
	if !ok {
		return "", false
	}
	parts := strings.Split(rest, "/")
	if strings.HasPrefix(rest, "@") && len(parts) > 1 {
		return path.Join(parts[0], parts[1]), true
	}
	return parts[0], true
}

func licence(folder string) (version, text string, err error) {
	data, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return "", "", err
	}
	var about struct{ Version string }
	if err := json.Unmarshal(data, &about); err != nil {
		return "", "", err
	}
	for _, name := range []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE"} {
		if data, err = os.ReadFile(filepath.Join(folder, name)); err == nil {
			return about.Version, string(data), nil
		}
	}
	return "", "", errors.New("the package holds no licence text, so it cannot be passed on")
}

// write replaces what an earlier build left in dist.
func write(dir string, outputs []api.OutputFile, licences string) error {
	dist := filepath.Join(dir, "dist")
	old, err := filepath.Glob(filepath.Join(dist, "[^.]*"))
	if err != nil {
		return fmt.Errorf("listing the last build: %w", err)
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("clearing the last build: %w", err)
		}
	}
	outputs = append(outputs, api.OutputFile{Path: filepath.Join(dist, "licences.txt"), Contents: []byte(licences)})
	slices.SortFunc(outputs, func(a, b api.OutputFile) int { return strings.Compare(a.Path, b.Path) })
	for _, out := range outputs {
		if err := os.WriteFile(out.Path, out.Contents, 0o644); err != nil {
			return fmt.Errorf("writing a bundle: %w", err)
		}
		fmt.Printf("%8d  %s\n", len(out.Contents), filepath.Base(out.Path))
	}
	return nil
}
