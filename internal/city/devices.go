package city

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/web"
	"tribune/protocol"
)

// Devices of the city. What senses is public: a device's document, signed by the steward, stands in the register and, as
// a leaf of kind device, on record. Its hash alone is in the leaf; the register serves the document for as long as the city
// is there.

func (d Dir) Devices() string { return d.path("hub", "devices") }

// deviceLeaves knows where devices' documents stand on record.
type deviceLeaves struct {
	publishing sync.Mutex // one publication at a time

	mu       sync.Mutex                // guards the rest
	leaves   map[string]deviceLeaf     // by device, read from its file once
	verified map[string]*device.Device // the document of leaves[id], hashed once: every message asks
}

func newDeviceLeaves() deviceLeaves {
	return deviceLeaves{leaves: map[string]deviceLeaf{}, verified: map[string]*device.Device{}}
}

// deviceLeaf is the file ID.recorded.json beside a device's document. Document ties it to one version.
type deviceLeaf struct {
	Document tribune.Hash `json:"document"`
	Index    uint64       `json:"index"`
	From     time.Time    `json:"from"` // of the document: no older one comes back, even where this one was withdrawn
}

// publicDevice is the public part of a leaf of kind device.
type publicDevice struct {
	Device   string       `json:"device"`
	Document tribune.Hash `json:"document"` // SHA-256 of the signed document
}

func (h *Hub) deviceLeafPath(id string) string {
	return filepath.Join(h.cfg.Dir.Devices(), id+".recorded.json")
}

// deviceOnRecord is where the device's present document stands on record.
func (h *Hub) deviceOnRecord(id string) (uint64, bool) {
	d, ok := h.devices.Get(id)
	if !ok {
		return 0, false
	}
	h.leaves.mu.Lock()
	defer h.leaves.mu.Unlock()
	leaf, err := h.deviceLeaf(id)
	if err != nil {
		return 0, false
	}
	if h.leaves.verified[id] != d {
		if leaf.Document != sha256.Sum256(d.Signed) {
			return 0, false
		}
		h.leaves.verified[id] = d
	}
	return leaf.Index, true
}

// deviceLeaf reads where a version of the device's document was put on record; h.leaves.mu is held. A file that cannot be
// read is as good as none: the document is put on record again.
func (h *Hub) deviceLeaf(id string) (deviceLeaf, error) {
	if leaf, ok := h.leaves.leaves[id]; ok {
		return leaf, nil
	}
	var leaf deviceLeaf
	data, err := os.ReadFile(h.deviceLeafPath(id))
	if err == nil {
		err = json.Unmarshal(data, &leaf)
	}
	if err != nil {
		return deviceLeaf{}, err
	}
	h.leaves.leaves[id] = leaf
	return leaf, nil
}

// publishDevices puts every device's document on record that is not there yet.
func (h *Hub) publishDevices(ctx context.Context) error {
	h.leaves.publishing.Lock()
	defer h.leaves.publishing.Unlock()
	var all errgroup.Group
	all.SetLimit(publishAtOnce)
	for _, d := range h.devices.List() {
		if _, ok := h.deviceOnRecord(d.ID); !ok && d.InForce(h.now()) {
			all.Go(func() error { return h.publishDevice(ctx, d) })
		}
	}
	return all.Wait()
}

func (h *Hub) publishDevice(ctx context.Context, d *device.Device) error {
	act := h.own(tribune.ActDevice)
	decision, evidence, err := h.gate.Decide(ctx, act)
	if err == nil && !decision.Permit {
		err = &tribune.Denial{Decision: decision}
	}
	if err != nil {
		return fmt.Errorf("deciding a device's publication: %w", err)
	}
	document := sha256.Sum256(d.Signed)
	public, err := protocol.JCS(publicDevice{Device: d.ID, Document: document})
	if err != nil {
		return err
	}
	index, _, err := h.seal(ctx, act, public, nil, decision, evidence)
	if err != nil {
		return err
	}
	leaf := deviceLeaf{Document: document, Index: index, From: d.From}
	data, err := json.Marshal(leaf)
	if err != nil {
		return err
	}
	if err := writeFile(h.deviceLeafPath(d.ID), data, 0o600); err != nil {
		return fmt.Errorf("keeping where device %s is on record: %w", d.ID, err)
	}
	h.leaves.mu.Lock()
	h.leaves.leaves[d.ID] = leaf
	delete(h.leaves.verified, d.ID)
	h.leaves.mu.Unlock()
	return nil
}

