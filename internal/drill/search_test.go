package drill

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/aes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"tribune"
	"tribune/internal/store"
)

func TestPlateIsFoundInEverySpelling(t *testing.T) {
	const plate, driver = "QX16 KLM", "Eleanor Okafor"
	n := newNeedles([]string{plate, driver})
	wide := func(s string, order binary.AppendByteOrder) (b []byte) {
		for _, u := range utf16.Encode([]rune(s)) {
			b = order.AppendUint16(b, u)
		}
		return b
	}
	packed := func(s string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
		return b.Bytes()
	}
	deflated := func(s string) []byte {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
		return b.Bytes()
	}
	cases := map[string][]byte{
		"text": []byte("x" + plate), "lower case": []byte(strings.ToLower(plate)), "no space": []byte("q=QX16KLM&"),
		"URL": []byte("/x?q=QX16%20KLM"), "form": []byte("QX16+KLM"), "hex": []byte(hex.EncodeToString([]byte("...." + plate))),
		"HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(plate)))), "UTF-16LE": wide(plate, binary.LittleEndian), "UTF-16BE": wide(plate, binary.BigEndian),
		"gzip": append([]byte("head"), packed(`{"p":"`+plate+`"}`)...), "zlib": append([]byte("head"), deflated(driver+" was here")...),
	}
	for shift := range 3 {
		for name, enc := range map[string]*base64.Encoding{"std": base64.StdEncoding, "url": base64.URLEncoding, "raw": base64.RawURLEncoding} {
			cases[fmt.Sprintf("base64 %s after %d bytes", name, shift)] = []byte(enc.EncodeToString([]byte("???"[:shift] + driver + "???")))
		}
	}
	for name, data := range cases {
		if len(n.find("here", data)) == 0 {
			t.Errorf("%s: not found in %q", name, data)
		}
		clean := bytes.Repeat([]byte{'n', 'o', 0, 0x1f, 0x8b, 8, 0x78, 0x9c}, 64)
		if hits := n.find("here", clean); len(hits) > 0 {
			t.Errorf("found %v in %q", hits, clean)
		}
	}
}

func TestKeysInFilesAreFound(t *testing.T) {
	key := bytes.Repeat([]byte{0xab, 3}, 16)
	note := "PRIVATE+KEY+city.example/record+0a1b2c3d+" + base64.StdEncoding.EncodeToString(append([]byte{1}, key...))
	for name, data := range map[string]string{
		"hex": "epoch = " + hex.EncodeToString(key) + "\n", "base64": `{"key":"` + base64.StdEncoding.EncodeToString(key) + `"}`,
		"url": base64.RawURLEncoding.EncodeToString(key),
	} {
		found := false
		for _, raw := range coded([]byte(data)) {
			found = found || bytes.Equal(raw, key)
		}
		if !found {
			t.Errorf("%s: the key was not found in %q", name, data)
		}
	}
	if m := noteKey.FindStringSubmatch(note); m == nil {
		t.Errorf("the note key was not found in %q", note)
	}
}

func TestSealedValueIsFoundAndOpenedByItsKeyAlone(t *testing.T) {
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	a, err := gcm(key)
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{9}, 12)
	value := a.Seal(nonce, nonce, []byte(`{"type":"Property","value":"secret"}`), []byte("any aad"))
	doc := append(append([]byte("head\x0fparking-session"), make([]byte, 24)...), 5)
	doc = append(append(append(doc, "12:00"...), byte(len(value))), value...)
	found := sealedIn(append(doc, "tail"...), sealedClasses)
	if len(found) != 1 || !bytes.Equal(found[0].value, value) {
		t.Fatalf("got %v, want the one value", found)
	}
	for _, c := range []struct {
		key  []byte
		want bool
	}{{key, true}, {other, false}} {
		block, err := aes.NewCipher(c.key)
		if err != nil {
			t.Fatal(err)
		}
		if got := found[0].opens(block); got != c.want {
			t.Errorf("key %x: opens = %v, want %v", c.key[:1], got, c.want)
		}
	}
}

func TestPseudonymsAreFoundInStoreKeys(t *testing.T) {
	p := tribune.Pseudonym{1, 0, 2, 0, 0, 255}
	th := theft{pairs: []store.Pair{
		{Key: store.Key("vault", tribune.Place{Partition: 1}, "h", string(p[:]), "class")},
		{Key: store.Key("twin", tribune.Place{Tenant: "0123456789abcdef"}, "e", "short")},
	}}
	got := th.tokens()
	if _, ok := got[p]; !ok {
		t.Errorf("the pseudonym was not found in %x", th.pairs[0].Key)
	}
}

func TestLedgerNoticesEveryBrokenPromise(t *testing.T) {
	honest := func() (*ledger, []instance) {
		l := newLedger()
		var rows []instance
		for v := int64(1); v <= 4; v++ {
			w := l.begin("e", v, "2026-01-01T00:00:00Z")
			time.Sleep(time.Millisecond)
			l.end(v != 4, w) // the last is not acknowledged
			rows = append(rows, instance{v, "2026-01-01T00:00:00Z"})
			time.Sleep(time.Millisecond)
		}
		return l, rows
	}
	for _, c := range []struct {
		name    string
		change  func([]instance) []instance
		current int64
		want    string
	}{
		{"all there", func(r []instance) []instance { return r }, 4, ""},
		{"the unacknowledged one not there", func(r []instance) []instance { return r[:3] }, 3, ""},
		{"an acknowledged one lost", func(r []instance) []instance { return r[1:] }, 4, "lost"},
		{"one twice", func(r []instance) []instance { return append(r, r[3]) }, 4, "2 times"},
		{"one that nobody wrote", func(r []instance) []instance { return append(r, instance{9, ""}) }, 4, "never written"},
		{"another time", func(r []instance) []instance { r[0].observedAt = "2027"; return r }, 4, "observed at"},
		{"an old current value", func(r []instance) []instance { return r }, 2, "ended before"},
		{"a current value nobody wrote", func(r []instance) []instance { return r }, 9, "never written"},
	} {
		l, rows := honest()
		got := strings.Join(l.audit("e", c.current, c.change(rows)), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzSealedIn(f *testing.F) {
	f.Add([]byte("\x0fparking-session000000000000000000000000\x0512:00\x200123456789abcdef0123456789abcdef"))
	f.Add([]byte("\x0fparking-session\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		block, err := aes.NewCipher(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range sealedIn(doc, sealedClasses) {
			if len(v.value) <= 28 || len(v.value) > len(doc) {
				t.Errorf("a value of %d bytes out of %d", len(v.value), len(doc))
			}
			v.opens(block)
		}
	})
}

func FuzzCoded(f *testing.F) {
	f.Add([]byte(strings.Repeat("ab", 32)))
	f.Add([]byte("PRIVATE+KEY+x+00000000+" + base64.StdEncoding.EncodeToString(make([]byte, 33))))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, raw := range coded(data) {
			if n := len(raw); n != 32 && n != 33 && n != 48 && n != 64 {
				t.Errorf("a key of %d bytes", n)
			}
		}
		inflate(data)
	})
}
