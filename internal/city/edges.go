package city

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/intake/gateway"
	"tribune/internal/intake/mqtt"
	"tribune/internal/intake/quarantine"
	"tribune/internal/intake/uplink/payload"
	"tribune/internal/web"
)

// edges are where readings come in: by MQTT, by HTTP, and behind both the desk.
type edges struct {
	desk       *intake.Desk
	quarantine *quarantine.Store
	mqtt       *mqtt.Edge
	gateway    *gateway.Gateway
	payloads   *payload.Register
	plain      net.Listener // nil = no MQTT in the clear
	secure     net.Listener // nil = no MQTT under TLS
	tls        *tls.Config
}

func (h *Hub) openIntake(ctx context.Context) error {
	var err error
	if h.devices, err = device.New(device.Config{Dir: h.cfg.Dir.Devices(), Steward: h.cfg.Trust.Steward, City: h.cfg.City, Now: h.now}); err != nil {
		return fmt.Errorf("reading the register of devices: %w", err)
	}
	// Fingerprints of quarantined messages must be comparable across starts and worth nothing to a thief of the store.
	key, err := hkdf.Key(sha256.New, h.hubKey.Seed(), nil, "tribune quarantine", 32)
	if err != nil {
		return err
	}
	e := &h.intake
	if e.quarantine, err = quarantine.New(quarantine.Config{Store: h.store, Key: key, Now: h.now}); err != nil {
		return fmt.Errorf("opening the quarantine: %w", err)
	}
	e.desk = intake.NewDesk(intake.Config{Apply: h.twin.Apply, Quarantine: e.quarantine, Now: h.now, Clock: h.cfg.DeviceClock, Log: h.log})
	if e.payloads, err = payload.New(payload.Config{Dir: h.cfg.Dir.Devices(), Steward: h.cfg.Trust.Steward}); err != nil {
		return fmt.Errorf("reading the layouts of payloads: %w", err)
	}
	if e.gateway, err = gateway.New(gateway.Config{Desk: recordedDesk{e.desk, h}, Devices: recorded{h}, Payloads: e.payloads, Now: h.now, Log: h.log}); err != nil {
		return fmt.Errorf("opening the HTTP intake: %w", err)
	}
	if e.mqtt, err = mqtt.New(mqtt.Config{Desk: recordedDesk{e.desk, h}, Devices: recorded{h}, Now: h.now, Log: h.log}); err != nil {
		return fmt.Errorf("opening the MQTT edge: %w", err)
	}
	return e.listen(ctx, h.cfg)
}

// listen takes the addresses of MQTT, before anything else could.
func (e *edges) listen(ctx context.Context, cfg Config) error {
	var err error
	if cfg.MQTT.Address != "" {
		if e.plain, err = web.Listen(ctx, cfg.MQTT.Address, cfg.MQTT.Next); err != nil {
			return fmt.Errorf("for MQTT: %w", err)
		}
	}
	if cfg.MQTT.TLSAddress == "" {
		return nil
	}
	certificate, key := cfg.MQTT.Certificate, cfg.MQTT.Key
	if certificate == "" {
		certificate, key = cfg.Certificate, cfg.Key
	}
	if certificate == "" {
		return tribune.Hint(fmt.Errorf("%w: MQTT under TLS has no certificate", tribune.ErrInvalid), "Give [mqtt] certificate and key, or those of [http].")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("reading the certificate for MQTT: %w", err)
	}
	e.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if e.secure, err = web.Listen(ctx, cfg.MQTT.TLSAddress, cfg.MQTT.Next); err != nil {
		return fmt.Errorf("for MQTT under TLS: %w", err)
	}
	return nil
}

// serve serves MQTT until ctx ends.
func (e *edges) serve(ctx context.Context) error {
	if e.plain == nil && e.secure == nil {
		<-ctx.Done()
		return nil
	}
	if err := e.mqtt.Serve(ctx, e.plain, e.secure, e.tls); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("serving MQTT: %w", err)
	}
	return nil
}

// close lets the desk finish what it has begun.
func (e *edges) close() {
	if e.desk != nil {
		e.desk.Close()
	}
	for _, l := range []net.Listener{e.plain, e.secure} {
		if l != nil {
			l.Close() // closed already where Serve ran
		}
	}
}
