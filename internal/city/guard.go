package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	f_note "github.com/transparency-dev/formats/note"

	"tribune"
	"tribune/internal/guardian/client"
	"tribune/internal/record"
	"tribune/internal/vault"
	"tribune/internal/way"
	"tribune/protocol"
)

// Without quorum the hub asks again, and serves public data meanwhile; its log need not say so every time.
const (
	guardRetry = time.Second
	guardSay   = time.Minute
)

// openRecord opens the log under the guardians' co-signatures. It needs none of them to be there.
func (h *Hub) openRecord(ctx context.Context) error {
	skey, err := os.ReadFile(h.cfg.Dir.LogKey())
	if err != nil {
		return fmt.Errorf("reading the log's key: %w", err)
	}
	cfg := record.Config{Dir: h.cfg.Dir.Log(), Origin: h.cfg.Origin, Key: strings.TrimSpace(string(skey)), Quorum: h.cfg.W, Log: h.log}
	for _, g := range h.cfg.Guardians {
		key, err := f_note.VKeyToCosignatureV1(g.Key)
		if err != nil {
			return fmt.Errorf("key of guardian %s: %w", g.Name, err)
		}
		cfg.Witnesses = append(cfg.Witnesses, record.Witness{URL: g.URL, Key: key})
	}
	if err := h.recoverRecord(ctx, cfg); err != nil {
		return fmt.Errorf("recovering the record: %w", err)
	}
	if h.record, err = record.Open(ctx, cfg); err != nil {
		return fmt.Errorf("opening the record: %w", err)
	}
	return nil
}

// Guard completes the hub: ceremony or roster, law on record, vault, way. It returns when the one way is open, or with
// ctx; without quorum it tries again for as long as it takes.
func (h *Hub) Guard(ctx context.Context) error {
	var said time.Time
	for {
		err := h.guard(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, tribune.ErrNoQuorum) && !errors.Is(err, tribune.ErrBusy):
			return err
		}
		if time.Since(said) > guardSay {
			h.log.Warn("the one way is closed: too few guardians answer", "err", err)
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(guardRetry):
		}
	}
}

// complete is Guard for a hub that goes on serving the public whatever Guard finds, once the guardians' keys exist: the
// one way is then closed until the next start.
func (h *Hub) complete(ctx context.Context) error {
	err := h.Guard(ctx)
	if err == nil || ctx.Err() != nil || !h.Keyed() {
		return err
	}
	if w := h.way.Swap(nil); w != nil {
		err = errors.Join(err, w.Close())
	}
	h.log.Error("the one way stays closed until the hub is started again; public data go on", "err", err)
	return nil
}

func (h *Hub) guard(ctx context.Context) error {
	if h.group.Load() == nil {
		h.wait("the guardians hold their ceremony")
		group, err := h.found(ctx)
		if err != nil {
			return fmt.Errorf("founding the guardians' keys: %w", err)
		}
		if err := saveGroup(h.cfg.Dir, group, h.logKey); err != nil {
			return err
		}
		h.group.Store(h.reached(group))
	}
	if err := h.openVault(); err != nil {
		return err
	}
	if h.way.Load() == nil {
		if err := h.openWay(ctx); err != nil {
			return err
		}
	}
	h.wait("the law is put on record")
	h.reading.Lock() // a reload meanwhile would put papers on record a second time, or others than were read
	defer h.reading.Unlock()
	if err := h.publishAppointments(ctx); err != nil {
		return err
	}
	if err := h.publishLaw(ctx); err != nil {
		return err
	}
	return h.publishDevicesIfLawful(ctx)
}

// found has the guardians hold their ceremony; its packets travel through the record.
func (h *Hub) found(ctx context.Context) (protocol.Group, error) {
	roster := protocol.Group{City: h.cfg.City, N: len(h.cfg.Guardians), T: h.cfg.T, W: h.cfg.W}
	for i, g := range h.cfg.Guardians {
		roster.Guardians = append(roster.Guardians, protocol.Member{Index: i + 1, Key: g.Key, Name: g.Name, URL: g.URL})
	}
	return client.New(client.Config{Group: roster, Key: h.logSeed, Log: h.log}).Found(ctx, func(ctx context.Context, public json.RawMessage) error {
		return h.publish(ctx, tribune.ActCeremony, public)
	})
}

// reached is the roster with the addresses the configuration knows.
func (h *Hub) reached(group protocol.Group) *protocol.Group {
	for i := range group.Guardians {
		for _, g := range h.cfg.Guardians {
			if g.Key == group.Guardians[i].Key {
				group.Guardians[i].URL = g.URL
			}
		}
	}
	return &group
}

// openVault needs the guardians' public keys only, not the guardians.
func (h *Hub) openVault() error {
	if h.vault.vault.Load() != nil {
		return nil
	}
	group := h.group.Load()
	h.guardians = client.New(client.Config{Group: *group, Key: h.logSeed, Log: h.log})
	v, err := vault.New(vault.Config{City: h.cfg.City, Group: *group, Store: h.store, EpochKey: h.cfg.Dir.EpochKey(), Names: h.guardians, Now: h.now, Log: h.log})
	if err != nil {
		return fmt.Errorf("opening the vault: %w", err)
	}
	h.vault.vault.Store(v)
	close(h.vault.opened)
	return nil
}

func (h *Hub) openWay(ctx context.Context) error {
	v := h.vault.vault.Load()
	w, err := way.New(ctx, way.Config{
		Group: *h.group.Load(), Gate: h.gate, Record: h.record, Vault: v, Guardians: h.guardians, Store: h.store,
		Hub:    tribune.Caller{Actor: hubActor, Office: hubOffice, Purpose: "keep-trace", Mandate: h.cfg.TraceMandate},
		HubKey: h.hubKey, Now: h.now, Log: h.log,
	})
	if err != nil {
		return fmt.Errorf("opening the way: %w", err)
	}
	v.OnNewSubject(w.Enrol)
	h.way.Store(w)
	return nil
}
