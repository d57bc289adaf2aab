package main_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"tribune/internal/client"
)

// TestDemoCity walks through the life of one city: first start, use, ctrl-C, next start, kill -9, next start. Its steps
// build on each other.
func TestDemoCity(t *testing.T) {
	c := newCity(t)
	c.start(t, "--http", "127.0.0.1:0")
	guest, inspector := c.as(t, ""), c.as(t, "inspector-ward")
	var mine session

	t.Run("a first start is ready and says where", func(t *testing.T) {
		for _, path := range []string{"/healthz", "/readyz"} {
			if a := get(t, guest, path); a.Status != http.StatusOK {
				t.Errorf("%s: got %d %s", path, a.Status, a.Body)
			}
		}
		if !strings.Contains(c.out.String(), "The city is at   "+strings.Replace(guest.Base, "127.0.0.1", "localhost", 1)+"/\n") {
			t.Errorf("the greeting does not name %s/: %s", guest.Base, c.out)
		}
	})
	t.Run("the three commands it prints work as they stand", func(t *testing.T) { tryCommands(t, c) })
	t.Run("every answer and the page say that it is a demo", func(t *testing.T) { saysDemo(t, c) })
	t.Run("the example entities", func(t *testing.T) { exampleEntities(t, c) })
	t.Run("what no class describes is sealed", func(t *testing.T) { unknownIsSealed(t, c) })
	t.Run("without purpose a personal attribute is as if it did not exist", func(t *testing.T) { asIfAbsent(t, c) })
	t.Run("an inspector asks and gets a receipt that holds elsewhere", func(t *testing.T) {
		mine = park(t, c, "urn:ngsi-ld:ParkingSession:e2e:1")
		mine.receipt = mine.ask(t, inspector)
		elsewhere := t.TempDir()
		mine.holds(t, c, elsewhere)
	})
	t.Run("what the law does not permit is refused with what is missing", func(t *testing.T) { denies(t, c, mine) })
	t.Run("a standard client reads the log", func(t *testing.T) { standardClient(t, c) })
	t.Run("a citizen gets their trace key from guardians, and finds every use", func(t *testing.T) { citizenTraces(t, c, guest) })
	t.Run("a representative acts for the citizen, and both can see it", func(t *testing.T) { representativeActs(t, c, guest) })

	var why publishedWhy
	t.Run("an explanation of a model is published, once a real audit has passed it", func(t *testing.T) { why = publishesAudited(t, c) })

	before := logSize(t, c)
	finish := mine.untilStopped(t, c)
	c.until(t, "acts to be under way", func() bool { return logSize(t, c) > before+1 })
	c.interrupt(t)
	finish()
	t.Run("ctrl-C stops the city cleanly", func(t *testing.T) {
		if !strings.HasSuffix(c.out.String(), "stopped; the next start goes on from here\n") || strings.Contains(c.out.String(), "level=ERROR") {
			t.Errorf("it wrote: %s", c.out)
		}
	})
	t.Run("who asks a city that has stopped is told so", func(t *testing.T) {
		r := tribune(t, t.TempDir(), "ask", "--dir", c.dir, "--as", "inspector-ward", "--plate", mine.plate)
		if r.code != 1 || !strings.Contains(r.log, "connection refused") || !strings.Contains(r.log, "tribune demo --dir") || strings.Contains(r.log, mine.plate) {
			t.Errorf("got exit %d: %s%s", r.code, r.out, r.log)
		}
	})
	t.Run("nothing is written outside of the city's directory", func(t *testing.T) { isEmpty(t, c.abroad) })
	t.Run("nothing sealed lies in clear on the disk", func(t *testing.T) { nowhereInClear(t, c, mine) })
	t.Run("verify refuses what was altered and says why", func(t *testing.T) { verifyRefuses(t, c, mine) })
	t.Run("check explains the law, and finds what was not signed", func(t *testing.T) { checkAndSign(t, c) })

	c.start(t, "--http", "127.0.0.1:0")
	inspector = c.as(t, "inspector-ward")
	t.Run("the next start goes on", func(t *testing.T) {
		why.shown(t, c)
		mine.holds(t, c, t.TempDir())
		mine.ask(t, inspector)
		if after := logSize(t, c); after <= before {
			t.Errorf("the log has %d entries after the next start, had %d", after, before)
		}
	})

	t.Run("SIGHUP reads mandates again", func(t *testing.T) { mandateWithdrawnAndGiven(t, c, mine) })

	t.Run("guardians end with a hub that is killed", func(t *testing.T) {
		guardians := c.guardians(t)
		if len(guardians) != 4 || !alive(guardians[0]) {
			t.Fatalf("the guardians are %v, want four that run", guardians)
		}
		if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.ended(t)
		for _, pid := range guardians {
			poll(t, "a guardian to notice", func() bool { return !alive(pid) }, func() string { return "it lives" })
		}
	})

	// The default port is taken: by us, or by whoever was there first.
	if l, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil {
		t.Cleanup(func() { l.Close() })
	}
	c.start(t)
	t.Run("the start after a kill goes on, beside a default port that is taken", func(t *testing.T) {
		said := regexp.MustCompile(`http://127\.0\.0\.1:8080 is taken; the city is at (http://127\.0\.0\.1:80[89]\d|http://127\.0\.0\.1:81[0-3]\d) instead`).FindStringSubmatch(c.out.String())
		if said == nil {
			t.Fatalf("it does not say that it took another port: %s", c.out)
		}
		cl := c.as(t, "inspector-ward")
		if cl.Base != said[1] {
			t.Errorf("it listens at %s and says %s", cl.Base, said[1])
		}
		mine.ask(t, cl)
		mine.holds(t, c, t.TempDir())
	})
	t.Run("a second city in the same directory is refused", func(t *testing.T) {
		r := tribune(t, c.abroad, "demo", "--dir", c.dir, "--http", "127.0.0.1:0")
		if r.code != 1 || !strings.Contains(r.log, "already open") || !strings.Contains(r.log, "stop the other tribune") {
			t.Errorf("got exit %d: %s%s", r.code, r.out, r.log)
		}
	})
	c.interrupt(t)
	isEmpty(t, c.abroad)
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was written outside of the city's directory", e.Name())
	}
}

