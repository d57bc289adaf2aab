package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"tribune/verify"
)

const (
	// Load runs so long before the backup begins and after it has ended: time for hundreds of writes and some acts.
	restoreBefore = 3 * time.Second
	restoreAfter  = 2 * time.Second
)

// playRestore backs a hub up while it is written to, kills it, deletes it, and restores it: what was acknowledged before the backup
// must be there, what is sealed must open, and the record must go on where guardians have co-signed it last.
func playRestore(ctx context.Context, p *play) error {
	c := p.newCity("city")
	if err := c.start(ctx); err != nil {
		return err
	}
	people, err := c.populace()
	if err != nil {
		return err
	}
	r := &restoration{city: c, crash: crash{city: c, ledger: newLedger(), people: people[:min(crashPlates, len(people))], sessions: map[string]person{}}}
	if err := r.found(ctx); err != nil {
		return err
	}
	if err := r.keepKeys(); err != nil {
		return err
	}
	if err := r.loadAndBackUp(ctx); err != nil {
		return err
	}
	if err := r.searched(); err != nil {
		return err
	}
	if err := r.refusals(ctx); err != nil {
		return err
	}
	if output, code, err := r.restore(ctx, c.dir, r.archive); err != nil || code != 0 {
		p.check(false, "restore the backup where the hub was", "it is put in place", "exit %d %v: %s", code, err, output)
		return nil
	}
	if err := c.start(ctx); err != nil {
		p.check(false, "start the restored hub", "it is ready", "%v", err)
		return nil
	}
	if err := r.held(ctx); err != nil {
		return err
	}
	return c.proc.stop()
}

// restoration is the load before the loss, and what the operator keeps elsewhere.
type restoration struct {
	crash
	city *city

	archive   string
	identity  string // file with the age identity
	recipient string
	epoch     string             // the epoch key's copy
	head      *verify.Checkpoint // published before the kill
}

