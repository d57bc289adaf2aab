package drill

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/protocol"
)

// crash: kill -9 while the record does not have it yet.
func (d *vitalDrill) crash(ctx context.Context) error {
	d.proc.kill()
	if err := d.launchHub(ctx); err != nil {
		return err
	}
	var s vitalState
	err := d.proc.until(ctx, startFor, "the hub's one way", func() (bool, error) {
		var err error
		s, err = d.state(ctx)
		return err == nil && s.Unwritten > 0, nil
	})
	d.play.check(err == nil && s.Unwritten == 1 && len(s.Uses) == 0, "kill -9 the hub and start it, still without guardians", "one use waits to be disclosed", "%d wait, %d on record", s.Unwritten, len(s.Uses))
	if err != nil {
		return err
	}
	first, err := d.as(firstOne)
	if err != nil {
		return err
	}
	a, err := first.Do(ctx, http.MethodGet, "/vital/orders/"+d.asked.Order.ID, nil, nil)
	if err != nil {
		return err
	}
	d.play.check(a.Status == http.StatusNotFound, "a dispatcher asks the new process for the answer", "404: it was in memory alone", "%s", shown(a))
	return nil
}

// back: the guardians can be reached again, but for what they are asked to check; then they can for that, too, and the hub is another process.
func (d *vitalDrill) back(ctx context.Context) error {
	d.wires(fault{deaf: "/vital"})
	began := time.Now()
	var s vitalState
	err := d.proc.until(ctx, startFor, "the disclosure", func() (bool, error) {
		var err error
		s, err = d.state(ctx)
		return err == nil && len(s.Uses) == 1 && s.Unwritten == 0, nil
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	leaf, err := d.newest(ctx, tribune.ActVital)
	if err != nil || leaf == nil {
		return fmt.Errorf("%w: reading the disclosure: %w", errDrill, err)
	}
	use, opened, back, err := protocol.VitalUseOf(*leaf)
	d.play.check(err == nil && use.Class == vitalClass && len(use.Keys) == 2 && len(leaf.Tags) == 1 && leaf.Act.Office == "ambulance-dispatch" && leaf.Act.ID == d.asked.Order.ID,
		"the guardians come back", "the use goes on record by itself: class, office, keys, the person's mark",
		"entry %d after %s: class %s, keys %v, opened %s, back %s, %d mark", d.leaf, took.Round(time.Millisecond), use.Class, use.Keys, protocol.Time(opened), protocol.Time(back), len(leaf.Tags))
	return d.checkedLater(ctx)
}

// checkedLater: the hub is killed when the disclosure is published, and before any guardian has checked it.
func (d *vitalDrill) checkedLater(ctx context.Context) error {
	checks := func() (all []protocol.VitalChecked, err error) {
		anyone, err := d.as("")
		if err != nil {
			return nil, err
		}
		a, err := anyone.Do(ctx, http.MethodGet, fmt.Sprintf("/vital/checks/%d", d.leaf), nil, nil)
		if err == nil {
			err = a.Error()
		}
		if err == nil {
			err = json.Unmarshal(a.Body, &all)
		}
		return all, err
	}
	before, err := checks()
	if err != nil {
		return err
	}
	d.proc.kill()
	d.wires(fault{})
	if err := d.startHub(ctx); err != nil {
		return err
	}
	var after []protocol.VitalChecked
	err = d.proc.until(ctx, startFor, "guardians to check it", func() (bool, error) {
		var err error
		after, err = checks()
		return err == nil && len(after) >= d.t, nil
	})
	d.play.check(err == nil && len(before) == 0, "kill -9 the hub before guardians could be shown the order with both signatures, and start it",
		"it shows them what it durably holds: each checks it by itself and signs that it has", "%d had signed before, %d have now: %v", len(before), len(after), err)
	return nil
}

// traced: the person finds it with nothing but their trace key and the record.
func (d *vitalDrill) traced(ctx context.Context) error {
	copied, err := steal(ctx, d.path("hub"), d.play.scratch("copy")) // where a person has theirs from guardians, the drill takes it from the disk
	if err != nil {
		return err
	}
	secrets, err := copied.secrets()
	if err != nil {
		return err
	}
	u, err := copied.unwrap(secrets)
	if err != nil {
		return err
	}
	leaf, err := d.newest(ctx, tribune.ActVital)
	if err != nil {
		return err
	}
	for _, point := range u.traces {
		k, err := protocol.TraceKey(point)
		if err != nil {
			return err
		}
		for n := uint64(1); n < 10; n++ {
			if protocol.UseTag(k, n) != leaf.Tags[0] {
				continue
			}
			file := d.play.scratch("my.trace")
			if err := os.WriteFile(file, []byte(hex.EncodeToString(k)+"\n"), 0o600); err != nil {
				return err
			}
			hub, err := d.as("")
			if err != nil {
				return err
			}
			output, code, err := d.play.command(ctx, "trace", "--trust", d.path("trust.txt"), "--key", file, "--record", hub.Base, "--full")
			if err != nil {
				return err
			}
			told := ""
			for line := range strings.Lines(output) {
				if strings.Contains(line, "without the guardians") {
					told = strings.TrimSpace(line)
				}
			}
			d.play.check(code == 0 && told != "", "the person concerned looks up the uses of their data: tribune trace", "it is there, with when and what", "exit %d: %s", code, told)
			return d.watched(ctx, "watch-before", true)
		}
	}
	d.play.check(false, "the person concerned looks up the uses of their data", "it is there", "no trace key gives the mark in entry %d", d.leaf)
	return nil
}

// watched looks once from outside.
func (d *vitalDrill) watched(ctx context.Context, name string, sound bool) error {
	hub, err := d.as("")
	if err != nil {
		return err
	}
	output, code, err := d.play.command(ctx, "watch", "--trust", d.path("trust.txt"), "--record", hub.Base, "--dir", d.play.scratch(name), "--once")
	if err != nil {
		return err
	}
	found := ""
	told := strings.Join(strings.Fields(output), " ") // its columns are aligned
	for line := range strings.Lines(output) {
		if strings.Contains(line, "vital") {
			found += strings.TrimSpace(line) + " "
		}
	}
	if sound {
		d.play.control(strings.Contains(told, "notice vital-used") && !strings.Contains(told, "alarm vital"), "tribune watch looks at the city from outside", "no key is missing; the use is told of", "exit %d: %s", code, found)
		return nil
	}
	d.play.check(code == 3 && strings.Contains(told, "alarm vital-missing"), "tribune watch looks again", "an alarm: a key is gone and nobody says why", "exit %d: %s", code, found)
	return nil
}

// vanish: somebody takes a key out of the store and says nothing.
func (d *vitalDrill) vanish(ctx context.Context) error {
	if err := d.proc.stop(); err != nil {
		return err
	}
	number, err := d.takeKey(ctx)
	if err != nil {
		return err
	}
	if err := d.startHub(ctx); err != nil {
		return err
	}
	err = d.proc.until(ctx, startFor, "the next inventory", func() (bool, error) {
		leaf, err := d.newest(ctx, tribune.ActVitalKeys)
		if err != nil || leaf == nil {
			return false, err
		}
		k, err := protocol.DecodeVitalKeys(leaf.Public)
		return err == nil && len(k.Gone) == 1 && k.Gone[0].Why == protocol.VitalLost && k.Gone[0].Number == number, nil
	})
	d.play.check(err == nil, "a single-use key is deleted from the hub's store behind its back", "the next inventory on record says that it is lost", "key %d: %v", number, err)
	return d.watched(ctx, "watch-after", false)
}

// takeKey deletes one package of the other alarm from the hub's store, and says its number.
func (d *vitalDrill) takeKey(ctx context.Context) (number uint64, err error) {
	s, err := pebble.Open(pebble.Config{Dir: d.path("hub", "store")})
	if err != nil {
		return 0, fmt.Errorf("opening the hub's store: %w", err)
	}
	var key []byte
	prefix := store.Key("vault", tribune.Place{}, "v")
	for pair, err := range s.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			s.Close()
			return 0, err
		}
		key = append(key[:0], pair.Key...)
	}
	if len(key) < 8 {
		s.Close()
		return 0, fmt.Errorf("%w: the store holds no single-use key", errDrill)
	}
	for _, b := range key[len(key)-8:] {
		number = number<<8 | uint64(b)
	}
	var b store.Batch
	b.Delete(key)
	if err := s.Commit(ctx, &b); err != nil {
		s.Close()
		return 0, err
	}
	return number, s.Close()
}
