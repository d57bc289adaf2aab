package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/protocol"
)

// loadGroup reads the roster that the ceremony left, or nil where there was none yet.
func loadGroup(d Dir) (*protocol.Group, error) {
	data, err := os.ReadFile(d.Group())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the guardians' roster: %w", err)
	}
	var g protocol.Group
	if err := json.Unmarshal(data, &g); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", tribune.ErrInvalid, d.Group(), err)
	}
	return &g, g.Validate()
}

// saveGroup keeps the roster, and beside the hub the trust file that offline verification rests on.
func saveGroup(d Dir, g protocol.Group, logKey string) error {
	data, err := json.MarshalIndent(g, "", " ")
	if err != nil {
		return err
	}
	trust, err := g.TrustFile(logKey, f_note.VKeyToCosignatureV1)
	if err != nil {
		return err
	}
	if err := writeFile(d.Trust(), []byte(trust), 0o644); err != nil {
		return fmt.Errorf("keeping the trust file: %w", err)
	}
	if err := writeFile(d.Group(), data, 0o644); err != nil {
		return fmt.Errorf("keeping the guardians' roster: %w", err)
	}
	return nil
}

// publish seals a ceremony leaf: no policy decides about it, since it founds what policies are enforced with.
func (h *Hub) publish(ctx context.Context, kind tribune.ActKind, public json.RawMessage) error {
	decision := tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}
	_, _, err := h.seal(ctx, h.own(kind), public, nil, decision, tribune.Evidence{})
	return err
}

// own is an act of the hub itself.
func (h *Hub) own(kind tribune.ActKind) tribune.Act {
	return tribune.Act{ID: protocol.NewID(), Kind: kind, Caller: tribune.Caller{Actor: hubActor, Office: hubOffice}, At: h.now().UTC()}
}

// seal puts a leaf of the hub's own on record and waits for its publication: no subject, no key, signed by the hub's
// registered key. com commits to document, or to the public part where there is none.
func (h *Hub) seal(ctx context.Context, act tribune.Act, public json.RawMessage, document []byte, decision tribune.Decision, evidence tribune.Evidence) (index uint64, salt []byte, err error) {
	data, salt, err := h.ownLeaf(act, public, document, decision, evidence)
	if err != nil {
		return 0, nil, err
	}
	if index, err = h.record.Append(ctx, data); err == nil {
		_, err = h.record.Await(ctx, index)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("putting a leaf of kind %s on record: %w", act.Kind, err)
	}
	return index, salt, nil
}

// ownLeaf makes a leaf of the hub's own.
func (h *Hub) ownLeaf(act tribune.Act, public json.RawMessage, document []byte, decision tribune.Decision, evidence tribune.Evidence) (data, salt []byte, err error) {
	if document == nil {
		document = public
	}
	salt = protocol.NewSalt()
	leaf := protocol.Leaf{
		Version: protocol.Version, Decision: decision, Public: public, Tags: []tribune.Tag{},
		Act: protocol.Act{ID: act.ID, Kind: act.Kind, Office: act.Caller.Office, Time: protocol.Time(act.At)},
	}
	if leaf.Act.Com, err = protocol.Commitment(salt, document); err != nil {
		return nil, nil, err
	}
	if leaf.Input, err = protocol.InputHash(salt, evidence); err != nil {
		return nil, nil, err
	}
	if leaf.Signature, err = leaf.Act.Sign(h.hubKey); err != nil {
		return nil, nil, err
	}
	data, err = leaf.Encode()
	return data, salt, err
}

const (
	publishAtOnce = 256              // publications on their way: far below the record's queue
	publishFor    = 30 * time.Second // publications that a request began, and finishes whether or not its sender waits
)

// publishAppointments puts every appointment on record that is not there yet. One that has ended meanwhile stays off it: the law
// would refuse it, and with it everybody's.
func (h *Hub) publishAppointments(ctx context.Context) error {
	var all errgroup.Group // one that fails must not end the others on their way: what is on record has to be noted
	all.SetLimit(publishAtOnce)
	for _, a := range h.gate.Appointments() {
		if !a.Recorded && h.now().Before(a.Until) {
			all.Go(func() error { return h.publishAppointment(ctx, a.Actor, a.Document) })
		}
	}
	return all.Wait()
}

func (h *Hub) publishAppointment(ctx context.Context, actor tribune.ActorID, document []byte) error {
	act := h.own(tribune.ActAppoint)
	decision, evidence, err := h.gate.DecideAppoint(act, actor)
	if err == nil && !decision.Permit {
		err = &tribune.Denial{Decision: decision}
	}
	if err != nil {
		return fmt.Errorf("deciding an appointment: %w", err)
	}
	index, salt, err := h.seal(ctx, act, nil, document, decision, evidence)
	if err != nil {
		return err
	}
	if err := h.gate.SetAppointed(actor, index, salt); err != nil {
		return fmt.Errorf("keeping where an appointment is on record: %w", err)
	}
	return nil
}
