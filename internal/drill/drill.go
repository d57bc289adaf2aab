// Package drill plays faults and attacks against real processes and reports what was tried, what was seen and what held.
//
// `tribune drill` and the package's own tests call it. A drill starts the built binary in a scratch directory and
// touches it as the outside would: over HTTP, by signals, by its files. It imports no room, so nothing here can agree
// with a room's mistake; only the bytes (protocol), the offline verifier, the own cryptography that a thief would use
// too (ibe), the client's side, and the store's contract by which a copied store is read.
//
// What it promises: every negative check ("nothing was found") has a positive control (the very same check finds what
// was planted), and a report holds only where both did. It ends every process it started, whatever happens.
package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tribune"
)

// Config says what to play with. The zero value plays this program in a temporary directory.
type Config struct {
	Binary string    // the tribune program; "" = this one
	Dir    string    // scratch directory, kept afterwards; "" = a temporary one that is removed
	People int       // synthetic drivers; 0 = 200
	Kills  int       // of drills crash and mqtt-crash; 0 = 20
	Rounds int       // of drill mqtt-flood, each a quiet and a flooded part; 0 = 12
	Every  int       // of drill receipt: every n-th byte of the log's files is altered; 0 = each
	Log    io.Writer // progress, one line a step; nil = none
}

// Step is one thing that was tried. A control shows that the checks beside it could have failed.
type Step struct {
	Tried   string `json:"tried"`
	Want    string `json:"want"`
	Seen    string `json:"seen"`
	Held    bool   `json:"held"`
	Control bool   `json:"control,omitempty"`
}

// Report is one drill played. It holds where every step held and there were both checks and controls.
type Report struct {
	Drill   string  `json:"drill"`
	Held    bool    `json:"held"`
	Steps   []Step  `json:"steps"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"` // the drill could not be played to its end
}

// Drill is one of the drills.
type Drill struct {
	Name, Line string
	play       func(context.Context, *play) error
}

// All are the drills, in the order in which `tribune drill all` plays them.
func All() []Drill {
	return []Drill{
		{"denials", "ask without purpose, with a wrong one, under an expired and a forged mandate", playDenials},
		{"receipt", "alter every byte of a receipt and of the log it rests on", playReceipt},
		{"quorum", "start without enough guardians, and lose them while running", playQuorum},
		{"breach", "steal the running hub's directory and try to open it", playBreach},
		{"wide-release", "play a stolen hub that asks the guardians for more than its acts", playWideRelease},
		{"crash", "kill -9 the hub under load and hold it to what it acknowledged", playCrash},
		{"restore", "back the running hub up, lose it, and restore it beside guardians who remember more", playRestore},
		{"mqtt-crash", "kill -9 the hub while real MQTT clients publish, and hold it to every PUBACK", playMQTTCrash},
		{"mqtt-flood", "flood the hub by MQTT with everything a device must not send, and watch the others' latency", playMQTTFlood},
	}
}

// Run plays one drill. The report is valid, and does not hold, where it fails.
func Run(ctx context.Context, name string, cfg Config) (Report, error) {
	for _, d := range All() {
		if d.Name == name {
			return run(ctx, d, cfg)
		}
	}
	return Report{Drill: name}, tribune.Hint(fmt.Errorf("%w: there is no drill %q", tribune.ErrNotFound, name), "tribune drill list names them")
}

func run(ctx context.Context, d Drill, cfg Config) (rep Report, err error) {
	began := time.Now()
	p := &play{cfg: cfg, report: Report{Drill: d.Name, Steps: []Step{}}}
	defer func() {
		rep = p.report
		rep.Seconds = time.Since(began).Seconds()
		rep.Held = err == nil && holds(rep.Steps)
		if err != nil {
			err = fmt.Errorf("drill %s: %w", d.Name, err)
			rep.Error = err.Error()
		}
	}()
	if p.cfg.Binary == "" {
		if p.cfg.Binary, err = os.Executable(); err != nil {
			return rep, fmt.Errorf("finding this program: %w", err)
		}
	}
	if p.cfg.People == 0 {
		p.cfg.People = 200
	}
	if p.cfg.Kills == 0 {
		p.cfg.Kills = 20
	}
	if p.cfg.Rounds == 0 {
		p.cfg.Rounds = 12
	}
	p.cfg.Every = max(p.cfg.Every, 1)
	if p.cfg.Log == nil {
		p.cfg.Log = io.Discard
	}
	if p.cfg.Dir == "" {
		if p.cfg.Dir, err = os.MkdirTemp("", "tribune-drill-"); err != nil {
			return rep, fmt.Errorf("making a scratch directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(p.cfg.Dir)) }()
	} else if err = os.MkdirAll(p.cfg.Dir, 0o700); err != nil {
		return rep, fmt.Errorf("making the scratch directory: %w", err)
	}
	defer p.end()
	if err := d.play(ctx, p); err != nil || ctx.Err() == nil {
		return rep, err
	}
	return rep, ctx.Err() // what a drill saw while it was being interrupted says nothing
}

// holds: a drill without a check, or without a control, shows nothing.
func holds(steps []Step) bool {
	checks, controls := 0, 0
	for _, s := range steps {
		if !s.Held {
			return false
		}
		if s.Control {
			controls++
		} else {
			checks++
		}
	}
	return checks > 0 && controls > 0
}

// play is one drill under way.
type play struct {
	cfg    Config
	report Report
	procs  []*process
}

// check records a check; held is its result.
func (p *play) check(held bool, tried, want, seen string, args ...any) {
	p.step(Step{Tried: tried, Want: want, Seen: fmt.Sprintf(seen, args...), Held: held})
}

// control records a positive control.
func (p *play) control(held bool, tried, want, seen string, args ...any) {
	p.step(Step{Tried: tried, Want: want, Seen: fmt.Sprintf(seen, args...), Held: held, Control: true})
}

func (p *play) step(s Step) {
	p.report.Steps = append(p.report.Steps, s)
	fmt.Fprintln(p.cfg.Log, s)
}

// String is a step as one line.
func (s Step) String() string {
	mark, kind := "held  ", ""
	if !s.Held {
		mark = "FAILED"
	}
	if s.Control {
		kind = "control: "
	}
	return fmt.Sprintf("%s  %s%s -> %s (want: %s)", mark, kind, s.Tried, s.Seen, s.Want)
}

func (p *play) end() {
	for _, proc := range p.procs {
		proc.destroy()
	}
}
