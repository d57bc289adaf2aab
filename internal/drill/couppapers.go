package drill

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// forgedAppointment: an officer of the coup's own, appointed by the steward, or by a key that calls itself the council.
func (c *coup) forgedAppointment(ctx context.Context) error {
	text, _ := protocol.SplitDocument(c.evidence.Appointment)
	_, fresh, err := ed25519.GenerateKey(nil)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	text, err = withKey(text, fresh)
	if err != nil {
		return err
	}
	steward, err := c.documentBy("steward", text)
	if err != nil {
		return err
	}
	claimed, err := forge(text)
	if err != nil {
		return err
	}
	for _, try := range []struct {
		by       string
		document []byte
	}{{"the steward", steward}, {"a key that calls itself the council", claimed}} {
		index, salt, err := c.recordAppointment(ctx, try.document)
		if err != nil {
			return err
		}
		err = c.attempts(ctx, attack{"puts the appointment of an officer of its own on record, signed by " + try.by + ", and acts with that officer's key", "signed|signature|appointment", func(_ *wide, x *wish) error {
			x.key = fresh
			x.evidence.Appointment, x.evidence.AppointmentIndex, x.evidence.AppointmentSalt = try.document, index, salt
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return c.withCouncil(ctx, text, fresh)
}

// withCouncil tells what the council's key would add: it names officers, so it is a fourth party that a coup would need; and what
// its officer opens is on record for everybody whom it concerns.
func (c *coup) withCouncil(ctx context.Context, text string, key ed25519.PrivateKey) error {
	document, err := c.documentBy("council", text)
	if err != nil {
		return err
	}
	index, salt, err := c.recordAppointment(ctx, document)
	if err != nil {
		return err
	}
	x, err := c.plain(c.victims[0])
	if err != nil {
		return err
	}
	x.key = key
	x.evidence.Appointment, x.evidence.AppointmentIndex, x.evidence.AppointmentSalt = document, index, salt
	_, answers, err := c.record(ctx, x)
	if err != nil {
		return err
	}
	released := 0
	for _, a := range answers {
		if a.Statement != nil {
			released++
		}
	}
	onRecord := c.hub.tags[x.tags[0]]
	c.play.control(released == len(answers) && onRecord, "with the council's key besides, appoint an officer and act within the law", "released, since that is what the council is for; the appointment and the use of each subject are on record", "%d of %d release; the tag is on record: %v", released, len(answers), onRecord)
	return nil
}

// documentBy signs a document with an institution's true key.
func (c *coup) documentBy(institution, text string) ([]byte, error) {
	signer, err := c.city.institution(institution)
	if err != nil {
		return nil, err
	}
	return protocol.SignDocument(text, signer)
}

// withKey is an appointment's text with another key in it.
func withKey(text string, key ed25519.PrivateKey) (string, error) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "key") {
			lines[i] = fmt.Sprintf("key = %q", base64Of(key.Public().(ed25519.PublicKey)))
			return strings.Join(lines, "\n"), nil
		}
	}
	return "", fmt.Errorf("%w: an appointment without a key", errDrill)
}

// recordAppointment puts an appointment on record by the hub's own key.
func (c *coup) recordAppointment(ctx context.Context, document []byte) (index uint64, salt []byte, err error) {
	leaf := protocol.Leaf{Version: protocol.Version, Tags: []tribune.Tag{}, Decision: c.enrolDecision}
	leaf.Act = protocol.Act{ID: protocol.NewID(), Kind: tribune.ActAppoint, Office: "data-hub", Time: protocol.Time(time.Now())}
	salt = protocol.NewSalt()
	if leaf.Act.Com, err = protocol.Commitment(salt, document); err != nil {
		return 0, nil, err
	}
	if leaf.Signature, err = leaf.Act.Sign(c.hubKey); err != nil {
		return 0, nil, err
	}
	raw, err := leaf.Encode()
	if err != nil {
		return 0, nil, err
	}
	index = uint64(len(c.hub.leaves))
	if err := c.hub.append(raw); err != nil {
		return 0, nil, err
	}
	_, err = c.hub.publish(ctx, c.hub.group.W)
	return index, salt, err
}
