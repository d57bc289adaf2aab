package wire

import "tribune/protocol"

// IndexRequest is the body of POST /index, in JCS: which size the hub wants an index of.
type IndexRequest struct {
	Size uint64 `json:"size"`
}

// IndexAnswer is the index that a guardian has computed from its own mirror, and its signature over IndexHead.Message.
type IndexAnswer struct {
	protocol.IndexHead
	Signature []byte `json:"signature"`
}
