package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Guardians that are gone for good, and who takes their seats.

// join starts one more guardian.
func (c *council) join(ctx context.Context, name string, folder int) (*keeper, string, error) {
	said, err := c.run(ctx, "guardians", "join", "--dir", c.dir, "--name", name)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %s", err, said)
	}
	i := strings.Index(said, name+"+")
	if i < 0 {
		return nil, "", fmt.Errorf("%w: no key in %q", errDrill, said)
	}
	key, _, _ := strings.Cut(said[i:], ",")
	k := &keeper{city: c.served, index: folder, name: name, config: c.path("guardians", strconv.Itoa(folder), "drill.toml")}
	if k.to, err = newLink(ctx, ""); err != nil {
		return nil, "", err
	}
	if k.from, err = newLink(ctx, c.hubAddress()); err != nil {
		return nil, "", err
	}
	c.keepers = append(c.keepers, k)
	if _, err := k.configure(); err != nil {
		return nil, "", err
	}
	return k, key + "," + k.to.url, k.start(ctx)
}

func (c *council) hubAddress() string {
	address, _ := os.ReadFile(filepath.Join(c.dir, "address"))
	return strings.TrimSpace(string(address))
}

// replacesTheDead: n-w guardians die for good; the city goes on, and newcomers with empty folders take their seats.
func (c *council) replacesTheDead(ctx context.Context) error {
	dead := c.keepers[3]
	dead.kill()
	ok, seen := c.opens(ctx)
	c.play.check(ok, "kill -9 of one of 4 guardians for good", "what was sealed opens", "%s", seen)
	fresh, member, err := c.join(ctx, "library.example", 10)
	if err != nil {
		return err
	}
	file, err := c.propose(ctx, "--replace", dead.name+"="+member)
	if err != nil {
		return err
	}
	if err := c.accept(ctx, file, c.keepers[0], c.keepers[1], c.keepers[2], fresh); err != nil {
		return err
	}
	err = c.inEpoch(ctx, c.epoch+1)
	ok, seen = c.opens(ctx)
	c.play.check(err == nil && ok, "replace it by a newcomer with an empty folder, the dead one taking no part", "the change comes to its end, and what was sealed opens", "%s %v", seen, err)
	return nil
}

// emergency: n-w+1 die. Nothing is published until those that are left agree on a change that calls the dead lost.
func (c *council) emergency(ctx context.Context) error {
	left := []*keeper{c.keepers[0], c.keepers[4]}
	for _, k := range []*keeper{c.keepers[1], c.keepers[2]} {
		k.kill()
	}
	pause(ctx, 5*time.Second)
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, c.who.plate)
	if err != nil {
		return err
	}
	c.play.check(a.Status == 503, "kill -9 of two of 4 guardians for good", "nothing is opened: 503", "%s", shown(a))
	one, first, err := c.join(ctx, "hospital.example", 11)
	if err != nil {
		return err
	}
	two, second, err := c.join(ctx, "union.example", 12)
	if err != nil {
		return err
	}
	lost := []string{c.keepers[1].name, c.keepers[2].name}
	file, err := c.propose(ctx, "--replace", lost[0]+"="+first, "--replace", lost[1]+"="+second, "--lost", lost[0], "--lost", lost[1])
	if err != nil {
		return err
	}
	if err := c.accept(ctx, file, left[0], one, two); err != nil {
		return err
	}
	pause(ctx, 3*time.Second)
	group, err := readGroup(c.path("hub", "group.json"))
	if err != nil {
		return err
	}
	c.play.check(int(group.Epoch) == c.epoch, "an emergency change that one of those who are left has not accepted", "nothing changes", "share epoch %d", group.Epoch)
	if err := c.accept(ctx, file, left[1]); err != nil {
		return err
	}
	err = c.inEpoch(ctx, c.epoch+1)
	ok, seen := c.opens(ctx)
	c.play.check(err == nil && ok, "all who are left accept it", "publishing goes on, and what was sealed opens", "%s %v", seen, err)
	return nil
}

// citizensFollow: who has kept the founders' trust file arrives at the newest, offline.
func (c *council) citizensFollow(ctx context.Context) error {
	anyone, err := c.as("")
	if err != nil {
		return err
	}
	a, err := anyone.Do(ctx, http.MethodGet, "/group/chain", nil, nil)
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return fmt.Errorf("fetching the chain of groups: %w", err)
	}
	chain, old, fresh := c.play.scratch("chain.json"), c.play.scratch("trust-founding.txt"), c.play.scratch("trust-newest.txt")
	if err := errors.Join(os.WriteFile(chain, a.Body, 0o600), os.WriteFile(old, c.founding, 0o600)); err != nil {
		return fmt.Errorf("keeping the chain of groups: %w", err)
	}
	said, err := c.run(ctx, "verify", "--trust", old, "--chain", chain, "--out", fresh)
	c.play.check(err == nil && strings.Contains(said, fmt.Sprintf("share epoch %d,", c.epoch)) && strings.Contains(said, "EMERGENCY"), "follow the chain of groups from the founders' trust file", "it leads to the newest, and names the emergency", "%s", said)
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	if a, err = c.ask(ctx, inspector, c.who.plate); err != nil {
		return err
	}
	receipt, err := c.receipt(ctx, a)
	if err != nil {
		return err
	}
	path := c.play.scratch("newest.tlog")
	if err := os.WriteFile(path, receipt, 0o600); err != nil {
		return fmt.Errorf("keeping a receipt: %w", err)
	}
	said, err = c.run(ctx, "verify", "--trust", fresh, path)
	c.play.control(err == nil, "verify a receipt of now by the trust file that the chain leads to", "it holds", "%s", said)
	said, err = c.run(ctx, "verify", "--trust", old, path)
	c.play.check(err != nil, "verify it by the founders' trust file", "it does not hold: two of them are gone", "%s", said)
	return nil
}

// tooFew: fewer are left than shares make the key. Nothing helps, and that is said.
func (c *council) tooFew(ctx context.Context) error {
	group, err := readGroup(c.path("hub", "group.json"))
	if err != nil {
		return err
	}
	args := []string{"guardians", "change", "--dir", c.dir, "--out", c.play.scratch("hopeless.txt")}
	for _, m := range group.Guardians[1:] {
		args = append(args, "--lost", m.Name)
	}
	said, err := c.run(ctx, append(args, "--t", "1")...)
	c.play.check(err != nil && strings.Contains(said, "cannot be recovered"), "ask for a change with one of 4 guardians left, where two shares make the key", "a clear no: the data cannot be recovered", "%s", said)
	return nil
}
