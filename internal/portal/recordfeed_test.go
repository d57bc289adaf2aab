package portal

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/web"
)

const script = `<script>alert(1)</script>`

// Leaves are written by whom we do not trust.
func TestHostileLeavesAreEscapedEverywhere(t *testing.T) {
	h := newChronicled(t)
	bad := leaf(tribune.ActKind(script), false, script, "=HYPERLINK(\"http://evil.example\")", "\x1b[31m\x00\x08 ]]> <b>")
	bad.Act.Office, bad.Act.Purpose, bad.Act.Mandate = "../../../logout", `"><img src=x onerror=alert(1)>`, "{{.City}}"
	bad.Decision.Policies = []string{"javascript:alert(1)", script}
	i := h.put(t, now, h.second, bad)
	h.rec.leaves = append(h.rec.leaves, []byte(script))
	p := newPortal(t, h.Config)
	for _, path := range []string{"/record", fmt.Sprintf("/record/entries/%d", i), fmt.Sprintf("/record/entries/%d", i+1), "/record?q=%3Cscript%3E", "/record?office=%22%3E%3Cscript%3E"} {
		w := get(p, path)
		body := w.Body.String()
		for _, raw := range []string{"<script>", "<img src=x", `href="javascript`, `href="/registers/offices/..`} {
			if w.Code != http.StatusOK || strings.Contains(body, raw) {
				t.Errorf("%s: %d, holds %q", path, w.Code, raw)
			}
		}
	}
	has(t, get(p, fmt.Sprintf("/record/entries/%d", i+1)).Body.String(), "this program cannot read it")
}

// A feed reader must get a feed, whatever stands in a leaf (RFC 4287).
func TestFeedStaysValidWithHostileLeaves(t *testing.T) {
	h := newChronicled(t)
	bad := leaf(tribune.ActKind("x\x01\x0b<&]]>"), false, script, "\x00\ufffe")
	h.put(t, now, h.second, bad)
	h.rec.leaves = append(h.rec.leaves, []byte("not a leaf"))
	p := newPortal(t, h.Config)
	var ids [2][]string
	for i, path := range []string{"/en/record.atom", "/de/record.atom"} {
		w := get(p, path)
		var feed web.AtomFeed
		if err := xml.Unmarshal(w.Body.Bytes(), &feed); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		if w.Header().Get("Content-Type") != "application/atom+xml; charset=utf-8" || feed.ID != "tag:birmingham.example,2026:record" || feed.Title == "" || feed.Author == "" || len(feed.Links) != 2 {
			t.Errorf("%s: %+v", path, feed)
		}
		for _, e := range feed.Entries {
			ids[i] = append(ids[i], e.ID)
			if _, err := time.Parse(time.RFC3339, e.Updated); err != nil || e.Title == "" || len(e.Links) != 1 || !strings.HasPrefix(e.Links[0].Href, "http://localhost:8080/") {
				t.Errorf("entry %+v", e)
			}
		}
	}
	if fmt.Sprint(ids[0]) != fmt.Sprint(ids[1]) || len(ids[0]) != 9 || ids[0][0] != "tag:birmingham.example,2026:record/12" {
		t.Errorf("ids differ between languages: %v", ids)
	}
}

// Spreadsheets run cells that begin like a formula.
func TestTablesHoldNoFormulas(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-1.89": "-1.89", "-x": "'-x", "\t=1": "'\t=1", " =1": "' =1", "plain": "plain", "": "", "a=b": "a=b", "＝1": "'＝1",
	} {
		if got := cellText(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	h := newChronicled(t)
	h.put(t, now, h.second, leaf(tribune.ActRead, false, `=HYPERLINK("http://evil.example","x")`, "line\r\nbreak,\"quote\""))
	h.add(t, strings.NewReplacer(`"air-001"`, `"air-002"`, `"Air, High Street"`, `"=1+1"`, "1111111111111111111111111111111111111111111111111111111111111111", "3111111111111111111111111111111111111111111111111111111111111111").Replace(airDevice))
	p := newPortal(t, h.Config)
	for _, path := range []string{"/record.csv?all=1", "/registers/sensors.csv", "/registers/policies.csv", "/registers/classes.csv", "/registers/offices.csv", "/registers/purposes.csv", "/registers/mandates.csv", "/registers/law.csv", "/limits.csv"} {
		rows, err := csv.NewReader(strings.NewReader(get(p, path).Body.String())).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Errorf("%s: %d rows, %v", path, len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != cellText(cell) && !strings.HasPrefix(cell, "'") {
					t.Errorf("%s: cell %q", path, cell)
				}
			}
		}
	}
	if body := get(p, "/record.csv").Body.String(); !strings.Contains(body, `"'=HYPERLINK(""`) {
		t.Errorf("the hostile cell is not there: %s", body)
	}
}
