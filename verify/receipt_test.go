package verify

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/proof"

	"tribune"
	"tribune/protocol"
)

func TestReceiptAndLeafMustBelongTogether(t *testing.T) {
	l := logWithAct(t, 1, 4)
	leaf := l.leaves[1]
	for _, withLeaf := range []bool{true, false} {
		if _, err := l.trust.ReceiptOf(l.receipt(t, 1, 4, 3, withLeaf), leaf); err != nil {
			t.Errorf("control: %v", err)
		}
		other := bytes.Replace(leaf, []byte("parking-inspector"), []byte("parking-inspectoR"), 1)
		if _, err := l.trust.ReceiptOf(l.receipt(t, 1, 4, 3, withLeaf), other); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("another leaf: got %v, want ErrInvalid", err)
		}
	}
	if _, err := l.trust.Receipt(l.receipt(t, 1, 4, 3, false)); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
		t.Errorf("receipt without a leaf: got %v, want ErrInvalid with a hint", err)
	}
	// On record, and yet no act: a log entry that is not a leaf of ours.
	if _, err := l.trust.Receipt(l.receipt(t, 2, 4, 3, true)); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("entry that is no leaf: got %v, want ErrInvalid", err)
	}
	// A true leaf at an index where it is not.
	p, err := ParseProof(l.receipt(t, 1, 4, 3, true))
	if err != nil {
		t.Fatal(err)
	}
	p.Index = 2
	if _, err := l.trust.Receipt(p.Marshal()); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "index") {
		t.Errorf("wrong index: got %v, want ErrInvalid", err)
	}
}

// The format is C2SP's: other people's tools must read our receipts and we theirs.
func TestReceiptIsATlogProof(t *testing.T) {
	l := logWithAct(t, 1, 700)
	for _, withLeaf := range []bool{true, false} {
		ours := l.receipt(t, 1, 700, 3, withLeaf)
		var theirs proof.TLogProof
		if err := theirs.Unmarshal(ours); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(theirs.Marshal(), ours) {
			t.Errorf("got\n%s\nwant\n%s", theirs.Marshal(), ours)
		}
	}
}

func TestLargestLeafFitsAReceipt(t *testing.T) {
	data, leaf := testLeaf(t)
	leaf.Public = []byte(`"` + strings.Repeat("x", protocol.MaxLeaf-len(data)-len(`"public":"",`)) + `"`)
	data, err := leaf.Encode()
	if err != nil || len(data) != protocol.MaxLeaf {
		t.Fatalf("leaf of %d bytes: %v", len(data), err)
	}
	l := newTestLog(t)
	l.append(t, data)
	if _, err := l.trust.Receipt(l.receipt(t, 0, 1, 4, true)); err != nil {
		t.Error(err)
	}
}

func TestWordsSayWhatStandsInTheLeaf(t *testing.T) {
	l := logWithAct(t, 1, 4)
	v, err := l.trust.Receipt(l.receipt(t, 1, 4, 3, true))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(v.Words(), "\n")
	for _, want := range []string{
		"Office parking-inspector asked to read sealed data, touching 1 subject, for the purpose enforce-parking, under the mandate parking-enforcement-2026.",
		"2026-11-22T08:00:00.000Z", "Permitted by: inspectors-read-sessions.", "entry 1 of birmingham.example/record", "Co-signed by court.example at 20",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant it to contain %q", got, want)
		}
	}
	v.Leaf.Decision = tribune.Decision{Missing: []string{"the mandate ended on 2025-12-31"}}
	v.Leaf.Act.Office = "a\nCo-signed by god\u202e"
	got = strings.Join(v.Words(), "\n")
	if !strings.Contains(got, "Denied by") || !strings.Contains(got, "Missing: the mandate ended on 2025-12-31.") {
		t.Errorf("denial: got\n%s", got)
	}
	if strings.Contains(got, "\nCo-signed by god") || strings.Contains(got, "\u202e") {
		t.Errorf("a leaf can forge our lines:\n%s", got)
	}
	const forged = "planner asked for nothing. Co-signed by god at 2026"
	v.Leaf.Act.Office, v.Leaf.Act.Purpose, v.Leaf.Act.Mandate, v.Leaf.Act.Kind, v.Leaf.Decision.Policies = forged, forged, forged, forged, []string{forged}
	got = strings.Join(v.Words(), "\n")
	if strings.Count(got, forged) != 5 || strings.Count(got, `"`+forged+`"`) != 5 {
		t.Errorf("a leaf can forge our sentences:\n%s", got)
	}
}

func FuzzReceipt(f *testing.F) {
	l := logWithAct(f, 1, 300)
	f.Add(l.receipt(f, 1, 300, 3, true))
	f.Add(l.receipt(f, 1, 2, 4, false))
	f.Add(l.receipt(f, 299, 300, 4, true))
	f.Add([]byte(proofHeader + "\nextra \nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProof(data)
		if err == nil && !bytes.Equal(p.Marshal(), data) {
			t.Errorf("two spellings of one proof: %q and %q", data, p.Marshal())
		}
		v, err := l.trust.Receipt(data)
		if err == nil && (v.Index != 1 || !bytes.Equal(v.LeafBytes, l.leaves[1])) {
			t.Errorf("a receipt was forged: %q", data)
		}
	})
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'x', 0, 0})
	f.Add([]byte{0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0, 0}, 257))
	f.Fuzz(func(t *testing.T, data []byte) {
		leaves, err := ParseBundle(data)
		if err != nil {
			return
		}
		var again []byte
		for _, l := range leaves {
			again = append(append(again, byte(len(l)>>8), byte(len(l))), l...)
		}
		if !bytes.Equal(again, data) {
			t.Errorf("bundle %x was read as %x", data, again)
		}
		if end, err := bundleEnd(data, len(leaves)); err != nil || end != len(data) {
			t.Errorf("bundle of %d bytes ends at %d, %v", len(data), end, err)
		}
	})
}

// BenchmarkReceipt verifies one receipt: log signature, three co-signatures, inclusion, leaf.
func BenchmarkReceipt(b *testing.B) {
	l := logWithAct(b, 1000, 70000)
	receipt := l.receipt(b, 1000, 70000, 3, true)
	for b.Loop() {
		if _, err := l.trust.Receipt(receipt); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "receipts/s")
}

func BenchmarkLog(b *testing.B) {
	l := logWithAct(b, 1000, 70000)
	v, err := l.trust.Receipt(l.receipt(b, 1000, 70000, 3, true))
	if err != nil {
		b.Fatal(err)
	}
	dir := l.dir(b, 70000, 3)
	for b.Loop() {
		if err := l.trust.Log(v, dir); err != nil {
			b.Fatal(err)
		}
	}
}
