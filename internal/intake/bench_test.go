package intake

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
)

// senml200 is a message of a device with 200 sensors, one reading each.
func senml200(at int64) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `[{"bn":"s/","bt":%d,"bu":"Cel"`, at)
	for i := range 200 {
		if i > 0 {
			b.WriteString(",{")
		} else {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `"n":"%03d/temperature","v":%d.%d}`, i, 10+i%20, (i+int(at))%10)
	}
	b.WriteString("]")
	return []byte(b.String())
}

// BenchmarkDesk200 is 40 devices with 200 sensors each, each waiting for the last message to be durable before the next.
func BenchmarkDesk200(b *testing.B) {
	for _, c := range []struct {
		name  string
		apply func(w *world) func(context.Context, []tribune.Change) error
	}{
		{"twin", func(w *world) func(context.Context, []tribune.Change) error { return w.twin.Apply }},
		{"nothing", func(*world) func(context.Context, []tribune.Change) error {
			return func(context.Context, []tribune.Change) error { return nil }
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var apply func(context.Context, []tribune.Change) error
			w := newWorld(b, func(cfg *Config) {
				cfg.Apply = func(ctx context.Context, list []tribune.Change) error { return apply(ctx, list) }
			})
			apply = c.apply(w)
			const devices = 40
			list := make([]Message, devices)
			for i := range list {
				id := fmt.Sprintf("device-%02d", i)
				list[i] = Message{ContentType: TypeSenML, Received: start,
					Device: w.add(id, "", sense("s/*/temperature", entityOf(id)+":{1}", celsius))}
			}
			var n atomic.Int64
			b.SetParallelism(devices / 2)
			b.ReportAllocs()
			b.ResetTimer()
			begun := time.Now()
			b.RunParallel(func(pb *testing.PB) {
				me := list[n.Add(1)%devices]
				for pb.Next() {
					me.Body = senml200(start.Unix() - 100_000 + n.Add(1))
					if _, err := w.desk.Take(context.Background(), me); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)*200/time.Since(begun).Seconds(), "readings/s")
		})
	}
}
