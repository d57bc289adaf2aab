package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune/protocol"
)

// Device is a device that a benchmark or a drill registers for itself. It reports one attribute of the entities whose name it
// gives: a reading named "s/X" goes to the entity of that X.
type Device struct {
	ID        string
	Entity    string // with {1} for what stands behind s/
	Type      string // IRI
	Attribute string // IRI
	PerMinute int    // messages it may send
}

// Topic is where it publishes SenML in JSON.
func (d Device) Topic() string { return "devices/" + d.ID + "/senml" }

const deviceDocument = `# A device of a benchmark or drill.
id = %q
title = "Played device"
kind = "gateway"
owner = "Whoever runs this benchmark or drill"
contact = "at this machine"
place = { name = "Nowhere", longitude = 0.0, latitude = 0.0 }
need = "To see what the hub does with many readings."
alternative = "None is needed: it senses nothing."
cost = "Nothing."
fallback = "None is needed."
cannot_sense = ["anything at all"]
from = %s
until = %s
token_sha256 = "%x"
per_minute = %d

[[senses]]
title = "A made-up reading"
name = "s/*"
entity = %q
type = %q
attribute = %q
`

// Register has the steward's key sign the device's document, hands it to the hub, and returns the device's token.
func (c *Client) Register(ctx context.Context, stewardKey string, d Device) (token string, err error) {
	skey, err := os.ReadFile(stewardKey)
	if err != nil {
		return "", fmt.Errorf("registering a device: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return "", fmt.Errorf("registering a device: the steward's key: %w", err)
	}
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	now := time.Now().UTC()
	text := fmt.Sprintf(deviceDocument, d.ID, now.Format(time.RFC3339), now.AddDate(0, 0, 7).Format(time.DateOnly), sha256.Sum256([]byte(token)), d.PerMinute,
		d.Entity, d.Type, d.Attribute)
	signed, err := protocol.SignDocument(text, signer)
	if err != nil {
		return "", err
	}
	a, err := c.Do(ctx, http.MethodPost, "/devices", signed, http.Header{"Content-Type": {"text/plain; charset=utf-8"}})
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return "", fmt.Errorf("registering a device: %w", err)
	}
	return token, nil
}
