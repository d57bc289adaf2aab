package worker_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"tribune"
	"tribune/internal/worker"
)

// jobs are readers, honest and hostile.
func jobs() worker.Jobs {
	all := worker.Jobs{
		"echo": func(in io.Reader, out io.Writer) error { _, err := io.Copy(out, in); return err },
		"first": func(in io.Reader, out io.Writer) error { // answers after one byte
			if _, err := io.ReadFull(in, make([]byte, 1)); err != nil {
				return err
			}
			_, err := out.Write([]byte("seen"))
			return err
		},
		"refuse": func(io.Reader, io.Writer) error {
			return tribune.Hint(fmt.Errorf("operator \"\x1b[31mEvil\" at node 3: %w", tribune.ErrUnsupported), "export it\nwithout")
		},
		"panic": func(io.Reader, io.Writer) error { panic("at byte 7") },
		"die":   func(io.Reader, io.Writer) error { syscall.Kill(os.Getpid(), syscall.SIGSEGV); os.Exit(7); return nil },
		"print": func(io.Reader, io.Writer) error { fmt.Println("hello"); return nil },
		"spin":  func(io.Reader, io.Writer) error { return spin(time.Hour) },
		"sleep": func(io.Reader, io.Writer) error { time.Sleep(time.Hour); return nil },
		"open":  onText(open),
		"write": onText(create),
		"dial":  onText(dial),
		"listen": onText(func(string) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err == nil {
				l.Close()
			}
			return err
		}),
		"exec":    onText(func(name string) error { return exec.Command(name).Run() }),
		"eat":     onText(func(string) error { return eat(320 << 20) }),
		"threads": func(in io.Reader, out io.Writer) error { return threads(out) },
		"outside": outside,
	}
	maps.Copy(all, exploits())
	return all
}

func onText(f func(string) error) worker.Job {
	return func(in io.Reader, _ io.Writer) error {
		text, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return f(string(text))
	}
}

func open(path string) error {
	f, err := os.Open(path)
	if err == nil {
		f.Close()
	}
	return err
}

func create(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }

func dial(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

func eat(n int) error {
	var all [][]byte
	for range n / (1 << 20) {
		page := make([]byte, 1<<20)
		for i := 0; i < len(page); i += 4096 {
			page[i] = 1
		}
		all = append(all, page)
	}
	runtime.KeepAlive(all)
	return nil
}

func spin(d time.Duration) error {
	for start := time.Now(); time.Since(start) < d; {
	}
	return nil
}

// threads does what the runtime does of itself in long readings: new threads, timers, collections.
func threads(out io.Writer) error {
	done := make(chan int)
	for i := range 20 {
		go func() {
			runtime.LockOSThread()
			time.Sleep(time.Millisecond)
			done <- i
		}()
	}
	for range 20 {
		<-done
	}
	runtime.GC()
	_, err := fmt.Fprint(out, "alive")
	return err
}

// outside tells what a reader sees of where it runs. The runtime keeps descriptors of its own; a leaked one is known by what it reads.
func outside(_ io.Reader, out io.Writer) error {
	leaked := 0
	for fd := 3; fd < 64; fd++ {
		var head [4]byte
		if n, _ := syscall.Read(fd, head[:]); n == 4 && string(head[:]) == "leak" {
			leaked++
		}
	}
	_, err := fmt.Fprintf(out, "env %d, leaked %d", len(os.Environ()), leaked)
	return err
}
