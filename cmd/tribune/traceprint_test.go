package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

// A city that serves another law than decided is not quoted on paper: ids stand instead of its words.
func TestPaperQuotesOnlyTheLawThatDecided(t *testing.T) {
	files := map[string][]byte{
		"offices.toml":  []byte("[[office]]\nid = \"parking-inspector\"\ntitle = \"Parking inspector\"\n"),
		"purposes.toml": []byte("[[purpose]]\nid = \"enforce-parking\"\ntitle = \"Parking enforcement\"\ndescription = \"To check <whether> it has paid.\"\n"),
	}
	served := func(files map[string][]byte) []byte {
		raw, err := json.Marshal(map[string]any{"files": files})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	hash := policy.HashFiles(files)
	other := map[string][]byte{"offices.toml": []byte("[[office]]\nid = \"parking-inspector\"\ntitle = \"Charity\"\n")}
	use := verify.TraceUse{N: 1, Index: 7, Leaf: protocol.Leaf{
		Act:      protocol.Act{Kind: tribune.ActRead, Count: 1, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "m-1", Time: "2026-11-22T18:00:00.000Z"},
		Decision: tribune.Decision{Permit: true, Set: hash},
	}}
	trail := &verify.Trail{Uses: []verify.TraceUse{use}, Head: &verify.Checkpoint{}, Whole: true}
	for what, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"the law that decided": {served(files), "<strong>Parking inspector</strong> looked up data about you."},
		"another law":          {served(other), "<strong>parking-inspector</strong> looked up data about you."},
		"no law":               {[]byte("<html>"), "<strong>parking-inspector</strong> looked up data about you."},
	} {
		var out bytes.Buffer
		law := map[tribune.Hash]titles{hash: readTitles(c.raw, hash)}
		if err := printTraces(&out, []traced{{nil, trail}}, law, time.Now()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "Charity") || strings.Contains(out.String(), "<whether>") {
			t.Errorf("%s: the sheet says %s", what, out.String())
		}
	}
}
