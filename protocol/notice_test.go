package protocol

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func noticeKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

func sampleNotice() Notice {
	return Notice{
		About: []NoticeEntity{{From: "2026-11-01", ID: "urn:ngsi-ld:ParkingSession:1", Until: "2026-11-20"}, {From: "2026-11-20", ID: "urn:ngsi-ld:ParkingSession:2", Until: "2026-11-20"}},
		City:  "Sheffield", Class: "parking-session", From: "2026-11-01", ID: strings.Repeat("0b", 16), Kind: NoticeErased, Office: "parking-inspector", Purpose: "enforce-parking",
		Standing: strings.Repeat("0c", 16), Time: "2026-11-22T18:30:00.000Z", Until: "2026-11-20", Version: NoticeVersion,
	}
}

// A notice makes a recipient delete data: nobody but the city's log can have written it, and no member of it can be changed on the way.
func TestNoticeCannotBeForgedOrStretched(t *testing.T) {
	pub := noticeKey().Public().(ed25519.PublicKey)
	data, err := sampleNotice().Sign(noticeKey())
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeNotice(data, pub)
	if err != nil || len(got.About) != 2 || got.Kind != NoticeErased {
		t.Fatalf("the positive control: %+v, %v", got, err)
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public().(ed25519.PublicKey)
	if _, err := DecodeNotice(data, other); err == nil {
		t.Error("verified under a key that did not sign")
	}
	for _, swap := range [][2]string{
		{"Session:1", "Session:9"}, {"2026-11-01", "2026-10-01"}, {"erasure", "lifted"}, {"parking-inspector", "planner"}, {"enforce-parking", "plan-city"},
		{"Sheffield", "Leeds"}, {"18:30", "18:31"}, {"0b0b", "0b0d"}, {"0c0c", "0c0d"}, {`"parking-session"`, `"car-park"`},
	} {
		changed := bytes.Replace(data, []byte(swap[0]), []byte(swap[1]), 1)
		if bytes.Equal(changed, data) {
			t.Fatalf("%s is not in the notice", swap[0])
		}
		if _, err := DecodeNotice(changed, pub); err == nil {
			t.Errorf("%s in the place of %s verifies", swap[1], swap[0])
		}
	}
}

// What says too much, too little or the same twice is not signed, so that it is not sent.
func TestNoticeThatIsNoneIsNotSigned(t *testing.T) {
	for name, spoil := range map[string]func(*Notice){
		"no kind":         func(n *Notice) { n.Kind = "" },
		"another version": func(n *Notice) { n.Version = 2 },
		"no city":         func(n *Notice) { n.City = "" },
		"no id":           func(n *Notice) { n.ID = "x" },
		"entity twice":    func(n *Notice) { n.About[1].ID = n.About[0].ID },
		"no such day":     func(n *Notice) { n.About[0].From = "2026-02-30" },
		"days backwards":  func(n *Notice) { n.From = "2026-11-21" },
		"no office":       func(n *Notice) { n.Office = "" },
		"no time":         func(n *Notice) { n.Time = "yesterday" },
		"too many":        func(n *Notice) { n.About = make([]NoticeEntity, MaxAbout+1) },
	} {
		n := sampleNotice()
		spoil(&n)
		if _, err := n.Sign(noticeKey()); err == nil {
			t.Errorf("%s: was signed", name)
		}
	}
}

func TestNoticeVector(t *testing.T) {
	raw, err := os.ReadFile("testdata/notice.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Seed, Message, Document string }
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(unhex(t, v.Seed))
	n, err := DecodeNotice([]byte(v.Document), key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if msg, err := n.message(); err != nil || !bytes.Equal(msg, unhex(t, v.Message)) {
		t.Errorf("message %x, want %s (%v)", msg, v.Message, err)
	}
	if data, err := n.Sign(key); err != nil || string(data) != v.Document {
		t.Errorf("document %s, want %s (%v)", data, v.Document, err)
	}
}

func FuzzDecodeNotice(f *testing.F) {
	pub := noticeKey().Public().(ed25519.PublicKey)
	data, err := sampleNotice().Sign(noticeKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	bare := sampleNotice()
	bare.About, bare.Standing = nil, ""
	if data, err = bare.Sign(noticeKey()); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := DecodeNotice(data, pub)
		if err != nil {
			return
		}
		again, err := n.Sign(noticeKey())
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("another spelling of one notice: %q (%v)", data, err)
		}
	})
}
