package gateway_test

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A row of commas alone costs forty times its length once it is in fields: eight such CSVs would take the hub's memory.
func TestOneEndlessRowDoesNotTakeTheMemory(t *testing.T) {
	commas := strings.Repeat(",", 15<<20)
	for name, text := range map[string]string{
		"as the header":   "time" + commas + "\n",
		"as a row":        "time,temperature\n2026-11-22T01:00:00Z,1\n2026-11-22T01:00:01Z" + commas + "\n",
		"without its end": "time,note\n2026-11-22T01:00:00Z,\"" + commas,
	} {
		w := newTown(t)
		token := w.air("air-1")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := w.post("/intake/air-1", "air-1", token, "text/csv", text)
		runtime.ReadMemStats(&after)
		if got.status != 413 || strings.Contains(got.body, ",,,") {
			t.Errorf("%s: got %d %.200s", name, got.status, got.body)
		}
		if taken := (after.TotalAlloc - before.TotalAlloc) >> 20; taken > 100 {
			t.Errorf("%s: it took %d MB", name, taken)
		}
	}
	w := newTown(t)
	token := w.air("air-1")
	long := "time,note\n2026-11-22T01:00:00Z," + strings.Repeat("x", 100<<10) + "\n2026-11-22T01:00:01Z," + strings.Repeat("x", 100<<10) + "\n"
	if status, s, body := w.csv("air-1", token, long); status != 200 || s.Stored != 2 {
		t.Errorf("long rows: got %d %.200s", status, body)
	}
}

// A stolen token opens CSV after CSV and lets each trickle for its ten minutes; other devices' CSVs must find a place.
func TestSlowCSVsOfOneDeviceLeaveRoomForOthers(t *testing.T) {
	w := newTown(t)
	thief, other := w.air("thief"), w.air("air-1")
	var ends []*io.PipeWriter
	for range 8 {
		body, sender := io.Pipe()
		ends = append(ends, sender)
		go w.send("/intake/thief", "thief", thief, "text/csv", body)
		go io.WriteString(sender, "time,temperature\n2026-11-22T01:00:00Z,1\n")
	}
	for end := time.Now().Add(10 * time.Second); w.gateway.Stats().Refused < 6 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if status, _, body := w.csv("air-1", other, "time,temperature\n2026-11-22T01:00:00Z,1\n"); status != 200 {
		t.Errorf("another device's CSV: got %d %s", status, body)
	}
	for _, end := range ends {
		end.Close()
	}
	for end := time.Now().Add(10 * time.Second); w.gateway.Stats().UnderWay > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("stats are %+v", w.gateway.Stats())
		}
	}
	if status, _, body := w.csv("thief", thief, "time,temperature\n2026-11-22T01:00:00Z,1\n"); status != 200 {
		t.Errorf("once they are over: got %d %s", status, body)
	}
}
