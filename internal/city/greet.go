package city

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tribune/internal/portal"
	"tribune/law"
)

// greet prints where the city is and three commands to try.
func (d *demo) greet() {
	url, plate := d.hub.URL(), d.sim.ExamplePlate()
	if plate == "" {
		plate = "PLATE"
	}
	self := "tribune"
	if path, err := os.Executable(); err == nil {
		self = shellWord(shortest(path))
	}
	dir := shellWord(string(d.Dir))
	fmt.Fprintf(d.Out, `
  The city is at   %s/
  This is a demo:  %s
  Log in there as a citizen, an inspector, a journalist: no password is needed.
  Devices report by MQTT at %s; docs/integrations.md says how.

  Try, in another terminal:

  1. What everyone may know:
     curl '%s/ngsi-ld/v1/entities?type=OffStreetParking&options=keyValues&limit=3'
  2. What only an inspector may ask, on record:
     %s ask --dir %s --as %s --plate %s --receipt receipt.tlog
  3. Check that record, trusting nobody:
     %s verify --trust %s receipt.tlog

  ctrl-C stops the city; the next start goes on from %s.
`, d.hub.Public(), demoBanner, d.hub.intake.plain.Addr(), url, self, dir, law.Inspector, shellWord(plate), self, shellWord(d.Dir.Trust()), d.Dir)
}

// clock is what the demo's devices go by: its own time, which runs ahead; never less than the true one, for whatever else
// reports.
func (d *demo) clock() time.Time {
	now := time.Now()
	if d.sim == nil {
		return now
	}
	if demo := d.sim.Time(); demo.After(now) {
		return demo
	}
	return now
}

// facts tell the page how what it shows came about.
func (d *demo) facts() []portal.Fact {
	if d.sim == nil {
		return nil
	}
	t := d.sim.Totals()
	all := []portal.Fact{
		{Label: "Demo clock", Value: t.DemoTime.UTC().Format("Mon 2006-01-02 15:04 UTC"), Note: fmt.Sprintf("runs at %g times real time; only observation times follow it", t.Speed)},
		{Label: "Occupied places", Value: fmt.Sprintf("%d of %d", t.Occupied, t.Places), Note: "as reported; NIA Car Parks repeats NIA North and NIA South"},
		{Label: "Of these, sessions with a name", Value: fmt.Sprint(t.Named), Note: fmt.Sprintf("synthetic drivers, sealed; the other %d are anonymous", t.Anonymous)},
	}
	for _, feed := range t.Feeds {
		note := ""
		for _, c := range feed.Counts {
			if note != "" {
				note += "; "
			}
			note += fmt.Sprintf("%d %s", c.Rows, c.Rule.Plain())
		}
		all = append(all, portal.Fact{Label: "Feed " + feed.Feed, Value: fmt.Sprintf("%d of %d rows used", feed.Kept, feed.Rows), Note: note})
	}
	return all
}

// shortest is how a person in this directory would type the path.
func shortest(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	if !strings.ContainsRune(rel, filepath.Separator) {
		return "." + string(filepath.Separator) + rel
	}
	return rel
}

// shellWord is s as a shell takes it for one word: what we print to be tried must work in a folder called "my city", too.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
