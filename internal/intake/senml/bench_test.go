package senml

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkParseSenML200(b *testing.B) {
	var text strings.Builder
	text.WriteString(`[{"bn":"s/","bt":1795341600,"bu":"Cel",`)
	for i := range 200 {
		if i > 0 {
			text.WriteString(",{")
		}
		fmt.Fprintf(&text, `"n":"%03d/temperature","v":%d.%d}`, i, 10+i%20, i%10)
	}
	text.WriteString("]")
	body := []byte(text.String())
	var p Pack
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ParseJSON(body); err != nil || len(p.Records) != 200 {
			b.Fatal(err, len(p.Records))
		}
	}
	b.ReportMetric(float64(b.N)*200/b.Elapsed().Seconds(), "readings/s")
}
