package client

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// Prove fetches the self-contained receipt that an answer names and holds it against trust and, where the answer was
// given for a signed act, against that act: a hub that shows another entry of the record is found out at once. A nil
// trust verifies nothing and only fetches. It returns nil bytes where the answer names no receipt, and an error where an answer for a signed act names none.
func (c *Client) Prove(ctx context.Context, a *Answer, trust *verify.Trust) (receipt []byte, err error) {
	path := ReceiptPath(a.Header)
	if path == "" {
		if a.Act != nil && a.Problem == nil {
			return nil, fmt.Errorf("%w: the hub answered a signed act without a receipt", tribune.ErrInvalid)
		}
		return nil, nil
	}
	full, err := (&Client{Base: c.Base, HTTP: c.HTTP}).Do(ctx, http.MethodGet, path, nil, nil)
	if err == nil {
		err = full.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("fetching the receipt: %w", err)
	}
	if trust == nil {
		return full.Body, nil
	}
	v, err := trust.Receipt(full.Body)
	if err != nil {
		return nil, fmt.Errorf("the receipt does not verify: %w", err)
	}
	if a.Act == nil {
		return full.Body, nil
	}
	signed, err := protocol.JCS(a.Act)
	if err != nil {
		return nil, err
	}
	recorded, err := protocol.JCS(v.Leaf.Act)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(signed, recorded) {
		return nil, fmt.Errorf("%w: the receipt is for another act than the one that was signed", tribune.ErrInvalid)
	}
	return full.Body, nil
}
