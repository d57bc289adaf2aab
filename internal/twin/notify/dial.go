package notify

import (
	"net"
	"time"
)

// Dialer connects to allowed addresses only, for whatever else the hub fetches because a stranger named it.
func (r Reach) Dialer(timeout time.Duration) *net.Dialer { return r.dialer(timeout) }
