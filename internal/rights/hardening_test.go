package rights

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tribune/internal/store"
)

// Of two questions about one use the newer one is shown, whatever order memory has them in.
func TestTheNewestQuestionAboutAUseIsShown(t *testing.T) {
	w := begin(t)
	ask := filing(1, Why)
	ask.Leaf, ask.Class = 7, ""
	var last *Case
	for range 6 {
		if last != nil {
			w.put(last, Answered, "Because.")
		}
		w.now = w.now.Add(time.Hour)
		last = w.file(ask)
	}
	for range 20 {
		if line, ok := w.Asked(person(1).Owner, 7); !ok || line.ID != last.ID || !line.Open {
			t.Fatalf("shown is %s (open: %v), want the open one, %s", line.ID, line.Open, last.ID)
		}
	}
}

// A deadline that follows one without a fixed end has none either: counted from nothing it would have ended in the year 1.
func TestWhatFollowsNoFixedEndHasNone(t *testing.T) {
	own := strings.Replace(shipped, `after = "nis2-notification"`, `after = "gdpr-people"`, 1)
	if own == shipped {
		t.Fatal("the shipped rules have no such line; the test looks at nothing")
	}
	rules, err := ParseRules(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rules.Clocks(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)) {
		if (c.ID == "nis2-final" || c.ID == "gdpr-people") != c.Due.IsZero() {
			t.Errorf("%s ends %s", c.ID, c.Due)
		}
	}
}

// The addresses in a receipt are pages that there are: a withdrawal that leads nowhere is none.
func TestReceiptLeadsToTheWithdrawal(t *testing.T) {
	w := begin(t)
	receipt, err := w.Receipt(w.give(1), demoSet(t), "https://city.example", "Sheffield", func([]byte) ([]byte, []byte) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(receipt.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	if p := receipt.Receipt.Processing; p.Withdrawal != "https://city.example/me/consents" || p.Notice != p.Withdrawal || strings.Contains(string(text), "/docs/") {
		t.Errorf("notice %s, withdrawal %s; all: %s", p.Notice, p.Withdrawal, text)
	}
}

// A restriction that was granted in time and lifted a year later was not answered late.
func TestLiftingIsNoLateAnswer(t *testing.T) {
	w := begin(t)
	c := w.file(filing(1, Restriction))
	w.put(c, Answered, "Granted.")
	w.now = w.now.AddDate(1, 0, 0)
	w.put(c, Lifted, "It is settled.")
	got, err := w.Of(t.Context(), person(1).Owner, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Late(w.now) || w.List(person(1).Owner)[0].Late {
		t.Error("it counts as late")
	}
	late := w.file(filing(2, Access))
	w.now = w.now.AddDate(0, 2, 0)
	w.put(late, Refused, "No.")
	if got, err = w.Of(t.Context(), person(2).Owner, late.ID); err != nil || !got.Late(w.now) {
		t.Errorf("two months later it is in time: %v", err)
	}
}

// failing is a store whose commits fail; torn = what it says to have lost is there nevertheless.
type failing struct {
	store.Store
	broken, torn bool
}

var errDisk = errors.New("the disk is full")

func (f *failing) Commit(ctx context.Context, b *store.Batch) error {
	if f.broken && !f.torn {
		return errDisk
	}
	err := f.Store.Commit(ctx, b)
	if f.broken {
		return errDisk
	}
	return err
}

// Whoever withdraws again because the first time failed must not be told that it is done while it is not.
func TestWithdrawalThatFailedCanBeRepeated(t *testing.T) {
	w := begin(t)
	c := w.give(1)
	disk := &failing{Store: w.store, broken: true}
	w.cfg.Store = disk
	if _, err := w.Withdraw(t.Context(), c.Owner, c.ID); !errors.Is(err, errDisk) {
		t.Fatalf("the disk is full, and the withdrawal says %v", err)
	}
	if len(w.Consents(w.act(1))) != 0 {
		t.Error("it still counts")
	}
	disk.broken = false
	if _, err := w.Withdraw(t.Context(), c.Owner, c.ID); err != nil {
		t.Fatalf("the second time: %v", err)
	}
	w.crash()
	if len(w.Consents(w.act(1))) != 0 {
		t.Error("a restart has brought it back")
	}
}

// An answer whose write was said to have failed and has not takes effect when somebody looks at the case again.
func TestRestrictionOfATornWriteTakesEffect(t *testing.T) {
	w := begin(t)
	c := w.file(filing(1, Restriction))
	disk := &failing{Store: w.store, broken: true, torn: true}
	w.cfg.Store = disk
	if err := w.Put(t.Context(), c.Office, c.ID, Answer{Answered, "Granted."}, 9); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	disk.broken = false
	if _, err := w.For(t.Context(), c.Office, c.ID); err != nil {
		t.Fatal(err)
	}
	if w.Stopped(w.act(1)) == "" {
		t.Error("the case says that it is in force, and nothing is stopped")
	}
}
