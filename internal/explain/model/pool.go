package model

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/matrix"
)

// Pool takes, at each position of a window, the maximum or the average of each channel. Padding never wins a maximum; an average counts it only with
// CountPad.
type Pool struct {
	Window
	Average  bool
	CountPad bool // the average divides by the padding too (ONNX count_include_pad)
	Ceil     bool // a last window may reach over the edge (ONNX ceil_mode)

	channels, height, width int
	high, wide              int
}

// Kind is "maxpool" or "avgpool".
func (p *Pool) Kind() string {
	if p.Average {
		return "avgpool"
	}
	return "maxpool"
}

func (p *Pool) isLinear() bool { return p.Average }

func (p *Pool) bind(in []Shape) (Shape, error) {
	channels, height, width, err := image(in)
	if err != nil {
		return nil, err
	}
	p.ones()
	high, err := p.positions(0, height)
	if err != nil {
		return nil, err
	}
	wide, err := p.positions(1, width)
	if err != nil {
		return nil, err
	}
	if _, err := volume(8*maxRecord, p.Kernel[0], p.Kernel[1], high, wide); err != nil {
		return nil, fmt.Errorf("all positions of the window: %w", err)
	}
	p.channels, p.height, p.width, p.high, p.wide = channels, height, width, high, wide
	return Shape{channels, high, wide}, nil
}

// positions is Window.side with Ceil, and refuses padding so wide that a window could see nothing else.
func (p *Pool) positions(axis, length int) (int, error) {
	n, err := p.side(axis, length)
	if err != nil {
		return 0, err
	}
	reach := (p.Kernel[axis]-1)*p.Dilation[axis] + 1
	if p.Pad[axis] >= reach || p.Pad[axis+2] >= reach || p.Dilation[axis] > length {
		return 0, fmt.Errorf("%w: padding %v, dilation %v: a window of %v could see padding alone", tribune.ErrInvalid, p.Pad, p.Dilation, p.Kernel)
	}
	room := length + p.Pad[axis] + p.Pad[axis+2] - reach
	if p.Ceil && room%p.Stride[axis] != 0 && n*p.Stride[axis] < length+p.Pad[axis] {
		n++
	}
	return n, nil
}

func (p *Pool) copy() Layer {
	return &Pool{Window: p.Window, Average: p.Average, CountPad: p.CountPad, Ceil: p.Ceil}
}

func (p *Pool) forward(c *call) {
	if !p.Average {
		c.winners = make([]int32, len(c.out.Data))
	}
	each(c.out.Rows, c.workers, func(from, to int) {
		for i := from; i < to; i++ {
			if p.Average {
				p.average(c.in[0].Row(i), c.out.Row(i))
			} else {
				p.maximum(c.in[0].Row(i), c.out.Row(i), c.winners[i*c.out.Cols:(i+1)*c.out.Cols])
			}
		}
	})
}

// maximum remembers where each maximum was; of equals the first wins.
func (p *Pool) maximum(in, out []float32, winners []int32) {
	p.walk(func(at int, seen []int, _ float32) {
		best := seen[0]
		for _, s := range seen[1:] {
			if in[s] > in[best] {
				best = s
			}
		}
		out[at], winners[at] = in[best], int32(best)
	})
}

func (p *Pool) average(in, out []float32) {
	p.walk(func(at int, seen []int, over float32) {
		var sum float32
		for _, s := range seen {
			sum += in[s]
		}
		out[at] = sum / over
	})
}

func (p *Pool) backward(c *call, dout matrix.Matrix, din []matrix.Matrix) {
	each(dout.Rows, c.workers, func(from, to int) {
		for i := from; i < to; i++ {
			d, to := dout.Row(i), din[0].Row(i)
			if !p.Average {
				for at, w := range c.winners[i*dout.Cols : (i+1)*dout.Cols] {
					to[w] += d[at]
				}
				continue
			}
			p.walk(func(at int, seen []int, over float32) {
				share := d[at] / over
				for _, s := range seen {
					to[s] += share
				}
			})
		}
	})
}

// walk visits every output: the places in the image that its window sees, and the number an average divides by.
func (p *Pool) walk(visit func(at int, seen []int, over float32)) {
	seen := make([]int, 0, p.Kernel[0]*p.Kernel[1])
	at := 0
	for ch := range p.channels {
		for y := range p.high {
			for x := range p.wide {
				seen = seen[:0]
				counted := 0
				for ky := range p.Kernel[0] {
					row := y*p.Stride[0] + ky*p.Dilation[0] - p.Pad[0]
					for kx := range p.Kernel[1] {
						col := x*p.Stride[1] + kx*p.Dilation[1] - p.Pad[1]
						if row < p.height+p.Pad[2] && col < p.width+p.Pad[3] {
							counted++ // what Ceil adds beyond the padding is never counted
						}
						if row >= 0 && row < p.height && col >= 0 && col < p.width {
							seen = append(seen, (ch*p.height+row)*p.width+col)
						}
					}
				}
				if !p.CountPad {
					counted = len(seen)
				}
				visit(at, seen, float32(counted))
				at++
			}
		}
	}
}

// GlobalPool takes the maximum or the average of each channel as a whole: channels x 1 x 1.
type GlobalPool struct {
	Average bool
	spots   int
}

// Kind is "globalmaxpool" or "globalavgpool".
func (p *GlobalPool) Kind() string {
	if p.Average {
		return "globalavgpool"
	}
	return "globalmaxpool"
}

func (p *GlobalPool) isLinear() bool { return p.Average }

func (p *GlobalPool) bind(in []Shape) (Shape, error) {
	channels, height, width, err := image(in)
	if err != nil {
		return nil, err
	}
	p.spots = height * width
	return Shape{channels, 1, 1}, nil
}

func (p *GlobalPool) copy() Layer { return &GlobalPool{Average: p.Average} }

func (p *GlobalPool) forward(c *call) {
	c.winners = make([]int32, len(c.out.Data))
	for i := range c.out.Data {
		spots := c.in[0].Data[i*p.spots : (i+1)*p.spots]
		best, sum := 0, float32(0)
		for s, v := range spots {
			sum += v
			if v > spots[best] {
				best = s
			}
		}
		c.out.Data[i], c.winners[i] = spots[best], int32(i%c.out.Cols*p.spots+best)
		if p.Average {
			c.out.Data[i] = sum / float32(p.spots)
		}
	}
}

func (p *GlobalPool) backward(c *call, dout matrix.Matrix, din []matrix.Matrix) {
	for i, d := range dout.Data {
		spots := din[0].Data[i*p.spots : (i+1)*p.spots]
		if !p.Average {
			din[0].Row(i / dout.Cols)[c.winners[i]] += d
			continue
		}
		share := d / float32(p.spots)
		for s := range spots {
			spots[s] += share
		}
	}
}