// tryCommands executes the greeting's commands in an empty directory.
func tryCommands(t *testing.T, c *city) {
	var lines []string
	for line := range strings.Lines(c.out.String()) {
		if strings.HasPrefix(line, "     ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != 3 {
		t.Fatalf("the greeting prints %d commands, want 3: %s", len(lines), c.out)
	}
	dir := t.TempDir()
	everyone := shell(t, dir, lines[0])
	var parks []map[string]any
	if err := json.Unmarshal([]byte(everyone.out), &parks); err != nil || len(parks) != 3 || parks[0]["availableSpotNumber"] == nil {
		t.Errorf("%s: got %d parks (%v): %s%s", lines[0], len(parks), err, everyone.out, everyone.log)
	}
	asked := shell(t, dir, lines[1])
	plate := regexp.MustCompile(`--plate '([^']+)'`).FindStringSubmatch(lines[1])
	var sessions []map[string]any
	if err := json.Unmarshal([]byte(asked.out), &sessions); plate == nil || err != nil || len(sessions) == 0 || sessions[0]["licensePlate"] != plate[1] || sessions[0]["driver"] == "" {
		t.Errorf("%s: got %d sessions of %q (%v): %s%s", lines[1], len(sessions), plate, err, asked.out, asked.log)
	}
	if !strings.Contains(asked.log, "on record: http://") {
		t.Errorf("%s: it does not say where the act is on record: %s", lines[1], asked.log)
	}
	checked := shell(t, dir, lines[2])
	if checked.code != 0 || !strings.HasPrefix(checked.out, "This receipt holds.\n") || !strings.Contains(checked.out, "parking-inspector") {
		t.Errorf("%s: got exit %d: %s%s", lines[2], checked.code, checked.out, checked.log)
	}
}

func saysDemo(t *testing.T, c *city) {
	guest := c.as(t, "")
	for path, status := range map[string]int{
		"/": 200, "/healthz": 200, "/readyz": 200, "/trust": 200, "/group": 200, "/law/current": 200, "/log/checkpoint": 200, "/record/leaves/0": 200,
		"/record/receipts/0": 200, "/record/leaves/99999999": 404, "/nothing": 404, "/problems/": 200, "/ngsi-ld/v1/entities?type=OffStreetParking": 200,
		"/ngsi-ld/v1/entities/urn:ngsi-ld:None:1": 404, "/ngsi-ld/v1/entities?nonsense=1": 400,
	} {
		if a := get(t, guest, path); a.Status != status || a.Header.Get("Tribune-Mode") != "demo" {
			t.Errorf("%s: got %d with Tribune-Mode %q, want %d demo", path, a.Status, a.Header.Get("Tribune-Mode"), status)
		}
	}
	mistaken := &client.Client{Base: guest.Base, Token: "wrong"}
	if a := get(t, mistaken, "/ngsi-ld/v1/entities?type=OffStreetParking"); a.Status != 401 || a.Header.Get("Tribune-Mode") != "demo" {
		t.Errorf("a wrong token: got %d with Tribune-Mode %q, want 401 demo", a.Status, a.Header.Get("Tribune-Mode"))
	}
	if page := string(get(t, guest, "/").Body); !strings.Contains(page, `class="banner"`) || !strings.Contains(page, "One machine plays the city and all its guardians") {
		t.Errorf("the page carries no banner: %.800s", page)
	}
}

func TestTakenPortIsAClearError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := tribune(t, t.TempDir(), "demo", "--dir", filepath.Join(t.TempDir(), "city"), "--http", l.Addr().String())
	if r.code != 1 || !strings.Contains(r.log, "listening on "+l.Addr().String()) || !strings.Contains(r.log, "The port is taken.") {
		t.Errorf("got exit %d: %s%s", r.code, r.out, r.log)
	}
}

