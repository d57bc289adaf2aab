package main_test

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"tribune/internal/portal/browser"
)

// picture is one page as the documents show it: by day, by night and on a phone.
type picture struct {
	name, path string
	who        string                         // of the demo's people; "" = anybody
	open       func(t *testing.T, v *viewing) // how one comes to what has no address; nil = by path
	ready      string                         // what must have been drawn
}

// pictures are the pages of docs/pages.md, in its order.
func pictures(t *testing.T, c *city) []picture {
	var changes, plate string
	if c != nil {
		changes, plate = lawChanges(t, c), resident(t, c)
	}
	told := sync.OnceValue(func() int { return subscribed(t, c) })
	gone := sync.OnceFunc(func() { erased(t, c) })
	return []picture{
		{name: "city", path: "/", ready: `document.querySelectorAll(".place").length > 0`},
		{name: "entity", path: "/entities/urn:ngsi-ld:OffStreetParking:birmingham:Bull-Ring#history", ready: `document.querySelectorAll("#points tbody tr").length >= 12 && document.querySelector("#chart canvas")`},
		{name: "record", path: "/record"},
		{name: "entry", open: func(t *testing.T, v *viewing) {
			v.tab.Go(t, v.home+"/en/record?office=parking-inspector&kind=read")
			v.tab.Follow(t, `main a[href*="/record/entries/"]`)
		}},
		{name: "checkpoint", path: "/record/checkpoint"},
		{name: "sensors", path: "/registers/sensors"},
		{name: "pole", path: "/registers/sensors/car-park-bull-ring"},
		{name: "policies", path: "/registers/policies"},
		{name: "law", path: "/law"},
		{name: "law-changes", path: changes},
		{name: "guardians", path: "/guardians"},
		{name: "vital", path: "/vital"},
		{name: "investigations", path: "/investigations"},
		{name: "models", path: "/models"},
		{name: "rights", path: "/rights"},
		{name: "limits", path: "/limits"},
		{name: "api", path: "/api"},
		{name: "login", path: "/login"},
		{name: "my-data", path: "/me", who: "citizen", ready: `document.body.innerText.includes("looked up data about you")`},
		{name: "consents", path: "/me/consents", who: "citizen"},
		{name: "export", path: "/me/export", who: "citizen"},
		{name: "trace-key", path: "/trace-key"},
		{name: "representatives", path: "/me/representatives", who: "citizen"},
		{name: "account", path: "/account", who: "inspector"},
		{name: "desk", who: "inspector", open: func(t *testing.T, v *viewing) {
			v.question(t, plate)
			v.sign(t)
		}},
		{name: "subscription", open: func(t *testing.T, v *viewing) { // near the last: what it tells would fill the other pictures
			entry := told()
			c.until(t, "some people to be told of", func() bool {
				return strings.Count(string(get(t, c.as(t, ""), "/record.json?kind=delivery").Body), `"index"`) >= 5
			})
			v.tab.Go(t, v.home+"/healthz")
			v.tab.Go(t, fmt.Sprintf("%s/en/record/entries/%d#told", v.home, entry))
		}},
		{name: "notices", who: "inspector", open: func(t *testing.T, v *viewing) { // the last: the citizen is erased
			gone()
			v.waits(t, "/desk/notices", "Erased")
		}},
		{name: "recipients", path: "/me/recipients", who: "citizen", ready: `document.querySelector("main table")`},
	}
}

// guises are how each page is shown. What fits on a screen is shown, not the whole page.
var guises = []struct {
	name string
	browser.Options
}{
	{"light", browser.Options{}}, {"dark", browser.Options{Dark: true}}, {"phone", browser.Options{Width: 390, Height: 844}},
}

