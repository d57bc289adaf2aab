package portal

import (
	"fmt"
	"net/http"
	"strings"

	"rsc.io/qr"
)

// The sign on the pole, and its code.

type signData struct {
	sensorShown
	URL   string
	Short string // the address without its scheme, for reading
}

func (p *Portal) showSign(r *http.Request) (view, error) {
	one, err := p.sensorOf(r)
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	d := signData{sensorShown: p.sensor(w, one), URL: p.base(r) + "/registers/sensors/" + one.ID}
	_, d.Short, _ = strings.Cut(d.URL, "://")
	return view{Name: "sensorsign", Title: w.T("Sign for %s", one.Title), Data: d}, nil
}

// sensorQR draws the absolute address of a device's page. Level Q survives a quarter of the sign being scratched.
func (p *Portal) sensorQR(w http.ResponseWriter, r *http.Request) error {
	one, err := p.sensorOf(r)
	if err != nil {
		return err
	}
	code, err := qr.Encode(p.base(r)+"/registers/sensors/"+one.ID, qr.Q)
	if err != nil {
		return fmt.Errorf("drawing a QR code: %w", err)
	}
	const quiet = 4 // modules of white around it, as ISO/IEC 18004 asks
	side := code.Size + 2*quiet
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "image/svg+xml")
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`+"\n", side, side, side, side, path.String())
	return nil
}
