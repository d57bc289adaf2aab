package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/intake/device"
)

// challenge asks for HTTP Basic: clients that wait to be asked understand it.
const challenge = `Basic realm="device", charset="UTF-8"`

// maxToken bounds what is hashed of a stranger's token.
const maxToken = 256

// authenticate finds the device of a request: its id is in the path, its token in Authorization.
func (g *Gateway) authenticate(r *http.Request) (*device.Device, error) {
	id := r.PathValue("device")
	token, ok := credential(r, id)
	if !ok {
		return nil, tribune.Hint(fmt.Errorf("%w: no token of this device", tribune.ErrUnknown),
			"Send HTTP Basic with the device's id, as in the path, and its token; or Authorization: Bearer with the token.")
	}
	return g.cfg.Devices.Authenticate(id, token)
}

// credential is the token that a request shows for a device.
func credential(r *http.Request, id string) (token string, ok bool) {
	auth := r.Header.Values("Authorization")
	if len(auth) != 1 || len(auth[0]) > 2*maxToken {
		return "", false
	}
	if user, password, ok := r.BasicAuth(); ok {
		return password, user == id && password != "" && len(password) <= maxToken
	}
	scheme, token, _ := strings.Cut(auth[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= maxToken
}
