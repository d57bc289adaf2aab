package client

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Vital interest, on the side of the two people: their keys stay here. A share is opened on this machine, and sealed again to the one order
// that its holder has read and signs.

// VitalShare is a share of the caller's, sealed to them.
type VitalShare struct {
	Head protocol.VitalHead `json:"head"`
	Box  []byte             `json:"box"`
}

// VitalAsked is an order that waits for approval.
type VitalAsked struct {
	Order    protocol.VitalOrder `json:"order"`
	By       tribune.ActorID     `json:"by"`
	Approved []tribune.ActorID   `json:"approved"`
	Until    time.Time           `json:"until"`
	Shares   []VitalShare        `json:"shares"`
}

// city asks for the city's name, which keys are bound to.
func (c *Client) city(ctx context.Context) (string, error) {
	a, err := c.Do(ctx, http.MethodGet, "/group", nil, nil)
	if err == nil {
		err = a.Error()
	}
	var g struct{ City string }
	if err == nil {
		err = json.Unmarshal(a.Body, &g)
	}
	if err != nil {
		return "", fmt.Errorf("asking for the city's name: %w", err)
	}
	return g.City, nil
}

// JoinVital gives the hub the public half of the caller's decryption key, signed with the key of their appointment.
func (c *Client) JoinVital(ctx context.Context) error {
	if c.Key == nil {
		return errNoKey()
	}
	city, err := c.city(ctx)
	if err != nil {
		return err
	}
	secret, err := protocol.VitalSecret(c.Key, city)
	if err != nil {
		return err
	}
	h := protocol.VitalHolder{Actor: c.Actor, City: city, Key: secret.Public(), Version: protocol.VitalVersion}
	msg, err := h.Message()
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"holder": h, "signature": ed25519.Sign(c.Key, msg)})
	if err != nil {
		return err
	}
	a, err := c.Do(ctx, http.MethodPost, "/vital/holders", body, nil)
	if err != nil {
		return err
	}
	return a.Error()
}

// AskVital begins. What the hub returns is checked against what was asked.
func (c *Client) AskVital(ctx context.Context, class tribune.ClassID, entity tribune.EntityID, reason string) (asked VitalAsked, err error) {
	body, err := json.Marshal(map[string]any{"class": class, "entity": entity, "reason": reason})
	if err != nil {
		return asked, err
	}
	a, err := c.Do(ctx, http.MethodPost, "/vital/orders", body, nil)
	if err == nil {
		err = a.Error()
	}
	if err == nil {
		err = json.Unmarshal(a.Body, &asked)
	}
	if err != nil {
		return asked, err
	}
	o := asked.Order
	if o.Class != class || o.Entity != entity || o.Reason != reason || o.Purpose != c.Purpose || o.Mandate != c.Mandate {
		return asked, fmt.Errorf("%w: the hub asks for a signature under another order", tribune.ErrInvalid)
	}
	return asked, nil
}

// PendingVital are the orders that wait for a second person of the caller's office.
func (c *Client) PendingVital(ctx context.Context) (all []VitalAsked, err error) {
	a, err := c.Do(ctx, http.MethodGet, "/vital/orders", nil, nil)
	if err == nil {
		err = a.Error()
	}
	if err == nil {
		err = json.Unmarshal(a.Body, &all)
	}
	return all, err
}

// ApproveVital does the caller's part of an order: it opens their shares here and seals them to that order, under their signature. The answer
// is empty (202) where a second person is still to come.
func (c *Client) ApproveVital(ctx context.Context, asked VitalAsked) (*Answer, error) {
	if c.Key == nil {
		return nil, errNoKey()
	}
	o := asked.Order
	at, err := protocol.ParseTime(o.At)
	if err != nil {
		return nil, err
	}
	city, err := c.city(ctx)
	if err != nil {
		return nil, err
	}
	if skew := time.Since(at).Abs(); o.Office != c.Office || o.City != city || skew > protocol.VitalAskFor+maxSkew {
		return nil, fmt.Errorf("%w: the order is of another office or city, or %s off this clock", tribune.ErrInvalid, skew.Round(time.Second))
	}
	secret, err := protocol.VitalSecret(c.Key, o.City)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	var shares [][]byte
	for _, s := range asked.Shares {
		share, err := o.OpenShare(secret, c.Actor, s.Head, s.Box)
		if err != nil {
			return nil, fmt.Errorf("opening the share of key %d: %w", s.Head.Number, err)
		}
		defer clear(share)
		numbers, shares = append(numbers, s.Head.Number), append(shares, share)
	}
	if !slices.Equal(numbers, o.Keys) {
		return nil, fmt.Errorf("%w: the shares are not of the order's keys", tribune.ErrInvalid)
	}
	approval, err := o.Approve(c.Actor, c.Key, shares)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(approval)
	if err != nil {
		return nil, err
	}
	return c.Do(ctx, http.MethodPost, "/vital/orders/"+url.PathEscape(o.ID), body, nil)
}
