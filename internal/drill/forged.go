package drill

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// playForged shows checkpoints that are not the log's: to guardians, who must not co-sign them, and to verifiers, who must not
// believe receipts under them. Honest checkpoints go through between them.
func playForged(ctx context.Context, p *play) error {
	w, end, err := p.besieged(ctx)
	if err != nil {
		return err
	}
	f := &forger{wide: w, h: w.hub}
	if err := f.atGuardians(ctx); err != nil {
		return err
	}
	if err := f.atVerifiers(ctx); err != nil {
		return err
	}
	end()
	return w.honest(ctx)
}

type forger struct {
	*wide
	h *stolenHub
}

// noted is the text of a checkpoint.
func noted(origin string, size any, root tribune.Hash) string {
	return fmt.Sprintf("%s\n%v\n%s\n", origin, size, base64Of(root[:]))
}

func (f *forger) signed(text string, by note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: text}, by)
}

// atGuardians: every guardian is shown every forgery, with the proof that a liar would bring.
func (f *forger) atGuardians(ctx context.Context) error {
	h := f.h
	other, err := strangerOf(h.signer.Name())
	if err != nil {
		return err
	}
	size := uint64(len(h.leaves))
	var random tribune.Hash
	rand.Read(random[:])
	next := h.twin(len(h.leaves))
	if err := next.append([]byte("a leaf that the hub does not serve")); err != nil {
		return err
	}
	nextRoot, err := next.root()
	if err != nil {
		return err
	}
	here, err := h.root()
	if err != nil {
		return err
	}
	changed := h.twin(len(h.leaves) - 1)
	if err := changed.append([]byte("another last leaf")); err != nil {
		return err
	}
	if err := changed.append([]byte("and one more")); err != nil {
		return err
	}
	changedRoot, err := changed.root()
	if err != nil {
		return err
	}
	for _, try := range []struct {
		tried, text string
		by          note.Signer
		proof       *stolenHub // whose tree the proof is of; nil = no proof lines
		want        []int
	}{
		{"signed by another key of the same name", noted(h.signer.Name(), size+1, nextRoot), other, next, []int{http.StatusForbidden}},
		{"of another log", noted("elsewhere.example/record", size+1, nextRoot), h.signer, next, []int{http.StatusNotFound, http.StatusForbidden}},
		{"by the log's key over another tree of the same size", noted(h.signer.Name(), size, random), h.signer, nil, []int{http.StatusConflict, http.StatusUnprocessableEntity}},
		{"by the log's key over a larger tree that does not extend theirs", noted(h.signer.Name(), size+1, changedRoot), h.signer, changed, []int{http.StatusUnprocessableEntity}},
		{"by the log's key over a larger tree, with no proof", noted(h.signer.Name(), size+1, nextRoot), h.signer, nil, []int{http.StatusUnprocessableEntity}},
		{"by the log's key over a larger tree that it does not serve", noted(h.signer.Name(), size+1, nextRoot), h.signer, next, []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable}},
		{"by the log's key, a thousand leaves in the future", noted(h.signer.Name(), size+1000, random), h.signer, next, []int{http.StatusUnprocessableEntity}},
		{"by the log's key, of 2^40 leaves", noted(h.signer.Name(), uint64(1)<<40, random), h.signer, next, []int{http.StatusUnprocessableEntity}},
		{"by the log's key, of 2^63-1 leaves", noted(h.signer.Name(), uint64(1)<<63-1, random), h.signer, next, []int{http.StatusUnprocessableEntity}},
		{"by the log's key, smaller than theirs", noted(h.signer.Name(), size-1, here), h.signer, nil, []int{http.StatusBadRequest, http.StatusConflict}},
		{"by the log's key, its size written 0%d", noted(h.signer.Name(), fmt.Sprintf("0%d", size), here), h.signer, nil, []int{http.StatusBadRequest}},
	} {
		checkpoint, err := f.signed(try.text, try.by)
		if err != nil {
			return err
		}
		held, seen := true, ""
		for _, m := range h.group.Guardians {
			status, answer, err := h.witness(ctx, m, try.proof, checkpoint)
			if err != nil {
				return err
			}
			fits := false
			for _, w := range try.want {
				fits = fits || status == w
			}
			held, seen = held && fits, fmt.Sprintf("%d %s", status, bytes.TrimSpace(answer))
		}
		f.play.times(len(h.group.Guardians), held, "ask each guardian to co-sign a checkpoint "+strings.ReplaceAll(try.tried, "%d", "N"), fmt.Sprintf("none does: %v", try.want), "%s", seen)
	}
	return nil
}

