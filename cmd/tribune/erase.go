package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"tribune"
	"tribune/internal/city"
	"tribune/internal/client"
	"tribune/internal/vault"
)

const erasures = "/erasures"

func eraseVerbs() []string { return []string{"ask", "state", "epoch", "rotate"} }

// eraseFlags are those of every verb: one set, so that they may stand on either side of it.
type eraseFlags struct {
	dir, as, purpose, mandate   string
	plate, nameType, name, note string
	receipt                     string
	own, wait                   bool
}

func (d *eraseFlags) define(f interface {
	StringVar(*string, string, string, string)
	BoolVar(*bool, string, bool, string)
}) {
	f.StringVar(&d.dir, "dir", "demo-city", "the city's directory: its address and the asker's key; of rotate and epoch, the hub's own")
	f.StringVar(&d.as, "as", "", "ask: who asks: a name in DIR/people")
	f.StringVar(&d.purpose, "purpose", "erasure", "ask: why")
	f.StringVar(&d.mandate, "mandate", "erasure-2026", "ask: by which mandate")
	f.StringVar(&d.plate, "plate", "", "ask: the plate whose data are to be erased")
	f.StringVar(&d.nameType, "name-type", "", "ask: the kind of another name, with --name")
	f.StringVar(&d.name, "name", "", "ask: the name")
	f.BoolVar(&d.own, "own", false, "ask: one's own data, with a key that was appointed for them")
	f.StringVar(&d.note, "note", "", "ask: what the act commits to besides, in words; the record does not show it")
	f.StringVar(&d.receipt, "receipt", "", "ask: write the receipt, with the entry it proves, to this file")
	f.BoolVar(&d.wait, "wait", false, "ask: wait until the hub has deleted everything")
}

