package verify

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"tribune"
	"tribune/protocol"
)

// testdata/receipt.json is for other verifiers, and the browser's tests read it: a receipt, what it is of, and what must be refused.
// `go test ./verify -update` makes another one, with fresh keys.
var update = flag.Bool("update", false, "write testdata/receipt.json anew")

type receiptVector struct {
	Trust    string `json:"trust"`
	Receipt  string `json:"receipt"`
	Index    uint64 `json:"index"`
	Size     uint64 `json:"size"`
	LeafHash string `json:"leafHash"`
	TraceKey string `json:"traceKey"` // hex
	Use      uint64 `json:"use"`      // whose tag under TraceKey is in the leaf
	Refused  []struct {
		Why     string `json:"why"`
		Receipt string `json:"receipt"`
	} `json:"refused"`
}

func newReceiptVector(t *testing.T) (v receiptVector) {
	const index, size = 5, 11
	l := newTestLog(t)
	l.grow(t, index)
	_, leaf := testLeaf(t)
	k := bytes.Repeat([]byte{0x5a}, protocol.TraceKeySize)
	leaf.Tags = []tribune.Tag{protocol.UseTag(k, 7)}
	data, err := leaf.Encode()
	if err != nil {
		t.Fatal(err)
	}
	l.append(t, data)
	l.grow(t, size)
	v = receiptVector{Trust: l.policy, Receipt: string(l.receipt(t, index, size, 3, true)), Index: index, Size: size, LeafHash: protocol.LeafHash(data).String(), TraceKey: hex.EncodeToString(k), Use: 7}
	refuse := func(why, receipt string) {
		v.Refused = append(v.Refused, struct {
			Why     string `json:"why"`
			Receipt string `json:"receipt"`
		}{why, receipt})
	}
	refuse("two co-signatures of three", string(l.receipt(t, index, size, 2, true)))
	refuse("another place", strings.Replace(v.Receipt, "\nindex 5\n", "\nindex 6\n", 1))
	refuse("another size", strings.Replace(v.Receipt, "\n11\n", "\n12\n", 1))
	refuse("another log's key", string(logWithAct(t, index, size).receipt(t, index, size, 3, true)))
	refuse("a proof one hash short", dropLine(v.Receipt, 3))
	refuse("a line end of another system", strings.ReplaceAll(v.Receipt, "\n", "\r\n"))
	return v
}

func dropLine(s string, at int) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(append(lines[:at:at], lines[at+1:]...), "")
}

func TestReceiptVector(t *testing.T) {
	const file = "testdata/receipt.json"
	if *update {
		data, err := json.MarshalIndent(newReceiptVector(t), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v receiptVector
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	trust, err := ParseTrust([]byte(v.Trust))
	if err != nil {
		t.Fatal(err)
	}
	got, err := trust.Receipt([]byte(v.Receipt))
	if err != nil {
		t.Fatal(err)
	}
	k, err := hex.DecodeString(v.TraceKey)
	if err != nil {
		t.Fatal(err)
	}
	if got.Index != v.Index || got.Checkpoint.Size != v.Size || got.LeafHash.String() != v.LeafHash || len(got.Leaf.Tags) != 1 || got.Leaf.Tags[0] != protocol.UseTag(k, v.Use) {
		t.Errorf("got leaf %d of %d, %s, tags %v", got.Index, got.Checkpoint.Size, got.LeafHash, got.Leaf.Tags)
	}
	if len(v.Refused) < 6 {
		t.Fatalf("%d receipts to refuse", len(v.Refused))
	}
	for _, bad := range v.Refused {
		if _, err := trust.Receipt([]byte(bad.Receipt)); err == nil {
			t.Errorf("%s: not refused", bad.Why)
		}
	}
}
