package guardian

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// metrics answers GET /metrics in Prometheus' text format. It says what GET /status says: no label holds anything that one of this
// city's people or offices could be known by.
func (g *Guardian) metrics(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	write := func(name, kind, help string, value float64) {
		fmt.Fprintf(&b, "# HELP tribune_guardian_%[1]s %[2]s\n# TYPE tribune_guardian_%[1]s %[3]s\ntribune_guardian_%[1]s %[4]s\n", name, help, kind, strconv.FormatFloat(value, 'f', -1, 64))
	}
	now := g.cfg.Now()
	epoch := uint32(0)
	if keys, ok := g.ceremony.Shares(); ok {
		epoch = keys.Group.Epoch
	}
	write("mirror_leaves", "gauge", "Leaves of the record that are held.", float64(g.mirror.Head().Size))
	write("share_epoch", "gauge", "Epoch of the key share; 0 = none.", float64(epoch))
	write("releases_total", "counter", "Acts for which a share was released, since start.", float64(g.released.Load()))
	write("refusals_total", "counter", "Acts that were refused or vetoed, since start.", float64(g.refused.Load()))
	erasures := g.unprovenErasures()
	write("erasures_pending", "gauge", "Erasures on record that are obeyed and nobody has shown to be lawful yet.", float64(len(erasures.Pending)))
	write("erasures_unproven", "gauge", "Erasures on record that are not obeyed, since they are forged or nobody has shown in a day that they are lawful: incidents.", float64(len(erasures.Unproven)))
	write("start_time_seconds", "gauge", "When this process started.", float64(g.since.Unix()))
	write("cosigned_time_seconds", "gauge", "When a checkpoint was last co-signed, since start; 0 = not yet.", float64(g.cosignedAt.Load()))
	write("peers_seen", "gauge", "Other guardians whose clock was seen within a minute.", float64(len(g.clock.seen(now))))
	if ahead, ok := g.clock.median(now); ok {
		write("clock_offset_seconds", "gauge", "How far the other guardians' clocks are ahead, their median.", ahead.Seconds())
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, b.String())
}
