package twin

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store/pebble"
)

// feed is n sensors, an entity each, that report over and over, as intake hands it on.
type feed struct {
	device  string
	changes []tribune.Change
	round   int64
}

func newFeed(device string, n int) *feed {
	f := &feed{device: device, changes: make([]tribune.Change, n)}
	for i := range f.changes {
		f.changes[i] = tribune.Change{Entity: tribune.EntityID(fmt.Sprintf("urn:ngsi-ld:Device:%s:%03d", device, i)),
			Types: []tribune.Name{vocabulary + "Device"}, Attr: vocabulary + "temperature", Source: device}
	}
	return f
}

// next is one reading of each sensor, a second after the last one.
func (f *feed) next() []tribune.Change {
	f.round++
	at := time.Unix(1_800_000_000+f.round, 0).UTC()
	suffix := "/temperature/" + strconv.FormatInt(at.UnixNano(), 10)
	values := make([]byte, 0, len(f.changes)*60)
	for i := range f.changes {
		from := len(values)
		values = strconv.AppendInt(append(values, `{"type":"Property","value":`...), int64(10+i%20), 10)
		values = append(values, '.', '0'+byte((int64(i)+f.round)%10))
		values = append(values, `,"unitCode":"CEL"}`...)
		c := &f.changes[i]
		c.ID, c.Value, c.ObservedAt = f.device+"/s/"+strconv.Itoa(i)+suffix, values[from:len(values):len(values)], at
	}
	return f.changes
}

// BenchmarkApply200 is 40 gateways with 200 sensors each, one reading a sensor a message, durable when Apply returns. In
// batches of 200 each of several writers applies one gateway's message; in batches of 4,000 the messages of 20 gateways
// are merged, as the desk does under load.
func BenchmarkApply200(b *testing.B) {
	const gateways, sensors = 40, 200
	for _, c := range []struct{ writers, merged int }{{1, 1}, {4, 1}, {16, 1}, {2, 20}} {
		b.Run(fmt.Sprintf("batch=%d/writers=%d", c.merged*sensors, c.writers), func(b *testing.B) {
			st, err := pebble.Open(pebble.Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { st.Close() })
			tw := open(b, Config{Store: st, Now: time.Now})
			feeds := make([]*feed, gateways/c.merged)
			for i := range feeds {
				feeds[i] = newFeed(fmt.Sprintf("gateway-%02d", i), sensors*c.merged)
				if err := tw.Apply(b.Context(), feeds[i].next()); err != nil {
					b.Fatal(err)
				}
			}
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			cpu, begun := processorTime(), time.Now()
			for w := range c.writers {
				wg.Go(func() {
					for i := w; n.Add(1) <= int64(b.N); i += c.writers { // each gateway has one writer
						if err := tw.Apply(b.Context(), feeds[i%len(feeds)].next()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			readings := float64(b.N) * float64(sensors*c.merged)
			b.ReportMetric(readings/time.Since(begun).Seconds(), "readings/s")
			b.ReportMetric(float64((processorTime()-cpu).Microseconds())/readings, "cpu-µs/reading")
		})
	}
}

// processorTime is what the process has used so far: on a shared machine it says more than the rate.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
