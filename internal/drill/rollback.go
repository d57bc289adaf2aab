package drill

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const rollbackFor = 3 * time.Second

// playRollback sets directories back under load: the hub's whole, the hub's log in part, a guardian's. Then a stolen hub tries what
// rolled-back guardians can be fooled into.
func playRollback(ctx context.Context, p *play) error {
	s, people, err := p.serveCity(ctx, "city", 4)
	if err != nil {
		return err
	}
	r := &rollback{served: s, people: people}
	for _, step := range []func(context.Context) error{r.guardian, r.hub, r.half} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return p.fooled(ctx)
}

type rollback struct {
	*served
	people []person
}

// guardian: one guardian's folder is an hour old, as after a restored disk.
func (r *rollback) guardian(ctx context.Context) error {
	t, err := r.load(ctx, r.people)
	if err != nil {
		return err
	}
	rounds, all := 0, newStretch()
	var slowest time.Duration
	var lost uint64
	for _, k := range r.keepers[:r.play.few(len(r.keepers))] {
		dir, old := r.path("guardians", strconv.Itoa(k.index)), r.play.scratch("old-guardian", strconv.Itoa(k.index))
		k.kill()
		if err := copyDir(dir, old); err != nil {
			return fmt.Errorf("copying a guardian's folder: %w", err)
		}
		if err := k.start(ctx); err != nil {
			return err
		}
		t.during(ctx, rollbackFor/2)
		if err := r.caughtUp(ctx, k); err != nil {
			return err
		}
		newest, _, err := k.head(ctx)
		if err != nil {
			return err
		}
		k.kill()
		if err := replaceDir(old, dir); err != nil {
			return err
		}
		if err := k.start(ctx); err != nil {
			return err
		}
		began := time.Now()
		holds, _, err := k.head(ctx)
		if err != nil {
			return err
		}
		lost += newest - min(holds, newest)
		if err := r.caughtUp(ctx, k); err != nil {
			return err
		}
		slowest = max(slowest, time.Since(began))
		all.add(t.during(ctx, rollbackFor/2))
		rounds++
	}
	r.play.times(rounds, lost > 0 && all[kindRead].good > 0 && all[kindRead].bad+all[kindAct].bad == 0 && all.publicWent(), "set one guardian's folder back to an earlier copy, each in its turn, beside an honest hub",
		"it fetches what it has forgotten; acts go on", "%d leaves forgotten; holds everything again after at most %.1f s; %s", lost, slowest.Seconds(), all)
	return t.verdict(ctx)
}

// hub: its whole directory is older than what guardians have co-signed.
func (r *rollback) hub(ctx context.Context) error {
	if err := r.proc.stop(); err != nil {
		return err
	}
	old := r.play.scratch("old-hub")
	if err := copyDir(r.path("hub"), old); err != nil {
		return fmt.Errorf("copying the hub's directory: %w", err)
	}
	if err := r.startHub(ctx); err != nil {
		return err
	}
	inspector, err := r.as("inspector-ward")
	if err != nil {
		return err
	}
	const after = 5
	for i := range after {
		a, err := inspector.Exercise(ctx, fmt.Sprintf("drill: after the copy, %d", i))
		if err != nil || a.Problem != nil {
			return fmt.Errorf("%w: an act before the rollback: %s %w", errDrill, shown(a), err)
		}
	}
	if err := r.caughtUp(ctx, r.keepers...); err != nil {
		return err
	}
	last, err := r.checkpoint(ctx)
	if err != nil {
		return err
	}
	r.proc.kill()
	if err := copyDir(r.path("hub"), r.play.scratch("new-hub")); err != nil {
		return fmt.Errorf("copying the hub's directory: %w", err)
	}
	if err := replaceDir(old, r.path("hub")); err != nil {
		return err
	}
	if err := r.launchHub(ctx); err != nil {
		r.play.check(false, "start a hub whose directory was set back", "it serves the public", "%v", err)
		return nil
	}
	// It puts more acts on its own record than it has lost, so that its tree grows past what guardians hold.
	refused, opened, said := 0, 0, ""
	stale := *inspector
	for i := range 3 * after {
		a, err := stale.Exercise(ctx, fmt.Sprintf("drill: on the old copy, %d", i))
		if err != nil {
			return err
		}
		if a.Problem == nil {
			opened++
		} else {
			refused++
			said = shown(a)
		}
	}
	a, err := r.ask(ctx, inspector, r.people[0].plate)
	if err != nil {
		return err
	}
	if a.Problem == nil {
		opened++
	} else {
		refused++
	}
	now, err := r.checkpoint(ctx)
	if err != nil {
		return err
	}
	forked := 0
	for _, k := range r.keepers {
		size, root, err := k.head(ctx)
		if err != nil {
			return err
		}
		if size != last.Size || root != last.Root {
			forked++
		}
	}
	r.play.times(refused+opened, opened == 0 && forked == 0 && now.Size <= last.Size, "set the hub's whole directory back behind what guardians have co-signed, start it, act and read", "nothing is published and nothing opened: guardians hold a longer log and sign no second one; the public is served",
		"%d opened, %d refused (%s); published %d leaves, guardians hold %d; guardians on another tree: %d", opened, refused, said, now.Size, last.Size, forked)
	told, err := contains(r.dir+".hub.log", "restored from an old copy")
	if err != nil {
		return err
	}
	r.play.check(told, "read the hub's log for what its operator is told", "that a guardian has co-signed a longer log", "told: %v", told)
	return r.proc.stop()
}

// half: only part of the hub's log is older. Then all of it is as it was.
func (r *rollback) half(ctx context.Context) error {
	if err := replaceDir(r.play.scratch("new-hub"), r.path("hub")); err != nil {
		return err
	}
	state := filepath.Join("log", ".state", "treeState")
	if err := copyFile(r.play.scratch("old-hub", state), r.path("hub", state)); err != nil {
		return fmt.Errorf("setting a part of the log back: %w", err)
	}
	output, code, err := r.play.command(ctx, "serve", "--dir", r.dir, "--config", r.config)
	if err != nil {
		return err
	}
	r.play.check(code != 0 && strings.Contains(output, "older copy"), "set only the state of the hub's log back, below its checkpoint, and start it", "it refuses, and says that a part is an older copy", "exit %d: %s", code, lastLine(output))
	if err := copyFile(r.play.scratch("new-hub", state), r.path("hub", state)); err != nil {
		return fmt.Errorf("putting the log back: %w", err)
	}
	if err := r.startHub(ctx); err != nil {
		return err
	}
	inspector, err := r.as("inspector-ward")
	if err != nil {
		return err
	}
	acted, err := inspector.Exercise(ctx, "drill: the newest copy")
	if err != nil {
		return err
	}
	read, err := r.ask(ctx, inspector, r.people[0].plate)
	if err != nil {
		return err
	}
	r.play.control(acted.Problem == nil && tells(read, sessionID(0), r.people[0]), "put the hub's newest directory back", "acts go on, and a session opens", "%s; %s", shown(acted), shown(read))
	return r.proc.stop()
}

// contains looks for words in a file.
func contains(path, words string) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("reading what the hub wrote: %w", err)
	}
	return bytes.Contains(data, []byte(words)), nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
