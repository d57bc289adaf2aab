package client

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tribune"
	"tribune/protocol"
)

// HandVerdict hands the hub a verdict that an auditor has signed, for its register of models.
func (c *Client) HandVerdict(ctx context.Context, doc []byte) (*Answer, error) {
	return c.Do(ctx, http.MethodPost, "/models/verdicts", doc, http.Header{"Content-Type": {"text/plain; charset=utf-8"}})
}

// Publish puts on record that an explanation of a model is shown to everybody, and has the hub show it. The act is built here: what is signed is
// the model's hash, the method, the verdict and the file's hash, and no hub can put others in their place. p.File and p.Size follow from file.
func (c *Client) Publish(ctx context.Context, p protocol.Publication, file []byte) (*Answer, error) {
	if c.Key == nil {
		return nil, errNoKey()
	}
	p.File, p.Size, p.Version = sha256.Sum256(file), len(file), 1
	public, err := p.Encode()
	if err != nil {
		return nil, err
	}
	private, err := protocol.JCS(protocol.Private{Actor: c.Actor, Inputs: protocol.Inputs{Attrs: []tribune.Name{}, Note: protocol.PublicationNote(public)}, Subjects: []protocol.Subject{}})
	if err != nil {
		return nil, err
	}
	salt := protocol.NewSalt()
	com, err := protocol.Commitment(salt, private)
	if err != nil {
		return nil, err
	}
	if sent, err := c.Do(ctx, http.MethodPost, "/models/files", file, http.Header{"Content-Type": {"application/octet-stream"}}); err != nil || sent.Problem != nil {
		return sent, err
	}
	act := protocol.Act{Com: com, ID: protocol.NewID(), Kind: tribune.ActPublish, Mandate: c.Mandate, Office: c.Office, Purpose: c.Purpose, Time: protocol.Time(time.Now())}
	signature, err := act.Sign(c.Key)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"act": act, "private": private, "salt": salt, "signature": signature, "public": public})
	if err != nil {
		return nil, fmt.Errorf("publishing an explanation: %w", err)
	}
	return c.Do(ctx, http.MethodPost, "/models/explanations", body, nil)
}
