package main_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune/verify"
)

// unpack unpacks a fixture's directory.
func unpack(t *testing.T, file, to string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || !filepath.IsLocal(h.Name) {
			t.Fatalf("%s: %v", h.Name, err)
		}
		path := filepath.Join(to, h.Name)
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, h.FileInfo().Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpgradeGoesOnFromTheReleaseBefore starts this program on the directory that the release before has left
// (testdata/upgrade/README.md): twice, since the first start may change what the second one finds.
func TestUpgradeGoesOnFromTheReleaseBefore(t *testing.T) {
	c := newCity(t)
	unpack(t, "testdata/upgrade/spine.tar.gz", c.dir)
	old := read(t, c.dir, "receipt.tlog")
	before := treeOf(t, c)
	for range 2 {
		c.start(t, "--http", "127.0.0.1:0")
		oldEntitiesAreFound(t, c)
		oldReceiptHolds(t, c, old)
		oldHistoryReads(t, c)
		oldPersonalDataOpens(t, c)
		newDataGoOn(t, c)
		c.interrupt(t)
		after := treeOf(t, c)
		if err := after.Extends(before.Size(), rootOf(t, before)); err != nil || after.Size() <= before.Size() {
			t.Errorf("the record has %d leaves after %d: %v", after.Size(), before.Size(), err)
		}
		if strings.Contains(c.out.String(), "level=ERROR") {
			t.Errorf("it wrote: %s", c.out)
		}
		before = after
	}
}

// treeOf is the record of a stopped city, verified under its trust file.
func treeOf(t *testing.T, c *city) *verify.Tree {
	t.Helper()
	trust, err := verify.ParseTrust([]byte(read(t, c.dir, "trust.txt")))
	if err != nil {
		t.Fatal(err)
	}
	head, err := trust.Checkpoint([]byte(read(t, c.dir, "hub", "log", "checkpoint")))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := verify.OpenTree(head.Size, head.Root, verify.OrFull(verify.Dir(os.DirFS(filepath.Join(c.dir, "hub", "log")))))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func rootOf(t *testing.T, tree *verify.Tree) [32]byte {
	t.Helper()
	root, err := tree.RootAt(tree.Size())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// oldEntitiesAreFound by what the indexes of the release before did not have, or had otherwise.
func oldEntitiesAreFound(t *testing.T, c *city) {
	t.Helper()
	const id = "urn:ngsi-ld:OffStreetParking:upgrade:1"
	for what, query := range map[string]string{
		"a type":         "type=OffStreetParking",
		"a value":        "type=OffStreetParking&q=availableSpotNumber==43",
		"a list's value": "type=OffStreetParking&q=category==%22underground%22",
		"an attribute":   "type=OffStreetParking&attrs=location",
		"a place":        "type=OffStreetParking&georel=near%3BmaxDistance==10&geometry=Point&coordinates=[-1.5,52.1]",
	} {
		if a := get(t, c.as(t, ""), "/ngsi-ld/v1/entities?limit=1000&"+query); a.Status != http.StatusOK || !strings.Contains(string(a.Body), id) {
			t.Errorf("asked for %s, what the release before has written is not found: %d %.300s", what, a.Status, a.Body)
		}
	}
	if a := get(t, c.as(t, ""), "/ngsi-ld/v1/entities?type=OffStreetParking&q=availableSpotNumber==42"); a.Status != http.StatusOK || strings.Contains(string(a.Body), id) {
		t.Errorf("found by a value that it had before: %d %.300s", a.Status, a.Body)
	}
}

// oldReceiptHolds: as it was handed out, against the trust file of then and the log of now, and as the hub hands it out now.
func oldReceiptHolds(t *testing.T, c *city, receipt string) {
	t.Helper()
	dir := t.TempDir()
	write(t, receipt, dir, "receipt.tlog")
	r := tribune(t, dir, "verify", "--trust", filepath.Join(c.dir, "trust.txt"), "--log", filepath.Join(c.dir, "hub", "log"), "receipt.tlog")
	if r.code != 0 || !strings.Contains(r.out, "parking-inspector") || !strings.Contains(r.out, "The log it rests on holds, too.") {
		t.Errorf("the receipt of the release before: exit %d: %s%s", r.code, r.out, r.log)
	}
	trust, err := verify.ParseTrust([]byte(read(t, c.dir, "trust.txt")))
	if err != nil {
		t.Fatal(err)
	}
	v, err := trust.Receipt([]byte(receipt))
	if err != nil {
		t.Fatal(err)
	}
	if a := get(t, c.as(t, ""), fmt.Sprintf("/record/leaves/%d", v.Index)); a.Status != http.StatusOK || string(a.Body) != string(v.LeafBytes) {
		t.Errorf("the leaf it proves: got %d %s, want %s", a.Status, a.Body, v.LeafBytes)
	}
}

func oldHistoryReads(t *testing.T, c *city) {
	t.Helper()
	a := get(t, c.as(t, ""), "/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:OffStreetParking:upgrade:1?attrs=availableSpotNumber&timerel=after&timeAt=2026-11-22T00:00:00Z")
	var e struct {
		AvailableSpotNumber []struct {
			Value      float64
			ObservedAt string
		}
	}
	if err := json.Unmarshal(a.Body, &e); err != nil || a.Status != http.StatusOK || len(e.AvailableSpotNumber) < 4 {
		t.Fatalf("the history that the release before has written: got %d %s (%v)", a.Status, a.Body, err)
	}
	seen := map[float64]string{}
	for _, v := range e.AvailableSpotNumber {
		seen[v.Value] = v.ObservedAt
	}
	for value, at := range map[float64]string{40: "2026-11-22T08:00:00", 41: "2026-11-22T09:41:00", 42: "2026-11-22T09:42:00", 43: "2026-11-22T09:43:00"} {
		if !strings.HasPrefix(seen[value], at) {
			t.Errorf("value %v is observed at %q, want %s", value, seen[value], at)
		}
	}
}

func oldPersonalDataOpens(t *testing.T, c *city) {
	t.Helper()
	if a := get(t, c.as(t, ""), "/ngsi-ld/v1/entities/urn:ngsi-ld:ParkingSession:upgrade:1?options=keyValues"); a.Status == http.StatusOK && strings.Contains(string(a.Body), "Una Upgrade") {
		t.Errorf("what was sealed is shown to anyone: %s", a.Body)
	}
	var r result
	poll(t, "the inspector to be answered", func() bool {
		r = tribune(t, t.TempDir(), "ask", "--dir", c.dir, "--as", "inspector-ward", "--plate", "UP26 GRD")
		return r.code == 0 || !strings.Contains(r.log, "busy")
	}, func() string { return r.log })
	for _, driver := range []string{"Una Upgrade 1", "Una Upgrade 2", "Una Upgrade 3"} {
		if r.code != 0 || !strings.Contains(r.out, driver) {
			t.Errorf("%s, sealed by the release before: exit %d: %s%s", driver, r.code, r.out, r.log)
		}
	}
}

// newDataGoOn writes and reads as after any start: the directory is in use again, not only readable.
func newDataGoOn(t *testing.T, c *city) {
	t.Helper()
	s := park(t, c, "urn:ngsi-ld:ParkingSession:after:"+word("X"))
	s.receipt = s.ask(t, c.as(t, "inspector-ward"))
	s.holds(t, c, t.TempDir())
}
