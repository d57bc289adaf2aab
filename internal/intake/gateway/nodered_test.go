package gateway_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune/internal/need"
)

// nodeRED is where scripts/setup installs it, at the version of the lock file.
const nodeRED = "testdata/nodered/node_modules/node-red/red.js"

// nodeREDStart bounds its start and the first reading: seconds, on a loaded machine many.
const nodeREDStart = 90 * time.Second

func TestManualNodeRED(t *testing.T) {
	node := need.Tool(t, "node")
	red, err := filepath.Abs(nodeRED)
	must(t, err)
	if _, err := os.Stat(red); err != nil {
		need.Missing(t, "Node-RED is not installed: run scripts/setup")
	}
	r := follow(t)
	token, err := os.ReadFile(filepath.Join(r.dir, "air-1.token"))
	must(t, err)
	// Its MQTT node drops what comes before it is connected, so on a slow machine the first minute's reading may be lost: here
	// a minute is a second.
	flow := strings.Replace(r.one("json node-red"), `"repeat": "60"`, `"repeat": "1"`, 1)

	// What the reader types into the nodes is kept in a file of its own.
	typed := map[string]string{"user": "air-1", "password": strings.TrimSpace(string(token))}
	credentials := map[string]any{}
	var nodes []struct{ ID, Type, Name string }
	must(t, json.Unmarshal([]byte(flow), &nodes))
	for _, n := range nodes {
		if n.Name == "to the city by HTTP" || n.Name == "the city" {
			credentials[n.ID] = typed
		}
	}
	if len(credentials) != 2 {
		t.Fatalf("the manual says to type a password into two nodes, the flow has %d of these names", len(credentials))
	}
	secret, err := json.Marshal(credentials)
	must(t, err)
	// It listens nowhere, installs nothing and tells nobody anything.
	const settings = `module.exports = {httpAdminRoot: false, httpNodeRoot: false, flowFile: "flows.json", credentialSecret: false,
  telemetry: {enabled: false}, externalModules: {palette: {allowInstall: false}, modules: {allowInstall: false}}, logging: {console: {level: "info"}}}`
	for name, text := range map[string]string{"flows.json": flow, "flows_cred.json": string(secret), "settings.js": settings} {
		must(t, os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600))
	}
	log, err := os.Create(filepath.Join(r.dir, "log"))
	must(t, err)
	defer log.Close()
	cmd := exec.Command(node, red, "--userDir", r.dir, "--settings", filepath.Join(r.dir, "settings.js"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, log, log
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for end := time.Now().Add(nodeREDStart); len(r.history(street, "temperature")) == 0 || len(r.history(street, "relativeHumidity")) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("no reading by HTTP or none by MQTT: %s\n%s", text, r.log)
		}
	}
	for attribute, want := range map[string]string{"temperature": "21.9@", "relativeHumidity": "46@"} {
		if got := r.history(street, attribute)[0]; !strings.HasPrefix(got, want) {
			t.Errorf("%s is %s, want %s", attribute, got, want)
		}
	}
}
