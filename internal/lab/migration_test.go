package lab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune/internal/need"
)

// commands are the shell blocks of docs/migration.md by their names.
func commands(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```sh (\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks[m[1]] = m[2]
	}
	return blocks
}

func post(t *testing.T, url, media, body string) {
	t.Helper()
	res, err := http.Post(url, media, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode >= 300 {
		t.Fatalf("%s: %d", url, res.StatusCode)
	}
}

// Whoever comes from another broker does what docs/migration.md says. Here the other one is a laboratory as well.
func TestTheMigrationGuideTakesEverythingAlong(t *testing.T) {
	need.Tool(t, "curl")
	need.Tool(t, "jq")
	old, _ := laboratory(t)
	fresh, _ := laboratory(t)
	const api = "/ngsi-ld/v1"
	var streets []string
	for i := range 230 {
		streets = append(streets, fmt.Sprintf(`{"id":"urn:ngsi-ld:Street:%d","type":"Street","name":{"type":"Property","value":"Street %d","observedAt":"2026-11-22T10:00:00Z"}}`, i, i))
	}
	post(t, old+api+"/entityOperations/upsert", "application/json", "["+strings.Join(streets, ",")+"]")
	post(t, old+api+"/entities", "application/ld+json", `{"@context":{"Car Park":"https://a.example/CarPark","free":"https://a.example/free"},"id":"urn:ngsi-ld:CarPark:1","type":"Car Park","free":3}`)
	post(t, old+api+"/subscriptions", "application/json", `{"id":"urn:s:1","type":"Subscription","entities":[{"type":"Street"}],"notification":{"endpoint":{"uri":"mqtt://127.0.0.1:9/streets"}}}`)
	post(t, old+api+"/csourceRegistrations", "application/json", `{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"http://127.0.0.1:9","information":[{"entities":[{"type":"Bus"}]}]}`)

	blocks := commands(t)
	script := "set -euo pipefail\n"
	for _, name := range []string{"export", "import", "compare", "subscriptions", "history"} {
		if blocks[name] == "" {
			t.Fatalf("the guide has no block %s", name)
		}
		script += blocks[name]
	}
	script = strings.NewReplacer("http://localhost:1026", old, "http://localhost:9090", fresh).Replace(script)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need.Tool(t, "bash"), "-c", script)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	said := string(out)
	for _, want := range []string{"Street at " + old + ": 230\n", "Street at " + fresh + ": 230\n", "subscriptions: 201\n", "csourceRegistrations: 201\n", "204\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
	for path, want := range map[string]string{
		"/entities/urn:ngsi-ld:CarPark:1":                  `"https://a.example/free":{"type":"Property","value":3}`,
		"/entities/urn:ngsi-ld:Street:229":                 `"Street 229"`,
		"/subscriptions/urn:s:1":                           "mqtt://127.0.0.1:9/streets",
		"/csourceRegistrations/urn:r:1":                    `"Bus"`,
		"/temporal/entities/urn:ngsi-ld:Street:7?lastN=10": "2026-11-22T10:00:00Z",
	} {
		if status, _, body := get(t, fresh+api+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if pages, err := filepath.Glob(filepath.Join(cmd.Dir, "entities", "*.json")); err != nil || len(pages) != 4 {
		t.Errorf("%d pages were exported", len(pages))
	}
}
