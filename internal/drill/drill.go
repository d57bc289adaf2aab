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
	"strings"
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
	Short  bool      // one round of what is otherwise done with each guardian in turn, and with each set of them
	Log    io.Writer // progress, one line a step; nil = none
}

// Step is one thing that was tried. A control shows that the checks beside it could have failed.
type Step struct {
	Tried   string `json:"tried"`
	Want    string `json:"want"`
	Seen    string `json:"seen"`
	Held    bool   `json:"held"`
	Control bool   `json:"control,omitempty"`
	Times   int    `json:"times,omitempty"` // how often it was tried, where that is more than once
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
		{"guardian-loss", "kill -9 guardians under load, one after the other, until too few are left", playGuardianLoss},
		{"partition", "cut, delay, lose and double what hub and guardians say to each other, under load", playPartition},
		{"slow-guardian", "make one guardian answer after 5 s or byte by byte, and measure acts", playSlowGuardian},
		{"breach", "steal the running hub's directory and try to open it", playBreach},
		{"wide-release", "play a stolen hub that asks the guardians for more than its acts", playWideRelease},
		{"lying-hub", "play a stolen hub that omits tags, skips, reorders and repeats numbers, mislabels, and invents aliases", playLyingHub},
		{"replayed-receipt", "show receipts, signatures and requests again: elsewhere, later, for others", playReplayed},
		{"stale-policy", "decide under a law that is over, was never published, or is not yet in force", playStalePolicy},
		{"forged-checkpoint", "ask for co-signatures, and show receipts, under checkpoints of other keys, trees and sizes", playForged},
		{"split-view", "show two trees to every two halves of the guardians, with one of them dishonest", playSplitView},
		{"rollback", "set the hub's and guardians' directories back to earlier copies", playRollback},
		{"clock", "put the hub, an officer, and guardians one hour off", playClock},
		{"coup", "have all of the hub, the steward and t-1 guardians together, and try to open what rests, or to open unseen", playCoup},
		{"ceremony", "kill whoever takes part while guardians found and renew their keys, and take guardians away for good", playCeremony},
		{"crash", "kill -9 the hub under load and hold it to what it acknowledged", playCrash},
		{"restore", "back the running hub up, lose it, and restore it beside guardians who remember more", playRestore},
		{"investigation", "read under a court's warrant, look for it with every key, and try to hide what no court has allowed", playInvestigation},
		{"erase", "erase a person under load, before and after the epoch key is replaced, with thieves, backups, kills and a hub that kept copies", playErase},
		{"vital", "cut the guardians off, have two people open an address, one alone try it, kill the hub, reconnect, and make a key vanish", playVital},
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
	ends   []func()
}

// onEnd has f called when the drill has ended, however it ends, before its processes are.
func (p *play) onEnd(f func()) { p.ends = append(p.ends, f) }

// check records a check; held is its result.
func (p *play) check(held bool, tried, want, seen string, args ...any) {
	p.step(Step{Tried: tried, Want: want, Seen: fmt.Sprintf(seen, args...), Held: held})
}

// few is n, or 1 of a short drill.
func (p *play) few(n int) int {
	if p.cfg.Short {
		return 1
	}
	return n
}

// times records a check that was tried n times.
func (p *play) times(n int, held bool, tried, want, seen string, args ...any) {
	p.step(Step{Tried: tried, Want: want, Seen: fmt.Sprintf(seen, args...), Held: held && n > 0, Times: n})
}

// control records a positive control.
func (p *play) control(held bool, tried, want, seen string, args ...any) {
	p.step(Step{Tried: tried, Want: want, Seen: fmt.Sprintf(seen, args...), Held: held, Control: true})
}

func (p *play) step(s Step) {
	s.Seen = strings.Join(strings.Fields(s.Seen), " ") // what others answered may have many lines
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
	if s.Times > 0 {
		kind += fmt.Sprintf("%d times: ", s.Times)
	}
	return fmt.Sprintf("%s  %s%s -> %s (want: %s)", mark, kind, s.Tried, s.Seen, s.Want)
}

func (p *play) end() {
	for _, f := range p.ends {
		f()
	}
	for _, proc := range p.procs {
		proc.destroy()
	}
}
