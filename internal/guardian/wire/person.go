package wire

import "tribune/protocol"

// Person is what GET /person tells somebody who wants their trace key back: whose ID tokens this guardian takes, for which client, and the
// group whose shares it holds, with its signature over Digest(group). The group is of members without addresses.
type Person struct {
	Guardian  string         `json:"guardian"`
	Issuers   []PersonIssuer `json:"issuers"`
	Group     protocol.Group `json:"group"`
	Signature []byte         `json:"signature"`
}

// PersonIssuer is a provider and the client that a person's program is known to it as.
type PersonIssuer struct {
	URL      string `json:"url"`
	ClientID string `json:"clientId"`
}
