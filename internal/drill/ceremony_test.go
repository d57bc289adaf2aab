package drill

import "testing"

func TestCeremonyOutlivesKillsAndLosses(t *testing.T) { held(t, "ceremony") }
