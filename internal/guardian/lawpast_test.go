package guardian

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"

	"tribune"
	"tribune/protocol"
)

// signedAt is a checkpoint under co-signatures of guardians at a time: the signers of this process know only the present.
func (w *world) signedAt(checkpoint []byte, at time.Time, guards ...int) []byte {
	w.t.Helper()
	text, lines, _ := bytes.Cut(checkpoint, []byte("\n\n"))
	line, _, _ := bytes.Cut(lines, []byte("\n"))
	out := slices.Concat(text, []byte("\n\n"), line, []byte("\n"))
	for _, g := range guards {
		vkey, err := fnote.VKeyToCosignatureV1(w.group.Guardians[g].Key)
		if err != nil {
			w.t.Fatal(err)
		}
		hash, err := hex.DecodeString(strings.Split(vkey, "+")[1])
		if err != nil {
			w.t.Fatal(err)
		}
		sig := ed25519.Sign(w.guards[g].self.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at.Unix(), text))
		blob := slices.Concat(hash, binary.BigEndian.AppendUint64(nil, uint64(at.Unix())), sig)
		out = fmt.Appendf(out, "\u2014 %s %s\n", w.group.Guardians[g].Name, base64.StdEncoding.EncodeToString(blob))
	}
	return out
}

// A guardian that joins, or has lost its notes, does not begin the wait of an old law anew, where it is shown since when the law has been
// public; and nothing but co-signatures of then shows it.
func TestGuardianThatComesLateTakesTheTimeOfTheReceiptOfThen(t *testing.T) {
	w := newWorld(t)
	w.later(-100 * time.Hour)
	w.found()
	loose := w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	public, err := protocol.JCS(protocol.LawPublic{Set: loose.Hash(), Approvals: w.approve(loose, 1, 2)})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := protocol.DecodeLeaf(w.housekeeping(tribune.ActLaw, tribune.Hash{}, public))
	if err != nil {
		t.Fatal(err)
	}
	leaf.Act.Time = protocol.Time(time.Now().Add(-100 * time.Hour))
	raw, err := leaf.Encode()
	if err != nil {
		t.Fatal(err)
	}
	i, then := w.publishLeaf(raw)
	then = w.signedAt(then, time.Now().Add(-100*time.Hour), 0, 1, 3)
	receipt := w.log.Receipt(i, w.log.Size(), then)
	w.later(0)
	other, now := w.publishLeaf(w.housekeeping(tribune.ActAppoint, tribune.Hash{1}, nil))
	forget := func() {
		w.guards[0].stop()
		if err := os.Remove(filepath.Join(w.guards[0].cfg.Dir, lawsFile)); err != nil {
			t.Fatal(err)
		}
		w.start(0)
	}
	key := fmt.Sprint(i)
	for name, c := range map[string]struct {
		shown []byte
		loose bool
	}{
		"nothing shown":                         {nil, false},
		"the receipt of then":                   {receipt, true},
		"a receipt of now":                      {w.log.Receipt(i, w.log.Size(), now), false},
		"the receipt of another leaf":           {w.log.Receipt(other, w.log.Size(), now), false},
		"the receipt of then, by one co-signer": {w.log.Receipt(i, i+1, w.signedAt(then, time.Now().Add(-100*time.Hour), 3)), false},
		"no receipt":                            {[]byte("hello"), false},
	} {
		w.proofs.Delete(key)
		if c.shown != nil {
			w.proofs.Store(key, c.shown)
		}
		forget()
		want := w.set
		if c.loose {
			want = loose
			wait(t, func() bool { return w.inForce(time.Now()).Hash() == loose.Hash() })
			// It is shown no receipt of the first law, which reigned before all the same: else the new one would reach back to everything.
			if r, _, err := w.guards[0].law.chain.Reigns(t.Context(), w.log.Size(), time.Now()); err != nil || len(r) != 2 || r[0].Set != w.set.Hash() || r[1].From.Before(time.Now().Add(-29*time.Hour)) {
				t.Errorf("%s: the reigns are %v, %v", name, r, err)
			}
			w.proofs.Delete(key)
			w.restart(0) // what was shown once is kept
		} else {
			time.Sleep(150 * time.Millisecond)
		}
		if got := w.inForce(time.Now()); got.Hash() != want.Hash() {
			t.Errorf("%s: another law is in force", name)
		}
	}
}