// witness asks for a co-signature with a proof from the guardian's size to the end of another tree.
func (h *stolenHub) witness(ctx context.Context, m protocol.Member, proof *stolenHub, checkpoint []byte) (int, []byte, error) {
	if proof != nil {
		proof.sizes[m.Name] = h.sizes[m.Name]
		return proof.cosign(ctx, m, checkpoint)
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n\n", h.sizes[m.Name])
	body.Write(checkpoint)
	return h.call(ctx, http.MethodPost, m.URL, "/add-checkpoint", body.Bytes(), false)
}

// strangerOf is a fresh key that calls itself by a name.
func strangerOf(name string) (note.Signer, error) {
	skey, _, err := protocol.NewKey(name)
	if err != nil {
		return nil, err
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	return s, nil
}

// atVerifiers: `tribune verify`, and every guardian, are shown receipts under forged checkpoints.
func (f *forger) atVerifiers(ctx context.Context) error {
	x, err := f.plain(f.victims[0])
	if err != nil {
		return err
	}
	_, req, err := f.put(ctx, x)
	if err != nil {
		return err
	}
	proof, err := verify.ParseProof(req.Receipt)
	if err != nil {
		return err
	}
	head, lines, _ := strings.Cut(string(proof.Checkpoint), "\n\n")
	signatures := strings.SplitAfter(strings.TrimSuffix(lines, "\n"), "\n")
	signatures[len(signatures)-1] += "\n"
	logLine, cosigned := signatures[0], signatures[1:]
	other, err := strangerOf(f.h.signer.Name())
	if err != nil {
		return err
	}
	forged, err := f.signed(head+"\n", other)
	if err != nil {
		return err
	}
	_, otherLine, _ := strings.Cut(string(forged), "\n\n")
	if len(cosigned) != f.h.group.W {
		return fmt.Errorf("%w: a receipt under %d co-signatures", errDrill, len(cosigned))
	}
	with := func(change func(p *verify.Proof)) []byte {
		q := proof
		change(&q)
		return q.Marshal()
	}
	lines3 := func(l ...string) []byte {
		return with(func(p *verify.Proof) { p.Checkpoint = []byte(head + "\n\n" + strings.Join(l, "")) })
	}
	elsewhere := strings.Replace(head, fmt.Sprintf("\n%d\n", proof.Index+1), fmt.Sprintf("\n%d\n", proof.Index+500), 1)
	dir := f.play.scratch("verifier")
	e := &exhibit{play: f.play, dir: dir}
	if err := copyDir(filepath.Join(f.theft.dir, "log"), filepath.Join(dir, "log")); err != nil {
		return fmt.Errorf("copying the log: %w", err)
	}
	if err := copyFile(f.city.path("trust.txt"), filepath.Join(dir, "trust.txt")); err != nil {
		return fmt.Errorf("copying the trust file: %w", err)
	}
	for _, try := range []struct {
		tried   string
		receipt []byte
	}{
		{"signed by another key of the log's name", lines3(append([]string{otherLine}, cosigned...)...)},
		{"not signed by the log", lines3(cosigned...)},
		{fmt.Sprintf("with %d of %d co-signatures", f.h.group.W-1, f.h.group.N), lines3(append([]string{logLine}, cosigned[1:]...)...)},
		{"with one co-signature twice", lines3(append([]string{logLine, cosigned[1]}, cosigned[1:]...)...)},
		{"whose size is five hundred leaves in the future", with(func(p *verify.Proof) { p.Checkpoint = []byte(elsewhere + "\n\n" + lines) })},
		{"of another root", with(func(p *verify.Proof) {
			root := tribune.Hash(bytes.Repeat([]byte{7}, 32))
			p.Checkpoint = []byte(strings.TrimSuffix(noted(f.h.signer.Name(), proof.Index+1, root), "\n") + "\n\n" + lines)
		})},
	} {
		out, code, err := e.verify(ctx, try.receipt)
		if err != nil {
			return err
		}
		req.Receipt = try.receipt
		answers, err := f.h.release(ctx, req)
		if err != nil {
			return err
		}
		released := 0
		for _, a := range answers {
			if a.Refusal == nil {
				released++
			}
		}
		f.play.check(code == 3 && released == 0, "show a receipt under a checkpoint "+try.tried+", to tribune verify and to every guardian", "exit 3 with a reason; no guardian releases", "exit %d: %s; %d release, the last says: %s", code, firstLine(out), released, reasonOf(answers))
	}
	out, code, err := e.verify(ctx, proof.Marshal())
	if err != nil {
		return err
	}
	f.play.control(code == 0, "the same receipt as it was", "exit 0", "exit %d: %s", code, firstLine(out))
	return nil
}

// verify is run without the log: the receipt alone.
func (e *exhibit) verify(ctx context.Context, receipt []byte) (string, int, error) {
	file := filepath.Join(e.dir, "receipt.tlog")
	if err := writePrivate(file, receipt); err != nil {
		return "", 0, err
	}
	return e.play.command(ctx, "verify", "--trust", filepath.Join(e.dir, "trust.txt"), file)
}

func reasonOf(answers []protocol.Answer) string {
	for i := len(answers) - 1; i >= 0; i-- {
		if answers[i].Refusal != nil {
			return answers[i].Refusal.Reason
		}
	}
	return "nothing"
}