// keepKeys puts aside what is in no backup: the epoch key, and the identity that opens the others.
func (r *restoration) keepKeys() error {
	elsewhere := r.city.play.scratch("elsewhere")
	if err := os.MkdirAll(elsewhere, 0o700); err != nil {
		return fmt.Errorf("keeping keys: %w", err)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("keeping keys: %w", err)
	}
	r.archive, r.identity, r.epoch, r.recipient = filepath.Join(elsewhere, "city.tar"), filepath.Join(elsewhere, "identity.txt"), filepath.Join(elsewhere, "epoch.key"), id.Recipient().String()
	if err := os.WriteFile(r.identity, []byte(id.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("keeping keys: %w", err)
	}
	return copyFile(r.city.path("hub", "keys", "epoch.key"), r.epoch)
}

// loadAndBackUp makes the backup in the middle of the load, ends with kill -9, and forgets what was acknowledged after the backup
// began: of that nothing is promised, but of the record.
func (r *restoration) loadAndBackUp(ctx context.Context) error {
	var load sync.WaitGroup
	for w := range crashWriters {
		load.Go(func() { r.write(ctx, w) })
	}
	load.Go(func() { r.exercise(ctx) })
	load.Go(func() { r.park(ctx) })
	defer load.Wait()
	defer r.city.proc.kill()

	pause(ctx, restoreBefore)
	acked := r.ledger.acknowledged()
	r.mu.Lock()
	sessions, receipts := maps.Clone(r.sessions), len(r.receipts)
	r.mu.Unlock()
	began := time.Now()
	output, code, err := r.city.play.command(ctx, "backup", "--dir", r.city.dir, "--out", r.archive, "--keys", "--recipient", r.recipient)
	if err != nil || code != 0 {
		return fmt.Errorf("%w: backing up: exit %d: %s: %w", errDrill, code, output, err)
	}
	took := time.Since(began)
	pause(ctx, restoreAfter)
	if r.head, err = r.city.checkpoint(ctx); err != nil {
		return err
	}
	r.city.proc.kill()
	load.Wait() // their connections are dead

	lost := r.ledger.forget(acked)
	later := len(r.receipts) - receipts
	r.sessions = sessions
	info, err := os.Stat(r.archive)
	if err != nil {
		return fmt.Errorf("looking at the backup: %w", err)
	}
	r.city.play.control(len(acked) > 100 && lost > 50 && receipts > 0 && later > 0 && len(sessions) > 0,
		fmt.Sprintf("back up while %d writers, an officer and a service go on, then kill -9", crashWriters), "writes, acts and sessions on both sides of the backup",
		"%d writes, %d acts, %d sessions before it; %d writes and %d acts after it began; it took %.2f s and %d KB", len(acked), receipts, len(sessions), lost, later, took.Seconds(), info.Size()>>10)
	// The city's directory loses its hub; its guardians are other people's.
	return os.RemoveAll(r.city.path("hub"))
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// acknowledged are the writes that were acknowledged so far.
func (l *ledger) acknowledged() map[*write]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[*write]bool{}
	for _, list := range l.writes {
		for _, w := range list {
			if w.acked {
				all[w] = true
			}
		}
	}
	return all
}

// forget takes back every acknowledgement but these, and returns how many.
func (l *ledger) forget(but map[*write]bool) (lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, list := range l.writes {
		for _, w := range list {
			if w.acked && !but[w] {
				w.acked = false
				lost++
			}
		}
	}
	return lost
}

// searched looks for keys in the archive, as they are and as the store would hold them.
func (r *restoration) searched() error {
	data, err := os.ReadFile(r.archive)
	if err != nil {
		return fmt.Errorf("reading the backup: %w", err)
	}
	epoch, err := os.ReadFile(r.epoch)
	if err != nil {
		return fmt.Errorf("reading the epoch key: %w", err)
	}
	p := r.city.play
	found := []string{}
	for name, secret := range map[string][]byte{"the epoch key": bytes.TrimSpace(epoch), "its name": []byte("epoch.key"), "a note secret key": []byte("PRIVATE+KEY+")} {
		if bytes.Contains(data, secret) {
			found = append(found, name)
		}
	}
	p.check(len(found) == 0, "search the backup for keys", "none in clear, and the epoch key not at all", "found: %v", found)
	p.control(bytes.Contains(data, []byte("parking-inspector")), "the same search for an office", "found", "found: %v", bytes.Contains(data, []byte("parking-inspector")))
	return nil
}

func (r *restoration) restore(ctx context.Context, dir, archive string, more ...string) (string, int, error) {
	return r.city.play.command(ctx, append([]string{"restore", "--dir", dir, "--from", archive, "--identity", r.identity, "--epoch-key", r.epoch}, more...)...)
}

// refusals are restorations that must not happen. Each leaves nothing behind.
func (r *restoration) refusals(ctx context.Context) error {
	p := r.city.play
	whole, err := os.ReadFile(r.archive)
	if err != nil {
		return fmt.Errorf("reading the backup: %w", err)
	}
	cut, altered := p.scratch("elsewhere", "cut.tar"), p.scratch("elsewhere", "altered.tar")
	if err := os.WriteFile(cut, whole[:len(whole)*2/3], 0o600); err != nil {
		return err
	}
	whole[len(whole)/3] ^= 1
	if err := os.WriteFile(altered, whole, 0o600); err != nil {
		return err
	}
	full := p.scratch("full")
	if err := os.MkdirAll(filepath.Join(full, "hub", "law"), 0o700); err != nil {
		return err
	}
	for _, x := range []struct{ tried, dir, archive, more string }{
		{"restore a backup that was cut off", p.scratch("from-cut"), cut, ""},
		{"restore a backup with one bit altered", p.scratch("from-altered"), altered, ""},
		{"restore over a hub that is there", full, r.archive, ""},
		{"restore under another hash than was printed", p.scratch("from-other"), r.archive, "--sha256=" + strings.Repeat("0", 64)},
	} {
		var more []string
		if x.more != "" {
			more = append(more, x.more)
		}
		output, code, err := r.restore(ctx, x.dir, x.archive, more...)
		if err != nil {
			return err
		}
		_, there := os.Stat(filepath.Join(x.dir, "hub", "keys"))
		p.check(code != 0 && errors.Is(there, fs.ErrNotExist), x.tried, "refused, and nothing is in place", "exit %d: %s", code, firstLine(output))
	}
	return nil
}
