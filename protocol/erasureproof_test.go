package protocol_test

import (
	"testing"

	"tribune/protocol"
)

// Of those who have stated that they obey an erasure t-1 may lie, and others may have been away: t honest ones must be left, whom whoever was away believes
// without any liar.
func TestErasureIsSafeAlthoughSomeOfTheStatementsAreLies(t *testing.T) {
	for n := 1; n <= 12; n++ {
		for th := 1; 2*th-1 <= n; th++ {
			if need := protocol.ErasureNeed(n, th); need > n || need-(th-1) < th {
				t.Errorf("n = %d, t = %d: %d statements, %d of them true", n, th, need, need-(th-1))
			}
		}
	}
}
