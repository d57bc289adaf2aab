package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	f_note "github.com/transparency-dev/formats/note"

	"tribune"
	"tribune/internal/guardian/client"
	"tribune/internal/recipients"
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
	cfg := record.Config{Dir: h.cfg.Dir.Log(), Origin: h.cfg.Origin, Key: strings.TrimSpace(string(skey)), Log: h.log, Transport: h.toGuardians()}
	if cfg.Witnesses, cfg.Quorum, err = h.witnesses(); err != nil {
		return err
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
	if err := h.openRights(ctx); err != nil {
		return err
	}
	if err := h.openRecipients(ctx); err != nil {
		return err
	}
	if err := h.settleLaw(ctx); err != nil {
		return err
	}
	if err := h.openWay(ctx); err != nil {
		return err
	}
	if err := h.settlePublished(ctx); err != nil {
		return err
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
	if err := h.publishDevicesIfLawful(ctx); err != nil {
		return err
	}
	return h.beginChain(ctx)
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

// roster is who the guardians are: the members of the group in force, before the founding those of the configuration.
func (h *Hub) roster() (members []Guardian, t, w int) {
	group := h.group.Load()
	if group == nil {
		return h.cfg.Guardians, h.cfg.T, h.cfg.W
	}
	for _, m := range group.Guardians {
		members = append(members, Guardian{Name: m.Name, Key: m.Key, URL: m.URL})
	}
	return members, group.T, group.W
}

// witnesses are who co-signs the record, and how many must.
func (h *Hub) witnesses() (list []record.Witness, quorum int, err error) {
	members, _, quorum := h.roster()
	for _, g := range members {
		key, err := f_note.VKeyToCosignatureV1(g.Key)
		if err != nil {
			return nil, 0, fmt.Errorf("key of guardian %s: %w", g.Name, err)
		}
		list = append(list, record.Witness{URL: g.URL, Key: key})
	}
	return list, quorum, nil
}

// reached is the roster with the addresses the configuration knows; those who came later are where their change said.
func (h *Hub) reached(group protocol.Group) *protocol.Group {
	group.Guardians = slices.Clone(group.Guardians)
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
	h.guardians = client.New(client.Config{Group: *group, Key: h.logSeed, Log: h.log}) // follows changes by Adopt
	v, err := vault.New(vault.Config{City: h.cfg.City, Group: *group, Store: h.store, EpochKey: h.cfg.Dir.EpochKey(), Rows: slices.Concat(way.WrappedRows(), recipients.WrappedRows()), Elsewhere: h.elsewhere, Names: h.guardians, Now: h.now, Log: h.log})
	if err != nil {
		return fmt.Errorf("opening the vault: %w", err)
	}
	h.vault.vault.Store(v)
	close(h.vault.opened)
	return nil
}

// openWay opens the way where it is closed.
func (h *Hub) openWay(ctx context.Context) error {
	h.changes.opening.Lock() // Guard, and a change of guardians
	defer h.changes.opening.Unlock()
	if h.way.Load() != nil {
		return nil
	}
	v := h.vault.vault.Load()
	w, err := way.New(ctx, way.Config{
		Group: *h.group.Load(), Gate: h.gate, Record: h.record, Vault: v, Guardians: h.guardians, Store: h.store, Holdings: holdings{h.twin, h.notifier}, Told: h.told, Vital: h.vitalConfig(),
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
