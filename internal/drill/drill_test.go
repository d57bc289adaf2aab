package drill

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// program is the tribune program under test, built once by TestMain.
var program string

// drillFor bounds one drill: two loaded cores take a quarter of it.
const drillFor = 3 * time.Minute

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	if testing.Short() {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tribune-drill-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "tribune")
	build := exec.Command("go", "build", "-o", program, "tribune/cmd/tribune")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building tribune: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// held plays a drill, small, and fails the test with every step that did not hold. Drills mostly wait, so they run beside each other; those with
// steps that measure time run alone in this package, and these steps are only logged: other packages' tests run beside it.
func held(t *testing.T, name string, timed ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("drills start real processes")
	}
	if len(timed) == 0 {
		t.Parallel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), drillFor)
	t.Cleanup(cancel)
	rep, err := Run(ctx, name, Config{Binary: program, Dir: t.TempDir(), People: 60, Kills: 3, Rounds: 4, Every: 5, Short: true, Log: testLog{t}})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, s := range rep.Steps {
		switch {
		case s.Held:
		case slices.Contains(timed, s.Tried):
			t.Logf("tried: %s\n  got: %s\n want, on an idle machine: %s", s.Tried, s.Seen, s.Want)
			failed++
		default:
			t.Errorf("tried: %s\n  got: %s\n want: %s", s.Tried, s.Seen, s.Want)
			failed++
		}
	}
	if rep.Held != (failed == 0) || len(rep.Steps) == 0 {
		t.Errorf("drill %s: held is %v, and %d of %d steps did not hold", name, rep.Held, failed, len(rep.Steps))
	}
	t.Logf("%d steps in %.1f s", len(rep.Steps), rep.Seconds)
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func TestNoPurposeNoData(t *testing.T)                      { held(t, "denials") }
func TestAlteredReceiptAndLogAreRefused(t *testing.T)       { held(t, "receipt") }
func TestWithoutQuorumNothingPersonalOpens(t *testing.T)    { held(t, "quorum") }
func TestStolenDirectoryOpensNothing(t *testing.T)          { held(t, "breach") }
func TestStolenHubIsReleasedNoMoreThanItsActs(t *testing.T) { held(t, "wide-release") }
func TestKilledHubKeepsWhatItAcknowledged(t *testing.T)     { held(t, "crash") }
func TestEndedDrillLeavesNoProcessBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("drills start real processes")
	}
	ctx, cancel := context.WithTimeout(context.Background(), drillFor)
	defer cancel()
	p := &play{cfg: Config{Binary: program, Dir: t.TempDir(), People: 20}}
	c := p.newCity("city")
	if err := c.start(ctx); err != nil {
		p.end()
		t.Fatal(err)
	}
	pids := []int{c.proc.cmd.Process.Pid}
	for i := range 4 {
		pid, err := c.guardianPID(i + 1)
		if err != nil {
			p.end()
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	p.end()
	deadline := time.Now().Add(60 * time.Second)
	for _, pid := range pids {
		for alive(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d runs on after the drill has ended", pid)
			}
			time.Sleep(pollEvery)
		}
	}
}

func TestLinkDoesWhatItsFaultSays(t *testing.T) {
	var heard atomic.Int64
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard.Add(1)
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/release" {
			body = []byte(`{"box":"AAAA"}`)
		}
		w.Write(body)
	}))
	defer far.Close()
	l, err := newLink(t.Context(), far.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, c := range []struct {
		fault fault
		path  string
		want  string // "" = no answer
		heard int64
		least time.Duration
	}{
		{fault{}, "/x", "body", 1, 0},
		{fault{cut: true}, "/x", "", 0, 0},
		{fault{delay: 100 * time.Millisecond}, "/x", "body", 1, 100 * time.Millisecond},
		{fault{lose: 1}, "/x", "", -1, 0},
		{fault{twice: true}, "/x", "body", 2, 0},
		{fault{trickle: 20 * time.Millisecond}, "/x", "body", 1, 80 * time.Millisecond},
		{fault{spoil: true}, "/x", "body", 1, 0},
		{fault{spoil: true}, "/release", `{"box":"AAAB"}`, 1, 0},
		{fault{}, "/release", `{"box":"AAAA"}`, 1, 0},
	} {
		heard.Store(0)
		l.set(c.fault)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if c.want != "" {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+c.path, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		began, got := time.Now(), ""
		if res, err := http.DefaultClient.Do(req); err == nil {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if got = string(body); err != nil {
				got = ""
			}
		}
		cancel()
		if got != c.want || time.Since(began) < c.least || c.heard >= 0 && heard.Load() != c.heard {
			t.Errorf("%s: got %q after %s, heard %d times; want %q, %d times", c.fault, got, time.Since(began), heard.Load(), c.want, c.heard)
		}
	}
}

func TestUnknownDrillIsRefused(t *testing.T) {
	if _, err := Run(context.Background(), "nonsense", Config{}); err == nil {
		t.Error("an unknown drill was played")
	}
}

func TestDrillThatCouldNotFailDoesNotHold(t *testing.T) {
	check, control := Step{Held: true}, Step{Held: true, Control: true}
	for _, c := range []struct {
		name  string
		steps []Step
		want  bool
	}{
		{"checks and controls", []Step{check, control}, true},
		{"nothing", nil, false},
		{"checks without a control", []Step{check, check}, false},
		{"controls without a check", []Step{control}, false},
		{"a failed check", []Step{check, control, {}}, false},
		{"a failed control", []Step{check, control, {Control: true}}, false},
	} {
		if got := holds(c.steps); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestLostGuardiansStopNothingOrAllThatIsPersonal(t *testing.T) { held(t, "guardian-loss") }
func TestPartitionForksAndOpensNothing(t *testing.T)               { held(t, "partition") }
func TestSlowGuardianIsAskedLast(t *testing.T) {
	held(t, "slow-guardian", "no guardian is slow: an office reads sessions and acts", "one guardian of four, each in its turn: every message 5s late",
		"one guardian of four, each in its turn: one byte every 100ms", "one guardian of four, each in its turn: what it releases arrives spoiled")
}
func TestOldCopiesMakeNoSecondHistory(t *testing.T)              { held(t, "rollback") }
func TestForgedCheckpointsAreRefused(t *testing.T)               { held(t, "forged-checkpoint") }
func TestOneDishonestGuardianSplitsNoView(t *testing.T)          { held(t, "split-view") }
func TestLawThatIsNotInForceDecidesNothing(t *testing.T)         { held(t, "stale-policy") }
func TestReplayedReceiptsReleaseNothing(t *testing.T)            { held(t, "replayed-receipt") }
func TestClocksOneHourOffOpenNothing(t *testing.T)               { held(t, "clock") }
func TestLyingHubIsRefused(t *testing.T)                         { held(t, "lying-hub") }
func TestCoupOpensNothingThatRestsAndNothingUnseen(t *testing.T) { held(t, "coup") }
func TestWarrantHidesNothingFromTheRecord(t *testing.T)          { held(t, "investigation") }
func TestLostHubComesBackFromItsBackup(t *testing.T)             { held(t, "restore") }
