package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

const (
	vitalAlarm   = "urn:ngsi-ld:TelecareAlarm:drill:1"
	otherAlarm   = "urn:ngsi-ld:TelecareAlarm:drill:2"
	vitalAddress = "7 Elm Row, second floor"
	vitalClass   = "telecare-address"
	firstOne     = "dispatcher-amin"
	secondOne    = "dispatcher-berg"
)

// playVital cuts the guardians off and has an address opened as the law lets it; then a key vanishes.
func playVital(ctx context.Context, p *play) error {
	c := p.newCity("city")
	c.vital = true
	s, _, err := p.serve(ctx, c, 4)
	if err != nil {
		return err
	}
	d := &vitalDrill{served: s, play: p}
	for _, step := range []func(context.Context) error{d.before, d.alone, d.together, d.crash, d.back, d.traced, d.vanish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.proc.stop()
}

type vitalDrill struct {
	*served
	play  *play
	asked client.VitalAsked
	leaf  uint64
	cutAt time.Time
}

// before: two people join, addresses arrive, and while guardians answer only the ordinary way is open.
func (d *vitalDrill) before(ctx context.Context) error {
	for _, who := range []string{firstOne, secondOne} {
		cl, err := d.as(who)
		if err == nil {
			err = cl.JoinVital(ctx)
		}
		if err != nil {
			return fmt.Errorf("joining: %w", err)
		}
	}
	integrator, err := d.as("integrator-1")
	if err != nil {
		return err
	}
	for id, address := range map[string]string{vitalAlarm: vitalAddress, otherAlarm: "2 Oak Street"} {
		body, err := json.Marshal(map[string]any{"id": id, "type": "TelecareAlarm", "address": property(address), "resident": property("Vera Ilin")})
		if err != nil {
			return err
		}
		a, err := integrator.Do(ctx, http.MethodPost, entityPath, body, nil)
		if err == nil {
			err = a.Error()
		}
		if err != nil {
			return fmt.Errorf("storing an alarm: %w", err)
		}
	}
	first, err := d.as(firstOne)
	if err != nil {
		return err
	}
	a, err := first.Read(ctx, http.MethodGet, entityURL(vitalAlarm)+"?options=keyValues", nil)
	if err != nil {
		return err
	}
	d.play.control(strings.Contains(string(a.Body), vitalAddress), "with guardians, a dispatcher reads the address the ordinary way", "in clear, on record", "%s", shown(a))
	_, err = first.AskVital(ctx, vitalClass, vitalAlarm, "drill")
	d.play.check(err != nil && strings.Contains(err.Error(), "can be reached"), "with guardians, a dispatcher asks for it without them", "refused: the ordinary way is open", "%v", err)
	if err := d.proc.stop(); err != nil { // a start puts the inventory on record
		return err
	}
	if err := d.startHub(ctx); err != nil {
		return err
	}
	return d.counted(ctx)
}

// counted waits until an inventory of four keys or more is on record.
func (d *vitalDrill) counted(ctx context.Context) error {
	return d.proc.until(ctx, startFor, "the inventory of single-use keys", func() (bool, error) {
		n, err := d.newest(ctx, tribune.ActVitalKeys)
		if err != nil || n == nil {
			return false, err
		}
		k, err := protocol.DecodeVitalKeys(n.Public)
		return err == nil && k.Count >= 4, nil
	})
}

// newest is the newest published leaf of a kind.
func (d *vitalDrill) newest(ctx context.Context, kind tribune.ActKind) (*protocol.Leaf, error) {
	anyone, err := d.as("")
	if err != nil {
		return nil, err
	}
	a, err := anyone.Do(ctx, http.MethodGet, "/record.json?all=1&size=1&kind="+string(kind), nil, nil)
	if err == nil {
		err = a.Error()
	}
	var page struct{ Entries []struct{ Index uint64 } }
	if err == nil {
		err = json.Unmarshal(a.Body, &page)
	}
	if err != nil || len(page.Entries) == 0 {
		return nil, err
	}
	d.leaf = page.Entries[0].Index
	if a, err = anyone.Do(ctx, http.MethodGet, fmt.Sprintf("/record/leaves/%d", d.leaf), nil, nil); err == nil {
		err = a.Error()
	}
	if err != nil {
		return nil, err
	}
	leaf, err := protocol.DecodeLeaf(a.Body)
	return &leaf, err
}

// vitalState is what the hub tells anybody.
type vitalState struct {
	Reachable bool
	Unwritten int
	Uses      []uint64
}

func (d *vitalDrill) state(ctx context.Context) (s vitalState, err error) {
	anyone, err := d.as("")
	if err != nil {
		return s, err
	}
	a, err := anyone.Do(ctx, http.MethodGet, "/vital/state", nil, nil)
	if err == nil {
		err = a.Error()
	}
	if err == nil {
		err = json.Unmarshal(a.Body, &s)
	}
	return s, err
}

func (d *vitalDrill) wires(f fault) {
	for _, k := range d.keepers {
		k.to.set(f)
		k.from.set(f)
	}
}

// alone: guardians are cut off; one person, twice, opens nothing, nor does another office.
func (d *vitalDrill) alone(ctx context.Context) error {
	d.wires(fault{cut: true})
	d.cutAt = time.Now()
	if err := d.proc.until(ctx, startFor, "the hub to see that guardians are away", func() (bool, error) {
		s, err := d.state(ctx)
		return err == nil && !s.Reachable, nil
	}); err != nil {
		return err
	}
	first, err := d.as(firstOne)
	if err != nil {
		return err
	}
	if d.asked, err = first.AskVital(ctx, vitalClass, vitalAlarm, "alarm pressed, no answer on the phone"); err != nil {
		return fmt.Errorf("asking without guardians: %w", err)
	}
	one, err := first.ApproveVital(ctx, d.asked)
	if err != nil {
		return err
	}
	again, err := first.ApproveVital(ctx, d.asked)
	if err != nil {
		return err
	}
	seen, err := first.Do(ctx, http.MethodGet, "/vital/orders/"+d.asked.Order.ID, nil, nil)
	if err != nil {
		return err
	}
	d.play.check(one.Status == http.StatusAccepted && again.Status == http.StatusConflict && !strings.Contains(string(one.Body)+string(again.Body)+string(seen.Body), vitalAddress),
		"one dispatcher approves, approves again, and looks", "nothing is opened", "%d, %s, %s", one.Status, shown(again), shown(seen))
	inspector, err := d.as("inspector-ward")
	if err != nil {
		return err
	}
	other, err := inspector.Do(ctx, http.MethodPost, "/vital/orders/"+d.asked.Order.ID, []byte(`{"box":"","signature":""}`), nil)
	if err != nil {
		return err
	}
	d.play.check(other.Status == http.StatusNotFound, "an inspector approves a dispatcher's order", "404", "%s", shown(other))
	return nil
}

// together: the second person approves.
func (d *vitalDrill) together(ctx context.Context) error {
	second, err := d.as(secondOne)
	if err != nil {
		return err
	}
	pending, err := second.PendingVital(ctx)
	if err != nil || len(pending) != 1 {
		return fmt.Errorf("%w: %d orders wait: %w", errDrill, len(pending), err)
	}
	opened, err := second.ApproveVital(ctx, pending[0])
	if err != nil {
		return err
	}
	d.play.control(opened.Status == http.StatusOK && strings.Contains(string(opened.Body), vitalAddress), "a second dispatcher approves", "the address, in clear", "%s, after %s without guardians", shown(opened), time.Since(d.cutAt).Round(time.Second))
	again, err := second.ApproveVital(ctx, pending[0])
	if err != nil {
		return err
	}
	d.play.check(again.Status == http.StatusNotFound, "and sends the same approval again", "404: an order is used once", "%s", shown(again))
	inspector, err := d.as("inspector-ward")
	if err != nil {
		return err
	}
	other, err := inspector.Do(ctx, http.MethodGet, "/vital/orders/"+d.asked.Order.ID, nil, nil)
	if err != nil {
		return err
	}
	d.play.check(other.Status == http.StatusNotFound, "an inspector asks to be shown the answer", "404", "%s", shown(other))
	return nil
}
