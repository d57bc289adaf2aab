package bench

import (
	"fmt"
	"io"
)

// Print writes the result for people.
func (r Result) Print(w io.Writer) error {
	offer := ""
	if r.Offered > 0 {
		offer = fmt.Sprintf(", %d a second offered", r.Offered)
	}
	_, err := fmt.Fprintf(w, `%s
  ops_per_s         %.1f   %s%s
  p50_ms, p99_ms    %.2f, %.2f
  ceiling_per_s     %.1f   ready bytes of the same size; share %.1f%%
  rss_mb            %.0f   the hub's process; %.0f before the run
  fdatasync_p50_ms  %.3f
  errors            %d of %d in %.1f s, %d connections
  cpu_ms_per_op     %.3f   hub and guardians
  machine           %d cores, %s, %s
  bounded by        %s
`, r.Bench, r.OpsPerS, r.Unit, offer, r.P50, r.P99, r.Ceiling, 100*r.Share, r.RSS, r.RSSIdle, r.Fdatasync,
		r.Errors, r.Ops+r.Errors, r.Seconds, r.Connections, r.CPUPerOp, r.Machine.Cores, r.Machine.Go, r.Machine.CPU, r.BoundedBy)
	return err
}
