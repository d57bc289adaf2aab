package protocol

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"tribune"
)

// The vectors were computed by an independent implementation (Python's hmac, hashlib and struct).
func TestErasureVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/erase.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Key  string
		Tags []struct {
			M   uint64
			Tag string
		}
		Marks []struct {
			ID        uint32
			Key, Mark string
		}
		Public string
		Day    uint32
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Tags {
		if got := ErasedTag(unhex(t, v.Key), c.M).String(); got != c.Tag {
			t.Errorf("erased tag %d: got %s, want %s", c.M, got, c.Tag)
		}
	}
	for _, c := range v.Marks {
		if got := hex.EncodeToString(EpochMark(c.ID, unhex(t, c.Key))); got != c.Mark {
			t.Errorf("mark of epoch %d: got %s, want %s", c.ID, got, c.Mark)
		}
	}
	e, err := DecodeErasure([]byte(v.Public))
	if err != nil {
		t.Fatal(err)
	}
	if day, err := e.Number(); err != nil || day != v.Day {
		t.Errorf("day: got %d, %v, want %d", day, err, v.Day)
	}
	if again, err := JCS(NewErasure(tribune.SegmentStart(v.Day, 3600), e.Erased)); err != nil || string(again) != v.Public {
		t.Errorf("written again: %s, %v", again, err)
	}
}

func erasure(at time.Time, count int) Leaf {
	tags := make([]tribune.Tag, count)
	for i := range tags {
		tags[i] = tribune.Tag{byte(i), byte(i >> 8), 1}
	}
	public, _ := JCS(NewErasure(at, tags)) // always encodes
	return Leaf{
		Version: Version, Public: public, Tags: make([]tribune.Tag, count), Decision: tribune.Decision{Permit: true},
		Act: Act{ID: strings.Repeat("0", 32), Kind: tribune.ActErase, Count: count, Time: Time(at)},
	}
}

// What is not an erasure must not pass for one: a person would believe that their data are gone.
func TestWhatIsNoErasureIsRefused(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC)
	for name, spoil := range map[string]func(*Leaf){
		"denied":            func(l *Leaf) { l.Decision.Permit = false },
		"another kind":      func(l *Leaf) { l.Act.Kind = tribune.ActRead },
		"dated back":        func(l *Leaf) { l.Public = bytes.Replace(l.Public, []byte("-22"), []byte("-21"), 1) },
		"dated ahead":       func(l *Leaf) { l.Public = bytes.Replace(l.Public, []byte("-22"), []byte("-23"), 1) },
		"no day":            func(l *Leaf) { l.Public = bytes.Replace(l.Public, []byte("-22"), []byte("-31"), 1) },
		"a tag too few":     func(l *Leaf) { l.Act.Count = 3 },
		"no use counted":    func(l *Leaf) { l.Tags = nil },
		"one subject twice": func(l *Leaf) { l.Public = bytes.Replace(l.Public, []byte(`"0100`), []byte(`"0000`), 1) },
		"nothing public":    func(l *Leaf) { l.Public = nil },
		"not canonical":     func(l *Leaf) { l.Public = append([]byte(" "), l.Public...) },
		"it opens":          func(l *Leaf) { l.Act.Recipient = make([]byte, 32) },
	} {
		l := erasure(at, 2)
		if _, err := ErasureOf(l); err != nil {
			t.Fatalf("control: %v", err)
		}
		spoil(&l)
		if _, err := ErasureOf(l); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := ErasureOf(erasure(at, MaxErased+1)); err == nil {
		t.Error("too many: accepted")
	}
	whole := erasure(at, MaxErased)
	whole.Signature = make([]byte, 64)
	if _, err := whole.Encode(); err != nil {
		t.Errorf("the largest does not fit a leaf: %v", err)
	}
}

// A hub that leaves a number out would tell a person that they are erased, and guardians would not see it.
func TestPersonSeesThatTheirErasureIsTheNext(t *testing.T) {
	k := make([]byte, TraceKeySize)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	leaf := func(m uint64) Leaf {
		l := erasure(at, 1)
		l.Public, _ = JCS(NewErasure(at, []tribune.Tag{ErasedTag(k, m)}))
		return l
	}
	before := func(done ...uint64) func(tribune.Tag) bool {
		return func(tag tribune.Tag) bool {
			for _, m := range done {
				if ErasedTag(k, m) == tag {
					return true
				}
			}
			return false
		}
	}
	if !ErasedNow(leaf(1), k, before()) || !ErasedNow(leaf(2), k, before(1)) {
		t.Error("an honest erasure is not recognised")
	}
	if ErasedNow(leaf(2), k, before()) || ErasedNow(leaf(1), k, before(1)) || ErasedNow(leaf(3), k, before(1)) {
		t.Error("a number left out, or used again, passes")
	}
}

func FuzzDecodeErasure(f *testing.F) {
	f.Add([]byte(`{"day":"2026-11-22","erased":["000102030405060708090a0b0c0d0e0f"]}`))
	f.Add([]byte(`{"day":"1969-12-31","erased":["000102030405060708090a0b0c0d0e0f"]}`))
	f.Add([]byte(`{"day":"2026-11-22","erased":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeErasure(data)
		if err != nil {
			return
		}
		again, err := JCS(e)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s has another spelling: %s, %v", data, again, err)
		}
	})
}