// publishDevicesIfLawful is publishDevices for a hub whose law may be older than devices and say nothing of them. They stay
// silent; everything else goes on.
func (h *Hub) publishDevicesIfLawful(ctx context.Context) error {
	err := h.publishDevices(ctx)
	if errors.Is(err, tribune.ErrDenied) {
		h.log.Warn("the law in force does not let the hub put devices on record: they cannot report", "err", err)
		return nil
	}
	return err
}

// recorded are the devices as edges know them: a device may report once its document stands on record.
type recorded struct{ hub *Hub }

func (r recorded) Get(id string) (*device.Device, bool) { return r.hub.devices.Get(id) }

func (r recorded) Authenticate(id, token string) (*device.Device, error) {
	d, err := r.hub.devices.Authenticate(id, token)
	if err != nil {
		return nil, err
	}
	if err := r.hub.mayReport(id); err != nil {
		return nil, err
	}
	return d, nil
}

func (h *Hub) mayReport(id string) error {
	if _, ok := h.deviceOnRecord(id); !ok {
		return tribune.Hint(fmt.Errorf("%w: the device's document is not on record yet", tribune.ErrBusy), "It may report once enough guardians have co-signed the record.")
	}
	return nil
}

// recordedDesk is the desk as edges know it. A connection lasts longer than a document: a newer one counts from the moment it is
// registered, so that each message asks whether it stands on record.
type recordedDesk struct {
	*intake.Desk
	hub *Hub
}

func (d recordedDesk) Take(ctx context.Context, m intake.Message) (intake.Taken, error) {
	if err := d.hub.mayReport(m.Device.ID); err != nil {
		return intake.Taken{}, err
	}
	return d.Desk.Take(ctx, m)
}

func (d recordedDesk) TakeReadings(ctx context.Context, dev *device.Device, all []intake.Reading) (intake.Taken, error) {
	if err := d.hub.mayReport(dev.ID); err != nil {
		return intake.Taken{}, err
	}
	return d.Desk.TakeReadings(ctx, dev, all)
}

// addDevice is POST /devices: a document that the steward has signed needs no other authority. The device may report once it
// stands on record.
func (h *Hub) addDevice(w http.ResponseWriter, r *http.Request) {
	signed, err := web.Body(r)
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	if h.way.Load() == nil {
		h.problems.Write(w, r, errNoKeys)
		return
	}
	var d *device.Device
	if err = h.notWithdrawn(signed); err == nil {
		d, err = h.devices.Add(signed)
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), publishFor)
		defer cancel()
		err = h.publishDevices(ctx)
	}
	if err != nil {
		h.problems.Write(w, r, err)
		return
	}
	w.Header().Set("Location", "/registers/sensors/"+d.ID)
	w.WriteHeader(http.StatusCreated)
}

// notWithdrawn refuses a document that was in force once and was taken out of the register: documents are public, and whoever
// has the token of a stolen device could else bring it back.
func (h *Hub) notWithdrawn(signed []byte) error {
	steward, err := note.NewVerifier(h.cfg.Trust.Steward)
	if err != nil {
		return fmt.Errorf("the steward's key: %w", err)
	}
	// The signature comes first: reading TOML that nests deeply takes minutes, and anybody may send some.
	text, _, err := protocol.OpenDocument(signed, note.VerifierList(steward))
	if err != nil {
		return nil // the register says what is wrong with it
	}
	d, err := device.Parse(text)
	if err != nil {
		return nil // likewise
	}
	if _, registered := h.devices.Get(d.ID); registered {
		return nil
	}
	h.leaves.mu.Lock()
	defer h.leaves.mu.Unlock()
	last, err := h.deviceLeaf(d.ID)
	if err == nil && (last.Document == sha256.Sum256(signed) || !d.From.After(last.From)) {
		return tribune.Hint(fmt.Errorf("%w: the device was withdrawn", tribune.ErrConflict), "A new document, which begins later, can register it again.")
	}
	return nil
}

// showDevice is GET /devices/{id}: the signed document.
func (h *Hub) showDevice(w http.ResponseWriter, r *http.Request) {
	d, ok := h.devices.Get(r.PathValue("id"))
	if !ok {
		h.problems.Write(w, r, fmt.Errorf("%w: no device of this id", tribune.ErrNotFound))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(d.Signed)
}
