package main_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guideBlocks are the shell blocks of docs/watch.md by their names.
func guideBlocks(t *testing.T) map[string]string {
	t.Helper()
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```sh (\\w+)\n(.*?)^```$").FindAllStringSubmatch(read(t, "../../docs/watch.md"), -1) {
		blocks[m[1]] = m[2]
	}
	return blocks
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Whoever watches a city does what docs/watch.md says, over a city in another process. It is healthy, so nothing is found; then its
// hub's directory is replaced by an older copy of itself, and that is.
func TestTheWatchGuideOverACity(t *testing.T) {
	blocks := guideBlocks(t)
	c := newCity(t)
	address := freePort(t)
	c.start(t, "--http", address)
	dir := t.TempDir()
	page, metrics := freePort(t), freePort(t)
	script := func(names ...string) string {
		s := "set -eu\nPATH=" + filepath.Dir(binary) + ":$PATH\nCITY=http://" + address + "\n"
		for _, name := range names {
			switch block := blocks[name]; {
			case block == "" && name != "wait" && name != "end":
				t.Fatalf("the guide has no block %s", name)
			case name == "wait":
				s += "for i in $(seq 200); do curl -sf http://127.0.0.1:8090/status | grep -q '\"looked\"' && break; sleep 0.1; done\n"
			case name == "end":
				s += "curl -sS --fail-with-body http://127.0.0.1:8091/metrics | grep -c '} 0$'\nkill -INT $!\nwait $!\n"
			default:
				s += strings.ReplaceAll(block, "CITY=http://127.0.0.1:8080\n", "")
			}
		}
		return strings.NewReplacer("127.0.0.1:8090", page, "127.0.0.1:8091", metrics).Replace(s)
	}
	r := shell(t, dir, script("trust", "once", "keep", "wait", "ask", "mirror", "end"))
	if r.code != 0 || !strings.Contains(r.out, "No incident stands.") || !strings.Contains(r.out, "The log it rests on holds, too.") || !strings.Contains(r.out, `"log": "birmingham.example/record"`) || !strings.Contains(r.out, "Nobody has shown more.") {
		t.Fatalf("got exit %d: %s%s", r.code, r.out, r.log)
	}
	if told := read(t, dir, "watch", "told.jsonl"); !strings.Contains(told, `"kind":"membership"`) || strings.Contains(told, `"severity":"alarm"`) {
		t.Errorf("the hook heard: %s", told)
	}

	// A demo's guardians are elsewhere after each start: without addresses they are not looked for.
	keys := filepath.Join(dir, "keys.txt")
	if err := os.WriteFile(keys, regexp.MustCompile(`http://127\.0\.0\.1:\d+`).ReplaceAll([]byte(read(t, dir, "trust.txt")), []byte("https://unreachable.invalid/")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.interrupt(t)
	hub := filepath.Join(c.dir, "hub")
	old := filepath.Join(t.TempDir(), "hub")
	if err := os.CopyFS(old, os.DirFS(hub)); err != nil {
		t.Fatal(err)
	}
	c.start(t, "--http", address)
	c.until(t, "an act", func() bool { // by itself the record may not grow: at night nobody parks
		answer, err := c.as(t, "inspector-ward").Exercise(t.Context(), "Penalty notice of a test")
		return err == nil && answer.Status == http.StatusCreated
	})
	c.until(t, "the record to grow", func() bool {
		r := tribune(t, dir, "mirror", "--trust", keys, "--record", "http://"+address, "--dir", "grown", "--once")
		held := read(t, dir, "grown", "record", "checkpoint")
		return r.code == 0 && strings.Split(held, "\n")[1] != strings.Split(read(t, old, "log", "checkpoint"), "\n")[1]
	})
	if r := tribune(t, dir, "watch", "--trust", keys, "--record", "http://"+address, "--dir", "watch", "--once"); r.code != 0 {
		t.Fatalf("got exit %d: %s%s", r.code, r.out, r.log)
	}
	c.interrupt(t)
	if err := os.RemoveAll(hub); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(old, hub); err != nil {
		t.Fatal(err)
	}
	c.start(t, "--http", address)
	r = tribune(t, dir, "watch", "--trust", keys, "--record", "http://"+address, "--dir", "watch", "--once", "--json")
	if r.code != 3 || !strings.Contains(r.out, `"kind":"rolled-back"`) {
		t.Fatalf("got exit %d: %s%s", r.code, r.out, r.log)
	}
	id := regexp.MustCompile(`"id":"([0-9a-f]{16})","kind":"rolled-back"`).FindStringSubmatch(r.out)
	if id == nil {
		t.Fatalf("the incident has no id: %s", r.out)
	}
	if r := tribune(t, dir, "watch", "--trust", keys, "--check", "watch/evidence/"+id[1]+".json"); r.code != 0 || !strings.Contains(r.out, "carries the quorum") {
		t.Errorf("its evidence: exit %d: %s%s", r.code, r.out, r.log)
	}
}

func TestWatchSaysWhatItIsMissing(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"watch"}, {"mirror"}, {"watch", "--trust", "t"}, {"mirror", "--trust", "t"}, {"watch", "--trust", "t", "--resolve", "x"}, {"mirror", "--trust", "t", "--record", "u", "--interval", "1ms"}} {
		if r := tribune(t, dir, args...); r.code != 2 {
			t.Errorf("%v: got exit %d: %s", args, r.code, r.log)
		}
	}
	if r := tribune(t, dir, "watch", "--trust", "none", "--record", "http://127.0.0.1:1"); r.code != 1 {
		t.Errorf("a trust file that there is not: exit %d: %s", r.code, r.log)
	}
}
