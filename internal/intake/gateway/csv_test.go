package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/intake/gateway"
)

// told is the answer to a CSV.
type told struct {
	Rows, Stored, Readings, Bad, NextLine int
	Lines                                 []struct {
		Line   int
		Reason string
	}
}

func (w *town) csv(id, token, text string) (int, told, string) {
	w.t.Helper()
	got := w.post("/intake/"+id, id, token, "text/csv; charset=utf-8", text)
	var s told
	must(w.t, json.Unmarshal([]byte(got.body), &s))
	return got.status, s, got.body
}

func TestCSV(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	text := "\ufeff\"temperature\",time,note\r\n21.5,2026-11-22T08:00:00Z,\"a \"\"quiet\"\",\nlong day\"\r\n 22 ,2026-11-22T09:00:00+01:00,\r\n,2026-11-22T08:30:00Z,true\r\n"
	text = strings.Replace(text, "+01:00", ".5Z", 1)
	for range 2 { // sent again it changes nothing
		status, s, body := w.csv("air-1", token, text)
		if status != 200 || s.Rows != 3 || s.Stored != 3 || s.Readings != 4 || s.Bad != 0 || s.NextLine != 0 {
			t.Fatalf("got %d %s", status, body)
		}
	}
	if got, want := w.history(entity("air-1"), "temperature"), []string{"21.5@2026-11-22T08:00:00Z", "22@2026-11-22T09:00:00Z"}; !slices.Equal(got, want) {
		t.Errorf("temperatures are %q, want %q", got, want)
	}
	if got, want := w.history(entity("air-1"), "description"), []string{`"a \"quiet\",\nlong day"@2026-11-22T08:00:00Z`, "true@2026-11-22T08:30:00Z"}; !slices.Equal(got, want) {
		t.Errorf("notes are %q, want %q", got, want)
	}
}

// Every bad row is named by its line, and costs nobody but itself.
func TestBadRowsAreLeftOutByLine(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	var text strings.Builder
	text.WriteString("time,temperature,note\n")
	begin := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	bad := map[int]string{3: "AB12CDE,1,x", 700: "2026-11-22T01:00:00Z,99,x", 701: "2026-11-22T01:00:00Z,1", 1500: "2026-11-22T01:00:00Z,AB12CDE,x", 1501: `2026-11-22T01:00:00Z,1,"x"y`, 1502: "2026-11-22T01:00:00Z,,", 1503: "2026-11-22T01:00:00Z,1,\xffAB12CDE"}
	for line := 2; line <= 2001; line++ {
		if row, ok := bad[line]; ok {
			fmt.Fprintln(&text, row)
			continue
		}
		fmt.Fprintf(&text, "%s,%d,n%d\n", begin.Add(time.Duration(line)*time.Second).Format(time.RFC3339), line%50, line)
	}
	status, s, body := w.csv("air-1", token, text.String())
	if status != 202 || s.Rows != 2000 || s.Stored != 1993 || s.Readings != 2*1993 || s.Bad != 7 {
		t.Fatalf("got %d %s", status, body)
	}
	var lines []int
	for _, l := range s.Lines {
		lines = append(lines, l.Line)
	}
	slices.Sort(lines)
	if want := []int{3, 700, 701, 1500, 1501, 1502, 1503}; !slices.Equal(lines, want) {
		t.Errorf("bad lines are %v, want %v", lines, want)
	}
	if got := len(w.history(entity("air-1"), "temperature")); got != 1993 {
		t.Errorf("the city has %d temperatures", got)
	}
	if got := w.entries("air-1"); len(got) != 3 { // 700, 1500, and one for what the desk never saw
		t.Errorf("in quarantine: %+v", got)
	}
	if all := body + w.log.String() + fmt.Sprint(w.entries("air-1")); strings.Contains(all, "AB12CDE") {
		t.Errorf("a value is quoted: %s", all)
	}
}

// A row that only the city's model refuses is found by halves.
func TestARowThatTheModelRefusesIsFound(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	w.set(func() {
		w.apply = func(_ context.Context, changes []tribune.Change) error {
			if slices.ContainsFunc(changes, func(c tribune.Change) bool { return strings.Contains(string(c.Value), "poison") }) {
				return fmt.Errorf("refused: %w", tribune.ErrInvalid)
			}
			return nil
		}
	})
	var text strings.Builder
	text.WriteString("time,note\n")
	for line := 2; line <= 101; line++ {
		note := "fine"
		if line == 77 {
			note = "poison"
		}
		fmt.Fprintf(&text, "2026-11-22T01:%02d:%02dZ,%s\n", line/60, line%60, note)
	}
	status, s, body := w.csv("air-1", token, text.String())
	if status != 202 || s.Stored != 99 || s.Bad != 1 || s.Lines[0].Line != 77 {
		t.Errorf("got %d %s", status, body)
	}
}

