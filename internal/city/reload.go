package city

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tribune"
)

// reloads reads mandates, appointments, tokens, accounts and devices again whenever the process gets SIGHUP, until ctx ends. What cannot be
// read changes nothing, and is said in the log.
func (h *Hub) reloads(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
		}
		if err := h.reload(ctx); err != nil {
			h.log.Error("the law's papers were not read again", "err", err, "hint", tribune.HintOf(err))
			continue
		}
		h.log.Warn("mandates, appointments, tokens, accounts and devices were read again")
	}
}

func (h *Hub) reload(ctx context.Context) error {
	h.reading.Lock()
	defer h.reading.Unlock()
	if err := errors.Join(h.gate.Reload(), h.devices.Reload(), h.intake.payloads.Reload()); err != nil {
		return err
	}
	if err := h.accounts.read(h.cfg.Dir.Accounts()); err != nil {
		return err
	}
	if _, err := h.gate.Proposed(); err != nil {
		h.log.Warn("a changed policy set lies in the law's folder and cannot be loaded; the one in force stays", "err", err)
	}
	if h.way.Load() == nil {
		return nil // appointments and changes of law are put on record once the one way opens
	}
	if err := h.publishAppointments(ctx); err != nil {
		return fmt.Errorf("putting appointments on record: %w", err)
	}
	if err := h.publishDevicesIfLawful(ctx); err != nil {
		return fmt.Errorf("putting devices on record: %w", err)
	}
	if err := h.publishLaw(ctx); err != nil {
		return fmt.Errorf("changing the law: %w", err)
	}
	return nil
}