// TestInterruptedStart stops a city at every stage of its first start: each time it must end cleanly, and the next start
// must go on.
func TestInterruptedStart(t *testing.T) {
	c := newCity(t)
	reason := regexp.MustCompile(`not ready: ([^"]+)`)
	for _, stage := range []string{"", "starting", "ceremony", "law", "seeded"} {
		c.launch(t, "--http", "127.0.0.1:0")
		c.until(t, "stage "+stage, func() bool {
			if stage == "" { // the first word it writes
				return c.out.String() != ""
			}
			guest, err := client.Open(c.dir, "")
			if err != nil {
				return false
			}
			a, err := guest.Do(t.Context(), http.MethodGet, "/readyz", nil, nil)
			if err != nil {
				return false
			}
			// A stage may be over before it is seen; a later one will do.
			found := reason.FindSubmatch(a.Body)
			return found == nil || stage == "starting" || strings.Contains(string(found[1]), stage) || stage == "ceremony" || stage == "law" && strings.Contains(string(found[1]), "seeded")
		})
		c.interrupt(t)
		if strings.Contains(c.out.String(), "panic") || strings.Contains(c.out.String(), "closed before") {
			t.Errorf("stopped while waiting for %q: it wrote: %s", stage, c.out)
		}
	}
	c.start(t, "--http", "127.0.0.1:0")
	if a := get(t, c.as(t, ""), "/readyz"); a.Status != http.StatusOK {
		t.Errorf("after interrupted starts: got %d %s", a.Status, a.Body)
	}
	c.interrupt(t)
}
