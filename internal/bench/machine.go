package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Machine says what a figure was measured on.
type Machine struct {
	Cores int    `json:"cores"`
	Go    string `json:"go"`
	CPU   string `json:"cpu"` // model; the architecture where the system does not tell
}

func machine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: runtime.GOARCH}
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// residentMB is a process's resident set, 0 where the system does not tell or the process is not known (0).
func residentMB(pid int) (float64, error) { return memoryMB(pid, "VmRSS:") }

// peakMB is the most that it has been since the process started.
func peakMB(pid int) (float64, error) { return memoryMB(pid, "VmHWM:") }

func memoryMB(pid int, field string) (float64, error) {
	if pid == 0 {
		return 0, nil
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		if runtime.GOOS != "linux" {
			return 0, nil
		}
		return 0, fmt.Errorf("reading the hub's memory: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("reading the hub's memory: %w", errNoField)
}

// diskMB is how much the files below dir take.
func diskMB(dir string) (float64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				sum += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) { // a running store replaces its files
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("looking how much disk is used: %w", err)
	}
	return float64(sum) / 1e6, nil
}

var errNoField = errors.New("the system's account lacks a field")

// fdatasync is the median time of a synced write of 4 KB on the disk of dir.
func fdatasync(ctx context.Context, dir string) (float64, error) {
	const tries = 200
	f, err := os.Create(filepath.Join(dir, "synced"))
	if err != nil {
		return 0, fmt.Errorf("measuring the disk: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	took := make([]time.Duration, tries)
	block := bytes.Repeat([]byte{1}, 4096)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("measuring the disk: %w", err)
		}
		if err := syncData(f); err != nil {
			return 0, fmt.Errorf("measuring the disk: %w", err)
		}
		took[i] = time.Since(began)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	slices.Sort(took)
	return milliseconds(took[tries/2]), nil
}

// meter tells who used the processor between start and stop; all zero where the system does not tell (Linux does).
type meter struct {
	hub       int
	guardians []int

	began  time.Time
	before account
}

// account is processor time used so far, in ticks of 10 ms, the unit of Linux's accounts.
type account struct{ hub, guardians, self, all float64 }

const tick = 10 * time.Millisecond

func (m *meter) start() { m.began, m.before = time.Now(), m.read() }

func (m *meter) stop() CPU {
	after := m.read()
	cores := func(ticks float64) float64 { return ticks * float64(tick) / float64(time.Since(m.began)) }
	c := CPU{
		Hub: cores(after.hub - m.before.hub), Guardians: cores(after.guardians - m.before.guardians),
		Bench: cores(after.self - m.before.self),
	}
	c.Others = max(0, cores(after.all-m.before.all)-c.busy())
	return c
}

func (m *meter) read() (a account) {
	a.hub, a.self, a.all = ticks(m.hub), ticks(os.Getpid()), busyTicks()
	for _, pid := range m.guardians {
		a.guardians += ticks(pid)
	}
	return a
}

// ticks is user and system time of a process: fields 14 and 15 of /proc/PID/stat, counted behind the name in brackets.
func ticks(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	return number(fields[11]) + number(fields[12])
}

// busyTicks is what all processors did but idle and wait for disks: the first line of /proc/stat.
func busyTicks() float64 {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	sum := 0.0
	for i, f := range fields {
		if i >= 1 && i <= 8 && i != 4 && i != 5 { // user nice system IDLE IOWAIT irq softirq steal
			sum += number(f)
		}
	}
	return sum
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return v
}
