package record

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

const childEnv = "TRIBUNE_RECORD_TEST_CHILD"

func TestMain(m *testing.M) {
	if cfg := os.Getenv(childEnv); cfg != "" {
		appendForever(cfg)
	}
	os.Exit(m.Run())
}

// appendForever is the child: it appends and tells of every acknowledged leaf, until it is killed.
func appendForever(config string) {
	var c struct {
		Config Config
		First  int
	}
	fail := func(err error) {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		fail(err)
	}
	r, err := Open(context.Background(), c.Config)
	if err != nil {
		fail(err)
	}
	fmt.Println("open", r.Size())
	for i := c.First; ; i++ {
		p, err := r.Enqueue(fmt.Appendf(nil, "leaf %d", i))
		if err != nil {
			fail(err)
		}
		go func() {
			at, err := p.Wait(context.Background())
			if err != nil {
				fail(err)
			}
			fmt.Println("ack", at, i)
		}()
		time.Sleep(time.Millisecond)
	}
}

func TestKilledMidAppendLosesNothingAcknowledged(t *testing.T) {
	g := newRig(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	acked := map[uint64]int{}
	const rounds = 6
	for round := range rounds {
		cfg := g.cfg
		cfg.Log = nil
		config, err := json.Marshal(map[string]any{"Config": cfg, "First": 100000 * round})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childEnv+"="+string(config))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var killed bool
		for n := 0; lines.Scan(); n++ {
			var at uint64
			var leaf int
			if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &at, &leaf); err != nil {
				if bytes.HasPrefix(lines.Bytes(), []byte("open ")) {
					continue
				}
				t.Fatalf("round %d: the child says %q", round, lines.Text())
			}
			if old, ok := acked[at]; ok {
				t.Fatalf("index %d was acknowledged for leaf %d and for %d", at, old, leaf)
			}
			acked[at] = leaf
			if !killed { // kill at any point of the next batches
				killed = true
				time.AfterFunc(rand.N(300*time.Millisecond), func() { cmd.Process.Kill() })
			}
		}
		cmd.Wait()
		if !killed {
			t.Fatalf("round %d: the child acknowledged nothing", round)
		}
	}
	r := g.open(t)
	for at, leaf := range acked {
		got, err := r.Leaf(t.Context(), at)
		if want := fmt.Sprintf("leaf %d", leaf); err != nil || string(got) != want {
			t.Errorf("acknowledged leaf at %d: got %q, %v; want %q", at, got, err, want)
		}
	}
	if _, err := r.Await(t.Context(), r.Size()-1); err != nil {
		t.Fatal(err)
	}
	n, last := uint64(0), -1
	c, err := g.trust.Leaves(os.DirFS(g.cfg.Dir), 0, func(index uint64, leaf []byte) error {
		var i int
		if _, err := fmt.Sscanf(string(leaf), "leaf %d", &i); err != nil || i <= last {
			return fmt.Errorf("leaf %q at %d after leaf %d", leaf, index, last)
		}
		n, last = n+1, i
		return nil
	})
	if err != nil || n != c.Size || n < uint64(len(acked)) {
		t.Errorf("log of %d leaves, %d acknowledged: %v", n, len(acked), err)
	}
	t.Logf("%d kills, %d leaves acknowledged, %d in the log", rounds, len(acked), n)
}
