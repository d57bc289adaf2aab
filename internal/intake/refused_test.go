package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tribune"
	"tribune/internal/intake/device"
)

func TestEndedDeviceIsRefusedInItsOpenConnection(t *testing.T) {
	w := newWorld(t, nil)
	d := w.add("a", "")
	m := Message{Device: d, Body: []byte(`{"temperature":20}`)}
	_, err := w.desk.Take(t.Context(), m)
	must(t, err)
	w.clock.move(366 * 24 * time.Hour)
	_, err = w.desk.Take(t.Context(), m)
	var q *Quarantined
	if !errors.Is(err, tribune.ErrExpired) || errors.As(err, &q) {
		t.Errorf("got %v", err)
	}
	if s := d.Stats(); s.Refused != 1 || !strings.Contains(s.LastRefusal.Why, "ended") {
		t.Errorf("stats %+v", s)
	}
}

func TestWithdrawnDeviceIsRefusedInItsOpenConnection(t *testing.T) {
	w := newWorld(t, nil)
	d := w.add("a", "")
	must(t, os.Remove(filepath.Join(w.dir, "a.toml")))
	must(t, w.devices.Reload())
	if _, err := w.desk.Take(t.Context(), Message{Device: d, Body: []byte(`{"temperature":20}`)}); !errors.Is(err, tribune.ErrExpired) {
		t.Errorf("got %v", err)
	}
	if n := w.rows("a"); n != 0 {
		t.Error("its reading is stored")
	}
}

// The twin refuses one device's change; a batch-mate must neither be refused nor acknowledged for it.
func TestRefusedMessageTakesNobodyAlong(t *testing.T) {
	for name, c := range map[string]struct {
		err        error
		quarantine bool
	}{
		"for good":    {fmt.Errorf("change of x: %w", tribune.ErrInvalid), true},
		"for now":     {fmt.Errorf("change of urn:AB12CDE: %w", tribune.ErrNoQuorum), false},
		"some of all": {errors.Join(tribune.ErrInvalid, tribune.ErrBusy), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				block := make(chan struct{})
				var w *world
				w = newWorld(t, func(cfg *Config) {
					cfg.Apply = func(ctx context.Context, list []tribune.Change) error {
						<-block
						if slices.ContainsFunc(list, func(c tribune.Change) bool { return c.Source == "bad" }) {
							return c.err
						}
						return w.twin.Apply(ctx, list)
					}
				})
				defer w.desk.Close()
				var list []*device.Device
				for i := range workers { // at which every worker waits, so that what follows is one batch
					list = append(list, w.add(fmt.Sprintf("busy-%d", i), ""))
				}
				list = append(list, w.add("bad", ""), w.add("good", ""))
				errs := make([]error, len(list))
				var senders sync.WaitGroup
				for i, d := range list {
					senders.Go(func() {
						_, errs[i] = w.desk.Take(t.Context(), Message{Device: d, ContentType: TypeSenML, Body: []byte(pack(20, start.Add(time.Duration(i)*time.Second)))})
					})
					synctest.Wait()
				}
				close(block)
				senders.Wait()
				var q *Quarantined
				if errs[workers+1] != nil || w.rows("good") != 1 {
					t.Errorf("the other device: %v", errs[workers+1])
				}
				if errs[workers] == nil || errors.As(errs[workers], &q) != c.quarantine || w.rows("bad") != 0 {
					t.Errorf("the refused one: %v", errs[workers])
				}
				if strings.Contains(fmt.Sprint(errs[workers])+w.log.String(), "AB12CDE") {
					t.Errorf("an entity that the message named is in the error or the log: %v, %s", errs[workers], w.log)
				}
				if name == "for now" && !errors.Is(errs[workers], tribune.ErrNoQuorum) {
					t.Errorf("the cause is lost: %v", errs[workers])
				}
				if n := w.desk.Stats().Batches; n != workers+3 {
					t.Errorf("%d batches, want one of both, and then one of each", n-workers)
				}
				if w.desk.lane("bad").trouble != proven || w.desk.lane("good").trouble != none {
					t.Error("the next message of the refused device is a batch of its own, others' are not")
				}
			})
		})
	}
}

// Guardians hang while personal values of many devices wait for them: what needs no guardian goes on.
func TestDevicesInTroubleLeaveWorkersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		w := newWorld(t, func(cfg *Config) {
			cfg.Apply = func(ctx context.Context, list []tribune.Change) error {
				if !strings.HasPrefix(list[0].Source, "personal") {
					return nil
				}
				select {
				case <-hang:
				case <-ctx.Done():
				}
				return tribune.ErrNoQuorum
			}
		})
		defer w.desk.Close()
		var senders sync.WaitGroup
		for i := range 3 * workers {
			d := w.add(fmt.Sprintf("personal-%d", i), "")
			w.desk.lane(d.ID).trouble = proven
			senders.Go(func() {
				if _, err := w.desk.Take(t.Context(), Message{Device: d, Body: []byte(`{"temperature":20}`)}); !errors.Is(err, tribune.ErrNoQuorum) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		if _, err := w.desk.Take(t.Context(), Message{Device: w.add("public", ""), Body: []byte(`{"temperature":20}`)}); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("a public reading waited %v", waited)
		}
		close(hang)
		senders.Wait()
	})
}

func FuzzObject(f *testing.F) {
	for _, s := range []string{`{"temperature":20,"time":"2026-11-22T10:00:00Z"}`, `{"s/1/t":{"type":"Point","coordinates":[1,2]}}`, `{"t\u0065mperature":-1e1}`, `{"s/a/t":"\u0000"}`, `{`} {
		f.Add([]byte(s))
	}
	w := newWorld(f, nil)
	d := w.add("a", "", sense("s/*/t", "urn:x:{1}", ""))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := newReader()
		r.begin(d, start, start)
		before := bytes.Clone(body)
		err := r.message(TypeJSON, body)
		if !bytes.Equal(body, before) {
			t.Fatal("the body was changed")
		}
		var q *Quarantined
		if err != nil {
			if !errors.As(err, &q) {
				t.Fatalf("%v is no quarantine", err)
			}
			return
		}
		for _, c := range r.finish() {
			if !valid(c) {
				t.Fatalf("the twin would refuse %+v", c)
			}
		}
	})
}
