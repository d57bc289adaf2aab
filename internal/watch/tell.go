package watch

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"tribune/internal/durable"
	"tribune/internal/web"
)

const (
	hookTimeout = 30 * time.Second // a mail server that is slow; the next round asks again
	hooksRound  = 20               // calls of the hook in one round: rounds must go on
	feedEntries = 200
)

// tell writes the feed and calls the hook for what is new. The book is on disk by then: what is told is never lost, and what is told
// twice was told in the moment of a crash.
func (w *Watcher) tell(ctx context.Context) error {
	all := w.Book.All()
	if w.cfg.Feed != "" {
		if err := w.writeFeed(all); err != nil {
			return err
		}
	}
	calls := 0
	for i := len(all) - 1; i >= 0; i-- { // in the order in which they were found
		in := all[i]
		over := !in.Resolved.IsZero() && in.Severity != Notice
		if !in.Logged || over && !in.LoggedEnd {
			w.cfg.Log.Log(ctx, level(in), word(in.Logged), "kind", in.Kind, "id", in.ID, "text", in.Text)
			w.Book.mark(in.ID, func(b *Incident) { b.Logged, b.LoggedEnd = true, b.LoggedEnd || in.Logged })
		}
		if w.cfg.Hook == "" || in.Told && (!over || in.ToldEnd) {
			continue
		}
		if calls++; calls > hooksRound || ctx.Err() != nil {
			break
		}
		if err := w.hook(ctx, word(in.Told), in); err != nil {
			w.cfg.Log.Error("the hook failed; it is called again in the next round", "id", in.ID, "err", err)
			continue
		}
		w.Book.mark(in.ID, func(b *Incident) { b.Told, b.ToldEnd = true, b.ToldEnd || in.Told })
	}
	return w.Book.save()
}

// word is what is told: first that it was found, then that it is over.
func word(told bool) string {
	if told {
		return "over"
	}
	return "found"
}

// mark changes one incident's marks.
func (b *Book) mark(id string, change func(*Incident)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.all {
		if b.all[i].ID == id {
			change(&b.all[i])
			b.dirty = true
		}
	}
}

// hook runs the operator's command: the incident as JSON on standard input, and what a line of mail needs in the environment. Nothing
// of it becomes part of the command.
func (w *Watcher) hook(ctx context.Context, word string, in Incident) error {
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", w.cfg.Hook)
	cmd.WaitDelay = time.Second
	a := in.Kind.about()
	raw, err := json.Marshal(struct {
		Event string `json:"event"`
		Incident
		Title string `json:"title"`
		Means string `json:"means"`
		Do    string `json:"do"`
	}{word, in, a.title, a.means, a.do})
	if err != nil {
		return err
	}
	cmd.Stdin = strings.NewReader(string(raw) + "\n")
	cmd.Env = append(os.Environ(), "TRIBUNE_EVENT="+word, "TRIBUNE_ID="+in.ID, "TRIBUNE_KIND="+string(in.Kind), "TRIBUNE_SEVERITY="+string(in.Severity), "TRIBUNE_TITLE="+a.title, "TRIBUNE_TEXT="+in.Text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running the hook: %w: %s", err, clean(string(out[:min(len(out), 300)])))
	}
	return nil
}

// title is what feed and page call themselves.
func (w *Watcher) title() string {
	if w.cfg.Title != "" {
		return w.cfg.Title
	}
	return "Watch over " + w.trust.Origin()
}

func (w *Watcher) feed(all []Incident) ([]byte, error) {
	host, _, _ := strings.Cut(w.trust.Origin(), "/")
	tag := "tag:" + host + ",2026:watch"
	f := web.AtomFeed{Lang: "en", ID: tag, Title: w.title(), Author: w.title(), Updated: time.Unix(0, 0).UTC().Format(time.RFC3339)}
	base := strings.TrimSuffix(w.cfg.URL, "/")
	if base != "" {
		f.Links = []web.AtomLink{{Rel: "self", Href: base + "/incidents.atom"}, {Rel: "alternate", Href: base + "/"}}
	}
	var newest time.Time
	for _, in := range all[:min(len(all), feedEntries)] {
		a, updated := in.Kind.about(), in.First
		e := web.AtomEntry{ID: tag + "/" + in.ID, Title: a.title, Summary: in.Text + " " + a.means + " " + a.do}
		if !in.Resolved.IsZero() {
			updated = in.Resolved
			e.Title, e.Summary = "Over: "+e.Title, "Over since "+in.Resolved.Format(time.RFC3339)+". "+e.Summary
		}
		if updated.After(newest) {
			newest = updated
		}
		if base != "" {
			e.Links = []web.AtomLink{{Rel: "alternate", Href: base + "/#" + in.ID}}
		}
		e.Updated, e.Categories = updated.Format(time.RFC3339), []web.AtomCategory{{Term: string(in.Severity)}}
		f.Entries = append(f.Entries, e)
	}
	if !newest.IsZero() {
		f.Updated = newest.Format(time.RFC3339)
	}
	out, err := xml.MarshalIndent(f, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing the feed: %w", err)
	}
	return append([]byte(xml.Header), append(out, '\n')...), nil
}

func (w *Watcher) writeFeed(all []Incident) error {
	raw, err := w.feed(all)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(w.cfg.Feed); err == nil && string(have) == string(raw) {
		return nil
	}
	if err := durable.WritePublic(w.cfg.Feed, raw); err != nil {
		return fmt.Errorf("writing the feed: %w", err)
	}
	return nil
}
