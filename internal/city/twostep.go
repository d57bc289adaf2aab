package city

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
)

// Acts outside NGSI-LD take two requests as well: the first is answered with the act to sign, the second brings its signature.

// signFor is how long a prepared act waits, as the way keeps it.
const signFor = 60 * time.Second

// askSignature answers the first request: 428 with the act.
func (h *Hub) askSignature(w http.ResponseWriter, r *http.Request, act protocol.Act, what string) error {
	text, err := protocol.JCS(act)
	if err != nil {
		return err
	}
	digest, err := act.Digest()
	if err != nil {
		return err
	}
	web.Send(w, web.SignatureNeeded(r.Context(), what,
		"Sign the digest with your Ed25519 key and send the request again with "+web.ActHeader+" (the act's id) and "+web.SignatureHeader+" (base64).",
		map[string]any{"act": act, "actText": string(text), "digest": digest.String(), "expires": h.now().Add(signFor).UTC().Format(time.RFC3339)}))
	return nil
}

// signatureOf reads what the second request brings.
func signatureOf(r *http.Request) ([]byte, error) {
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(web.SignatureHeader))
	if err != nil || len(signature) == 0 || len(signature) > 128 {
		return nil, fmt.Errorf("%w: %s must be an Ed25519 signature in base64", tribune.ErrInvalid, web.SignatureHeader)
	}
	return signature, nil
}