func TestCSVsThatAreNoneAreQuarantined(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	for name, text := range map[string]string{
		"nothing":               "",
		"a header alone":        "time,temperature\n",
		"no time":               "temperature\n1\n",
		"only times":            "time\n2026-11-22T01:00:00Z\n",
		"what it may not sense": "time,AB12CDE\n2026-11-22T01:00:00Z,1\n",
		"a column twice":        "time,temperature,temperature\n2026-11-22T01:00:00Z,1,2\n",
		"257 columns":           "time" + strings.Repeat(",x", 256) + "\n",
		"a broken header":       "time,\"temperature\n",
	} {
		before := len(w.entries("air-1"))
		got := w.post("/intake/air-1", "air-1", token, "text/csv", text)
		if got.status != 202 || !strings.Contains(got.body, "/problems/quarantined") || strings.Contains(got.body, "AB12CDE") {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
		if after := len(w.entries("air-1")); after != before+1 && name != "a header alone" && name != "nothing" {
			t.Errorf("%s: %d entries in quarantine, there were %d", name, after, before)
		}
		w.set(func() { w.now = w.now.Add(time.Second) })
	}
	if got := w.history(entity("air-1"), "temperature"); got != nil {
		t.Errorf("the city has %q", got)
	}
}

// Somebody's whole novel in place of a CSV ends soon.
func TestTooManyBadRowsEndTheReading(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	good := "2026-11-22T01:00:00Z,1\n"
	status, s, body := w.csv("air-1", token, "time,temperature\n"+good+strings.Repeat("x,1\n", 5000))
	if status != 400 || s.Stored != 1 || s.Bad != 101 || s.NextLine == 0 || len(s.Lines) != 20 {
		t.Errorf("got %d %s", status, body)
	}
}

// plenty is a desk that takes everything.
type plenty struct{ gateway.Desk }

func (plenty) TakeReadings(_ context.Context, _ *device.Device, list []intake.Reading) (intake.Taken, error) {
	return intake.Taken{Readings: len(list)}, nil
}

func TestACSVOfTooManyRowsSaysWhereToGoOn(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	g, err := gateway.New(gateway.Config{Desk: plenty{}, Devices: w})
	must(t, err)
	mux := http.NewServeMux()
	g.Routes(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.url = server.URL
	text := "time,temperature\n" + strings.Repeat("2026-11-22T01:00:00Z,1\n", 100_001)
	status, s, body := w.csv("air-1", token, text)
	if status != 413 || s.Stored != 100_000 || s.NextLine != 100_002 {
		t.Errorf("got %d %s", status, body)
	}
}

// The store goes down in the middle: what was stored is said, and where to go on; nothing is lost between.
func TestACSVBreaksOffWhereTheStoreDoes(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	batches := 0
	w.set(func() {
		w.apply = func(context.Context, []tribune.Change) error {
			if batches++; batches > 1 {
				return errors.New("disk full")
			}
			return nil
		}
	})
	var text strings.Builder
	text.WriteString("time,temperature\n")
	begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 3000 {
		fmt.Fprintf(&text, "%s,1\n", begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339))
	}
	status, s, body := w.csv("air-1", token, text.String())
	if status != 500 || s.Stored != 1024 || s.NextLine != 1026 {
		t.Fatalf("got %d %s", status, body)
	}
	w.set(func() { w.apply = nil })
	lines := strings.Split(text.String(), "\n")
	status, s, body = w.csv("air-1", token, lines[0]+"\n"+strings.Join(lines[s.NextLine-1:], "\n"))
	if status != 200 || s.Stored != 3000-1024 {
		t.Errorf("going on: got %d %s", status, body)
	}
	if got := len(w.history(entity("air-1"), "temperature")); got != 3000 {
		t.Errorf("the city has %d rows, want 3000", got)
	}
}

// A connection that breaks off must not look like the end of the CSV.
func TestACSVCutOffIsNotWhole(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	r, err := http.NewRequest("POST", w.url+"/intake/air-1", io.MultiReader(strings.NewReader("time,temperature\n2026-11-22T01:00:00Z,1\n"), broken{}))
	must(t, err)
	r.SetBasicAuth("air-1", token)
	r.Header.Set("Content-Type", "text/csv")
	if res, err := http.DefaultClient.Do(r); err == nil {
		res.Body.Close()
		t.Errorf("got %d", res.StatusCode)
	}
	for end := time.Now().Add(10 * time.Second); w.gateway.Stats().Refused == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("stats are %+v", w.gateway.Stats())
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("gone") }

// The server's own time-outs are for bodies of 1 MB: a CSV that keeps coming has more, one that stops has not.
func TestASlowCSVHasTime(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	server := httptest.NewUnstartedServer(w.handler)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 500*time.Millisecond, 500*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	body, sender := io.Pipe()
	go func() {
		io.WriteString(sender, "time,temperature\n2026-11-22T01:00:00Z,1\n")
		time.Sleep(time.Second)
		io.WriteString(sender, "2026-11-22T01:00:01Z,2\n")
		sender.Close()
	}()
	if got := w.send("/intake/air-1", "air-1", token, "text/csv", body); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestAGatewayNeedsADeskAndDevices(t *testing.T) {
	if _, err := gateway.New(gateway.Config{}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
