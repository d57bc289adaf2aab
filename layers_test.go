package tribune_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layer is one rule of the house: who may not import whom, and why.
type layer struct {
	from, to []string // import paths below the module, "" = the root package, "x/..." = x and below
	except   []string // importers the rule does not bind
	why      string
}

var ground = []string{"policy/...", "ibe/...", "verify/...", "internal/store/...", "internal/web/...", "internal/mirror/...", "internal/tagindex/...", "internal/durable/...", "internal/worker/..."}
var rooms = []string{"internal/gate/...", "internal/record/...", "internal/trace/...", "internal/guardian/...", "internal/vault/...", "internal/twin/...", "internal/intake/...", "internal/login/...", "internal/rights/...", "internal/recipients/...", "internal/published/...", "internal/metrics/...", "internal/backup/...", "internal/sim/...", "internal/explain/..."}
var above = []string{"internal/way/...", "internal/portal/...", "internal/service/..."}
var roof = []string{"internal/city/...", "internal/lab/...", "cmd/...", "internal/drill/...", "internal/bench/..."}

var layers = []layer{
	{[]string{""}, []string{"..."}, nil, "the vocabulary imports nothing of ours"},
	{[]string{"protocol/..."}, slices.Concat(ground, rooms, above, roof), nil, "the bytes of the one way are shared by all and know nobody"},
	{ground, slices.Concat(rooms, above, roof), nil, "policy, ibe, verify, store and web are the ground the rooms stand on"},
	{rooms, slices.Concat(above, roof), nil, "a room is wired from above and never reaches up"},
	{above, roof, nil, "only the commands know the city"},
	{[]string{"internal/guardian/..."}, []string{"internal/gate/...", "internal/record/...", "internal/trace/...", "internal/twin/...", "internal/vault/...", "internal/store/..."}, nil, "a guardian is independent of the house it guards"},
	{[]string{"internal/gate/..."}, []string{"internal/record/...", "internal/guardian/...", "internal/vault/...", "internal/twin/..."}, nil, "the gate decides; it does not record, release or open"},
	{[]string{"internal/record/..."}, []string{"internal/gate/...", "internal/guardian/...", "internal/vault/...", "internal/twin/..."}, nil, "the record stores leaves; it neither decides nor opens"},
	{[]string{"internal/vault/..."}, []string{"internal/gate/...", "internal/record/...", "internal/twin/..."}, nil, "the vault cannot put itself on record"},
	{[]string{"internal/twin/..."}, []string{"internal/gate/...", "internal/record/...", "internal/guardian/...", "internal/vault/..."}, nil, "the twin seals through a contract and cannot open"},
	{[]string{"internal/client/..."}, slices.Concat([]string{"policy/...", "ibe/...", "internal/store/...", "internal/web/..."}, rooms, above, roof), nil, "the outside knows the house by its bytes, and verifies them"},
	{[]string{"internal/portal/..."}, []string{"internal/gate/...", "internal/guardian/...", "internal/vault/...", "internal/way/..."}, nil, "the page reads what any visitor may read"},
	{[]string{"internal/intake/...", "internal/sim/..."}, []string{"internal/gate/...", "internal/record/...", "internal/guardian/...", "internal/vault/..."}, nil, "what arrives goes to the twin and nowhere else"},
	{[]string{"internal/login/..."}, []string{"internal/gate/...", "internal/record/...", "internal/guardian/...", "internal/vault/...", "internal/twin/...", "internal/intake/..."}, nil, "who somebody is decides nothing by itself"},
	{[]string{"internal/rights/..."}, []string{"internal/gate/...", "internal/record/...", "internal/guardian/...", "internal/vault/...", "internal/twin/...", "internal/login/..."}, nil, "what people ask of the city opens nothing and decides nothing"},
	{[]string{"internal/way/..."}, []string{"internal/twin/...", "internal/intake/...", "internal/sim/..."}, nil, "the way opens what it is handed; it does not search"},
	{[]string{"law/...", "data/..."}, slices.Concat(rooms, above, roof), nil, "law and data are read by the house and know none of it"},
	{[]string{"internal/drill/...", "internal/bench/..."}, slices.Concat(rooms, above, []string{"internal/city/..."}), []string{}, "drills and benchmarks drive the built binaries over public surfaces"},
	{[]string{"internal/watch/..."}, slices.Concat([]string{"ibe/...", "internal/store/..."}, rooms, above, roof), nil, "who watches from outside shares with the house its bytes, the verifier and the law, and nothing else"},
	{[]string{"internal/mirror/..."}, slices.Concat([]string{"policy/...", "ibe/...", "internal/store/...", "internal/web/..."}, rooms, above, roof), nil, "guardians and outsiders keep their copy with the same few lines"},
	{[]string{"internal/explain/..."}, slices.Concat([]string{"internal/store/...", "ibe/...", "verify/..."}, without(rooms, "internal/explain/..."), above, roof), nil, "an audit of a model needs the model and its data, and nothing of a city"},
	{[]string{"verify/..."}, []string{"internal/..."}, nil, "anyone can take the verifier away from the house"},
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestLayers(t *testing.T) {
	packages := list(t)
	if len(packages) < 10 {
		t.Fatalf("found %d packages; the rules would hold of nothing", len(packages))
	}
	for _, p := range packages {
		from := short(p.ImportPath)
		for _, imported := range p.Imports {
			if imported != "tribune" && !strings.HasPrefix(imported, "tribune/") {
				continue
			}
			to := short(imported)
			for _, l := range layers {
				if matches(from, l.from) && matches(to, l.to) && !matches(from, l.except) && !sameRoom(from, to) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, l.why)
				}
			}
		}
	}
}

func TestRootImportsTheStandardLibraryOnly(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath != "tribune" {
			continue
		}
		for _, i := range p.Imports {
			if strings.Contains(strings.SplitN(i, "/", 2)[0], ".") {
				t.Errorf("the root package imports %s", i)
			}
		}
	}
}

func TestLayerRulesCatchAViolation(t *testing.T) {
	for _, c := range []struct {
		pattern []string
		path    string
		want    bool
	}{
		{[]string{"internal/twin/..."}, "internal/twin", true},
		{[]string{"internal/twin/..."}, "internal/twin/api", true},
		{[]string{"internal/twin/..."}, "internal/twins", false},
		{[]string{"..."}, "policy", true},
		{[]string{""}, "", true},
		{[]string{""}, "policy", false},
	} {
		if got := matches(c.path, c.pattern); got != c.want {
			t.Errorf("matches(%q, %q) = %v, want %v", c.path, c.pattern, got, c.want)
		}
	}
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("reading the list of packages: %v", err)
		}
		all = append(all, p)
	}
}

func short(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, "tribune"), "/") }

func matches(path string, patterns []string) bool {
	for _, p := range patterns {
		if p == path || p == "..." {
			return true
		}
		if base, ok := strings.CutSuffix(p, "/..."); ok && (path == base || strings.HasPrefix(path, base+"/")) {
			return true
		}
	}
	return false
}

// sameRoom: a room's own folders may import each other.
func sameRoom(a, b string) bool {
	room := func(p string) string {
		parts := strings.Split(p, "/")
		if parts[0] == "internal" && len(parts) > 1 {
			return parts[1]
		}
		return parts[0]
	}
	return room(a) == room(b)
}