// The pictures of the documents are taken by this test, so that they show what there is: `make screenshots` takes them anew.
// Otherwise it holds those that are there against what the documents and the list above name.
func TestPicturesShowEveryPage(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "docs", "img"))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("TRIBUNE_SCREENSHOTS") == "1" {
		takePictures(t, dir)
	}
	named := map[string]bool{}
	for _, p := range pictures(t, nil) {
		for _, g := range guises {
			file := p.name + "-" + g.name + ".png"
			named[file] = true
			data, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Errorf("%v: run make screenshots", err)
				continue
			}
			img, err := png.Decode(bytes.NewReader(data))
			want := image.Pt(cmp.Or(g.Width, screen.X), cmp.Or(g.Height, screen.Y))
			if err != nil || img.Bounds().Size() != want {
				t.Errorf("%s is no picture of %v (%v): run make screenshots", file, want, err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
		if !named[filepath.Base(file)] {
			t.Errorf("nothing names %s", file)
		}
	}
	if size > maxPictures {
		t.Errorf("the pictures weigh %d bytes, at most %d", size, maxPictures)
	}
	shown := map[string]bool{}
	for _, document := range []string{"README.md", filepath.Join("docs", "pages.md")} {
		for _, m := range regexp.MustCompile(`\bimg/([\w-]+\.png)`).FindAllStringSubmatch(read(t, "..", "..", document), -1) {
			shown[m[1]] = true
			if !named[m[1]] {
				t.Errorf("%s shows %s, which no test takes", document, m[1])
			}
		}
	}
	for file := range named {
		if !shown[file] {
			t.Errorf("no document shows %s", file)
		}
	}
}

// maxPictures bounds what pictures add to a clone.
const maxPictures = 4 << 20

// screen is that of the harness, where its reader has no phone.
var screen = image.Pt(1280, 900)

func takePictures(t *testing.T, dir string) {
	b := browser.Start(t)
	c := newCity(t)
	// Fast enough that a history is to be seen within a minute, also where the car parks' night is in it; slow enough that the cars do not
	// look like a film.
	c.start(t, "--people", "200", "--patrol", "5s", "--speed", "1800", "--vital")
	publishesAudited(t, c)
	represented(t, c)
	home := localhost(c.as(t, "").Base)
	viewings := map[string]*viewing{}
	for _, who := range []string{"", "citizen", "inspector"} {
		v := newViewing(t, b, home)
		if viewings[who] = v; who != "" {
			v.logIn(t, who)
		}
	}
	viewings["inspector"].makeKey(t)
	for _, p := range pictures(t, c) {
		v := viewings[p.who]
		for _, g := range guises {
			v.tab.As(t, g.Options)
			if p.open != nil {
				p.open(t, v)
			} else {
				poll(t, p.name, func() bool {
					v.tab.Go(t, home+"/healthz") // to a part of the page it is on a browser only scrolls
					v.tab.Go(t, home+"/en"+p.path)
					return p.ready == "" || browser.Eval[bool](t, v.tab, "Boolean("+p.ready+")")
				}, func() string { return v.tab.Text(t) })
			}
			if err := os.WriteFile(filepath.Join(dir, p.name+"-"+g.name+".png"), smaller(t, v.tab.Picture(t)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.interrupt(t)
}

// flat is how many of the most frequent colours of a page stay as they are: grounds, lines and inks.
const flat = 96

// smaller is a picture with at most 256 colours. A page has a few flat colours and the shades of its letters: these are made
// coarser until they fit, and each is then shown as the most frequent one like it.
func smaller(t *testing.T, data []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	bounds, count := img.Bounds(), map[color.RGBA]int{}
	at := func(x, y int) color.RGBA {
		r, g, b, _ := img.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	often := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	var palette color.Palette
	var index map[color.RGBA]uint8
	for bits := 0; ; bits++ {
		mask := uint8(0xff << bits)
		coarse := func(c color.RGBA) color.RGBA { return color.RGBA{c.R & mask, c.G & mask, c.B & mask, 255} }
		palette, index = nil, map[color.RGBA]uint8{}
		first := map[color.RGBA]uint8{}
		for n, c := range often {
			i, known := first[coarse(c)]
			if !known || n < flat {
				i = uint8(len(palette))
				palette = append(palette, c)
			}
			if !known {
				first[coarse(c)] = i
			}
			index[c] = i
		}
		if len(palette) <= 256 {
			break
		}
	}
	out := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			out.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, out); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
