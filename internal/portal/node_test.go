package portal

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"tribune/internal/need"
	"tribune/protocol"
)

// jsCase is one question to the browser's code: a receipt, with a key a use, with files a whole log.
type jsCase struct {
	Trust   string            `json:"trust"`
	Receipt string            `json:"receipt,omitempty"`
	Index   int               `json:"index"`
	Key     string            `json:"key,omitempty"` // base64
	N       int               `json:"n"`
	Uses    []jsUse           `json:"uses,omitempty"`
	Files   map[string]string `json:"files,omitempty"`
}

type jsUse struct {
	N     int `json:"n"`
	Index int `json:"index"`
}

type jsAnswer struct {
	Reason, Error string
	Steps         []string
	Cosigned      []string
	Trail         struct {
		Entries, Present           int
		Absent, Unlisted, Repeated []jsUse
		Skipped                    []int
	}
	Complete bool
}

const driver = `
import { complete, follow, latest, readTrust, Refused, verifyReceipt, verifyUse, fromBase64 } from "./_verify";
let input = "";
for await (const chunk of process.stdin) input += chunk;
const answers = [];
for (const c of JSON.parse(input)) {
  const out = { reason: "", steps: [] };
  try {
    const trust = await readTrust(c.trust);
    const step = (s) => out.steps.push(s);
    const k = c.key ? fromBase64(c.key) : null;
    if (c.receipt) {
      const v = k ? await verifyUse(trust, c.receipt, c.index, k, c.n, step) : await verifyReceipt(trust, c.receipt, c.index, step);
      out.cosigned = v.checkpoint.cosignatures.map((s) => s.name);
    }
    if (c.files) {
      const fetch = async (path) => (path in c.files ? fromBase64(c.files[path]) : null);
      const head = await latest(trust, fetch);
      const earlier = c.receipt ? [(await verifyReceipt(trust, c.receipt)).checkpoint] : [];
      out.trail = await follow(fetch, head, earlier, k, c.uses ?? []);
      out.complete = complete(out.trail);
    }
  } catch (err) {
    out.reason = err instanceof Refused ? err.reason : "bug";
    out.error = String(err?.stack ?? err);
  }
  answers.push(out);
}
console.log(JSON.stringify(answers));
`

// inNode runs the browser's verifying module, bundled as pages get it, under node.
func inNode(t *testing.T, script string, input any) []byte {
	t.Helper()
	node := need.Tool(t, "node")
	src, err := filepath.Abs("assets/src")
	if err != nil {
		t.Fatal(err)
	}
	built := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: script, ResolveDir: src, Loader: api.LoaderTS},
		Bundle: true, Format: api.FormatESModule, Target: api.ES2022, LogLevel: api.LogLevelSilent,
	})
	if len(built.Errors) > 0 {
		t.Fatalf("bundling: %+v", built.Errors)
	}
	file := filepath.Join(t.TempDir(), "driver.mjs")
	if err := os.WriteFile(file, built.OutputFiles[0].Contents, 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "--no-warnings", file)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	return out
}

func runCases(t *testing.T, cases []jsCase) []jsAnswer {
	t.Helper()
	var answers []jsAnswer
	if err := json.Unmarshal(inNode(t, driver, cases), &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(cases) {
		t.Fatalf("%d answers to %d cases", len(answers), len(cases))
	}
	return answers
}

func traceKey(seed byte) []byte { return bytes.Repeat([]byte{seed}, protocol.TraceKeySize) }
