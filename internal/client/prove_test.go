package client

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// witnessed is a log of one leaf under one guardian: its trust, and the leaf's self-contained receipt.
func witnessed(t *testing.T, act protocol.Act) (*verify.Trust, []byte) {
	t.Helper()
	fatal := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	leaf, err := protocol.Leaf{
		Version: protocol.Version, Act: act, Signature: make([]byte, 64), Tags: []tribune.Tag{},
		Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}},
	}.Encode()
	fatal(err)
	logKey, logVKey, err := protocol.NewKey("city.example/record")
	fatal(err)
	guardKey, guardVKey, err := protocol.NewKey("court.example")
	fatal(err)
	logSigner, err := note.NewSigner(logKey)
	fatal(err)
	cosigner, err := f_note.NewSignerForCosignatureV1(guardKey)
	fatal(err)
	root := protocol.LeafHash(leaf)
	checkpoint, err := note.Sign(&note.Note{Text: fmt.Sprintf("city.example/record\n1\n%s\n", base64.StdEncoding.EncodeToString(root[:]))}, logSigner, cosigner)
	fatal(err)
	group := protocol.Group{City: "city.example", N: 1, T: 1, W: 1, Guardians: []protocol.Member{{Index: 1, Name: "court.example", Key: guardVKey}}}
	text, err := group.TrustFile(logVKey, f_note.VKeyToCosignatureV1)
	fatal(err)
	trust, err := verify.ParseTrust([]byte(text))
	fatal(err)
	return trust, verify.Proof{Index: 0, Checkpoint: checkpoint, Extra: leaf}.Marshal()
}

// A hub can answer well and show the receipt of somebody else's act, or none.
func TestReceiptIsOfTheActThatWasSigned(t *testing.T) {
	act := protocol.Act{ID: protocol.NewID(), Kind: tribune.ActRead, Office: "parking-inspector", Time: protocol.Time(time.Now())}
	other := act
	other.ID = protocol.NewID()
	trust, receipt := witnessed(t, act)
	otherTrust, _ := witnessed(t, act)
	served := receipt
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(served) }))
	defer hub.Close()
	c := &Client{Base: hub.URL}
	link := http.Header{"Link": {`</record/receipts/0>; rel="receipt"`}}

	if got, err := c.Prove(t.Context(), &Answer{Status: 200, Header: link, Act: &act}, trust); err != nil || string(got) != string(receipt) {
		t.Fatalf("positive control: %v", err)
	}
	for name, c2 := range map[string]struct {
		answer *Answer
		trust  *verify.Trust
	}{
		"another act":  {&Answer{Status: 200, Header: link, Act: &other}, trust},
		"another city": {&Answer{Status: 200, Header: link, Act: &act}, otherTrust},
		"no receipt":   {&Answer{Status: 200, Header: http.Header{}, Act: &act}, trust},
	} {
		if _, err := c.Prove(t.Context(), c2.answer, c2.trust); err == nil {
			t.Errorf("%s: went unnoticed", name)
		}
	}
	served = []byte(strings.Replace(string(receipt), "index 0", "index 1", 1))
	if _, err := c.Prove(t.Context(), &Answer{Status: 200, Header: link, Act: &act}, trust); err == nil {
		t.Error("an altered receipt went unnoticed")
	}
}