// runErase has a person's data erased, tells how far an erasure is, and has the hub replace its epoch key, which makes erasures final.
func runErase(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("erase", log)
	var d eraseFlags
	d.define(f)
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune erase ask --as NAME --plate PLATE     have a person's data erased: an act on record, for good
       tribune erase state INDEX                     how far the erasure is whose entry of the record that is
       tribune erase epoch --dir DIR                 until when the epoch key must be replaced, as the hub's operator
       tribune erase rotate --dir DIR                replace it now, and destroy the old one

From its entry on guardians open nothing of that person up to that day. The hub deletes what it holds at once; what backups and old
disk blocks still hold is out of reach once the epoch key of that time is destroyed, 30 days later at the latest.
Flags may stand on either side of the verb.

`)
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(words) == 1 && words[0] == "ask":
		return askErasure(ctx, &d, out, log)
	case len(words) == 2 && words[0] == "state":
		return showErasure(ctx, &d, words[1], out)
	case len(words) == 1 && words[0] == "epoch":
		r, err := city.RotationOf(ctx, city.Dir(d.dir))
		if err != nil {
			return err
		}
		return showEpoch(out, r)
	case len(words) == 1 && words[0] == "rotate":
		return rotateEpoch(ctx, city.Dir(d.dir), out, log)
	}
	return tribune.Hint(fmt.Errorf("%w: say what to do", errUsage), "tribune erase -h")
}

// erasureTold is what the hub tells of an erasure.
type erasureTold struct {
	Index   uint64
	State   string
	Deleted string
	Due     string
	Final   string
}

func (e erasureTold) String() string {
	switch e.State {
	case "recorded":
		return fmt.Sprintf("entry %d: on record; the hub is deleting", e.Index)
	case "deleted":
		return fmt.Sprintf("entry %d: on record, deleted %s; final when the epoch key is replaced, by %s at the latest", e.Index, e.Deleted, e.Due)
	}
	return fmt.Sprintf("entry %d: on record, deleted %s, final since %s", e.Index, e.Deleted, e.Final)
}

func askErasure(ctx context.Context, d *eraseFlags, out, log io.Writer) error {
	request := map[string]any{"note": d.note}
	switch {
	case d.own && d.plate == "" && d.name == "":
	case d.own:
		return fmt.Errorf("%w: --own names nobody else", errUsage)
	case d.plate != "" && d.name == "":
		request["name"] = map[string]string{"type": "plate", "name": d.plate}
	case d.plate == "" && d.name != "" && d.nameType != "":
		request["name"] = map[string]string{"type": d.nameType, "name": d.name}
	default:
		return tribune.Hint(fmt.Errorf("%w: say whose data are to be erased", errUsage), "--plate PLATE, --name-type TYPE --name NAME, or --own")
	}
	c, err := client.Open(d.dir, d.as)
	if err != nil {
		return err
	}
	c.Purpose, c.Mandate = tribune.PurposeID(d.purpose), tribune.MandateID(d.mandate)
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	answer, err := c.Read(ctx, http.MethodPost, erasures, body)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return tribune.Hint(err, "Nobody answers at %s. Start the city: tribune demo --dir %s", c.Base, d.dir)
	}
	if err != nil {
		return err
	}
	if err := saveReceipt(ctx, c, answer, d.dir, d.receipt, log); err != nil {
		return err
	}
	if err := answer.Error(); err != nil {
		return err
	}
	var told erasureTold
	if err := json.Unmarshal(answer.Body, &told); err != nil {
		return fmt.Errorf("reading the hub's answer: %w", err)
	}
	for d.wait && told.State == "recorded" {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if told, err = erasureOf(ctx, d, told.Index); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, told)
	return nil
}

func erasureOf(ctx context.Context, d *eraseFlags, index uint64) (told erasureTold, err error) {
	c, err := client.Open(d.dir, "")
	if err != nil {
		return told, err
	}
	answer, err := c.Do(ctx, http.MethodGet, fmt.Sprintf("%s/%d", erasures, index), nil, nil)
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		return told, err
	}
	if err := json.Unmarshal(answer.Body, &told); err != nil {
		return told, fmt.Errorf("reading the hub's answer: %w", err)
	}
	return told, nil
}

func showErasure(ctx context.Context, d *eraseFlags, index string, out io.Writer) error {
	i, err := strconv.ParseUint(index, 10, 63)
	if err != nil {
		return fmt.Errorf("%w: %q is no entry of the record", errUsage, index)
	}
	told, err := erasureOf(ctx, d, i)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, told)
	return nil
}

// rotateEpoch waits for the hub, which goes on where this is interrupted, and says now and then how far it is.
func rotateEpoch(ctx context.Context, dir city.Dir, out, log io.Writer) error {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if r, err := city.RotationOf(ctx, dir); err == nil && r.UnderWay {
				fmt.Fprintf(log, "%d rows wrapped anew\n", r.Wrapped)
			}
		}
	}()
	r, err := city.Rotate(ctx, dir)
	close(done)
	if err != nil {
		return err
	}
	if err := showEpoch(out, r); err != nil {
		return err
	}
	fmt.Fprintln(log, "Copy hub/keys/epoch.key to where you keep it, destroy every copy of the old one there, and make a backup:")
	fmt.Fprintln(log, "older ones can be restored only with the old key, and with it nothing was erased.")
	return nil
}

func showEpoch(out io.Writer, r vault.Rotation) error {
	switch {
	case r.UnderWay:
		fmt.Fprintf(out, "epoch %d: going over to it since %s, %d rows wrapped anew\n", r.Epoch, r.Began.Format(time.RFC3339), r.Wrapped)
	case r.Due.IsZero():
		fmt.Fprintf(out, "epoch %d: no erasure waits for its end; %d rows were wrapped anew\n", r.Epoch, r.Wrapped)
	default:
		fmt.Fprintf(out, "epoch %d: erasures since %s are final once its key is destroyed, by %s at the latest\n", r.Epoch, r.First.Format(time.RFC3339), r.Due.Format(time.RFC3339))
	}
	return nil
}
