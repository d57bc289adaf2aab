package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// metricsOf is every series name of a scrape with its labels.
func metricsOf(t *testing.T, text string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? [^ ]+$`).FindAllStringSubmatch(text, -1) {
		labels := []string{"job", "instance"} // Prometheus's own
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
		all[m[1]] = labels
	}
	return all
}

// checkQuery holds a PromQL text against what a hub tells: each metric is there, and has each label that is asked of it.
func checkQuery(t *testing.T, where, query string, there map[string][]string) {
	t.Helper()
	named := regexp.MustCompile(`\b((?:tribune|go|process)_[a-z0-9_]+)(\{[^}]*\})?`).FindAllStringSubmatch(query, -1)
	if len(named) == 0 {
		t.Errorf("%s asks for nothing: %s", where, query)
	}
	var known []string
	for _, m := range named {
		labels, ok := there[m[1]]
		if !ok {
			t.Errorf("%s asks for %s, which no hub tells: %s", where, m[1], query)
		}
		known = append(known, labels...)
		for _, l := range regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) {
				t.Errorf("%s asks %s for the label %s, which it has not: %s", where, m[1], l[1], query)
			}
		}
	}
	for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		for _, label := range strings.Split(by[1], ",") {
			if !slices.Contains(known, strings.TrimSpace(label)) {
				t.Errorf("%s groups by %s, which nothing in it has: %s", where, label, query)
			}
		}
	}
	if strings.Count(query, "(") != strings.Count(query, ")") || strings.Count(query, "{") != strings.Count(query, "}") {
		t.Errorf("%s: a bracket is left open: %s", where, query)
	}
}

// dashboardsFit holds dashboard and alerts against the running city.
func dashboardsFit(t *testing.T, c *city) {
	guest := c.as(t, "")
	c.until(t, "the guardians to be asked", func() bool {
		return strings.Contains(string(get(t, guest, "/metrics").Body), `tribune_guardian_up{guardian="court.example"} 1`)
	})
	a := get(t, guest, "/metrics")
	there := metricsOf(t, string(a.Body))
	if a.Status != http.StatusOK || len(there) < 40 {
		t.Fatalf("a scrape: got %d with %d metrics", a.Status, len(there))
	}
	if behind := get(t, guest, "/metrics", "X-Forwarded-For: 192.0.2.1"); behind.Status != http.StatusNotFound {
		t.Errorf("through a proxy: got %d", behind.Status)
	}

	var dashboard struct {
		UID    string
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../../ops/grafana/tribune.json")), &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Fatalf("the dashboard has %d panels (%v)", len(dashboard.Panels), err)
	}
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			checkQuery(t, "panel "+p.Title, target.Expr, there)
		}
	}

	file, err := os.Open("../../ops/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	dec := yaml.NewDecoder(file)
	dec.KnownFields(true)
	if err := dec.Decode(&rules); err != nil || len(rules.Groups) != 1 || len(rules.Groups[0].Rules) < 5 {
		t.Fatalf("the alert rules: %v", err)
	}
	for _, r := range rules.Groups[0].Rules {
		checkQuery(t, "alert "+r.Alert, r.Expr, there)
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.For == "" {
			t.Errorf("alert %s does not say how bad it is, what it means, or how long it waits", r.Alert)
		}
	}
}
