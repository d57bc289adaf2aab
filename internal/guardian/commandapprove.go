package guardian

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

const (
	// approvalLasts is how long an approval counts where its operator says nothing else: time for t institutions to meet.
	approvalLasts = 14 * 24 * time.Hour
	hoursADay     = 24
)

// approveUsage is the synopsis in the table of commands.
const approveUsage = "--config FILE [--dir DIR] [--yes] [--days N] HASH | --withdraw HASH | --list"

// runApprove is guardian approve: it reads the set that the hub proposes, checks it as this guardian would, shows what changes, asks, and
// keeps the approval, which the running guardian serves from then on.
func runApprove(ctx context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("approve")
	config := flags.String("config", "", "configuration file")
	dir := flags.String("dir", "", "this guardian's own folder")
	yes := flags.Bool("yes", false, "approve without being asked")
	days := flags.Int("days", int(approvalLasts/(hoursADay*time.Hour)), "how many days the approval counts")
	withdraw := flags.String("withdraw", "", "the hash of a set whose approval ends")
	list := flags.Bool("list", false, "show what is approved")
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 1 {
		err = fmt.Errorf("%q: one hash, after the flags", flags.Arg(1))
	}
	if err == nil && *config == "" {
		err = fmt.Errorf("approve needs --config")
	}
	if err != nil {
		return fmt.Errorf("%w: %w\n%s", tribune.ErrInvalid, err, usage())
	}
	hash := flags.Arg(0)
	f, err := ReadFile(*config)
	if err != nil {
		return err
	}
	if *dir != "" {
		f.Dir = *dir
	}
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	switch {
	case *list:
		return listApprovals(cfg, stdout)
	case *withdraw != "":
		var set tribune.Hash
		if err := set.UnmarshalText([]byte(*withdraw)); err != nil {
			return fmt.Errorf("policy set: %w", err)
		}
		if err := withdrawApproval(cfg.Dir, set); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "withdrawn: %s\nA hub that has fetched the approval before could still use it until it runs out; that would stand on record, and wait 72 hours in public.\n", set)
		return nil
	case hash == "":
		return fmt.Errorf("%w: approve needs the hash of a policy set\n%s", tribune.ErrInvalid, usage())
	}
	var set tribune.Hash
	if err := set.UnmarshalText([]byte(hash)); err != nil {
		return fmt.Errorf("policy set: %w", err)
	}
	if *days < 1 || time.Duration(*days)*hoursADay*time.Hour > protocol.MaxApproval {
		return fmt.Errorf("%w: an approval counts from 1 to %d days", tribune.ErrInvalid, protocol.MaxApproval/(hoursADay*time.Hour))
	}
	ask := func() bool { return *yes || confirm(stdout, os.Stdin) }
	return approve(ctx, cfg, set, time.Duration(*days)*hoursADay*time.Hour, stdout, ask)
}

// approve shows a proposed set beside the one in force, asks, and keeps the approval.
func approve(ctx context.Context, cfg Config, hash tribune.Hash, lasts time.Duration, stdout io.Writer, ask func() bool) error {
	r, err := cfg.resolve()
	if err != nil {
		return err
	}
	if cfg.HTTP == nil {
		cfg.HTTP = cfg.httpClient(r)
	}
	now := cfg.Now()
	book, err := openLaw(cfg, r.roster)
	if err != nil {
		return err
	}
	current, err := readInForce(cfg.Dir, now)
	if err != nil {
		return err
	}
	before, err := book.get(ctx, current)
	if err == nil && before == nil {
		err = fmt.Errorf("%w: the set in force does not verify", tribune.ErrInvalid)
	}
	if err != nil {
		return fmt.Errorf("reading the law in force: %w", err)
	}
	raw, err := book.fetch(ctx, hash)
	if err != nil {
		return tribune.Hint(err, "The hub serves a set while it lies in its law's folder, or has been announced.")
	}
	set, err := loadSet(raw, hash, cfg)
	if err != nil {
		return tribune.Hint(fmt.Errorf("policy set %s: %w", hash, err), "No guardian would ever let it count. Do not approve it.")
	}
	more := policy.Loosens(before, set)
	fmt.Fprintf(stdout, "%s: in force for %s is %s\nproposed is %s\n\n%s\n", cfg.City, r.self.name, current, hash, policy.Diff(before, set))
	if len(more) == 0 {
		fmt.Fprintln(stdout, "It only tightens: it needs no approval, and takes effect as soon as it is on record.")
		return nil
	}
	fmt.Fprintln(stdout, "By this it may permit more than now:")
	for _, what := range more {
		fmt.Fprintln(stdout, "  -", what)
	}
	until := now.Add(lasts)
	fmt.Fprintf(stdout, "\nIt takes effect 72 hours after it is announced on record with the approval of %d of %d guardians, and not for data that have arrived before.\nYour approval counts until %s and can be withdrawn before it is announced.\n", cfg.T, cfg.N, until.UTC().Format(time.RFC3339))
	if !ask() {
		return fmt.Errorf("%w: not approved", tribune.ErrDenied)
	}
	a := protocol.ApprovedSet{Set: hash, Approval: protocol.Approval{Guardian: r.self.name, Before: current, Until: until.Unix()}}
	a.Sign(hash, r.self.key)
	if err := keepApproval(cfg.Dir, a); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "approved by %s\n", r.self.name)
	return nil
}

func listApprovals(cfg Config, stdout io.Writer) error {
	all, err := readApprovals(cfg.Dir, cfg.Now())
	if err != nil {
		return err
	}
	for _, a := range all {
		fmt.Fprintf(stdout, "%s  in the place of %s  until %s\n", a.Set, a.Before, time.Unix(a.Until, 0).UTC().Format(time.RFC3339))
	}
	if len(all) == 0 {
		fmt.Fprintln(stdout, "nothing is approved")
	}
	return nil
}

// confirm asks on the terminal; anything but the whole word is no.
func confirm(out io.Writer, in io.Reader) bool {
	fmt.Fprint(out, "Type approve to approve it: ")
	line, _ := bufio.NewReader(io.LimitReader(in, 64)).ReadString('\n')
	return strings.TrimSpace(line) == "approve"
}
