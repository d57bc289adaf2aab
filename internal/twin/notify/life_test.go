package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin"
)

func TestCountersTellWhatBecameOfNotifications(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars, "", "")
	params := func() map[string]any { return w.shown(id)["notification"].(map[string]any) }
	for _, name := range []string{"timesSent", "timesFailed", "status", "lastNotification", "lastSuccess", "lastFailure"} {
		if v, has := params()[name]; has {
			t.Errorf("before the first: %s is %v", name, v)
		}
	}
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":1}`)
	w.take(1)
	if p := params(); p["timesSent"] != 1.0 || p["timesFailed"] != nil || p["status"] != "ok" || p["lastSuccess"] == nil || p["lastNotification"] == nil || p["lastFailure"] != nil {
		t.Errorf("after a success: %v", p)
	}
	w.mu.Lock()
	w.status = 404
	w.mu.Unlock()
	w.write(twin.Append, `{"id":"urn:c:1","speed":2}`)
	w.take(1)
	if p := params(); p["timesSent"] != 2.0 || p["timesFailed"] != 1.0 || p["status"] != "failed" || p["lastFailure"] == nil {
		t.Errorf("after a failure: %v", p)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	w.open()
	if p := params(); p["timesSent"] != 2.0 || p["timesFailed"] != 1.0 || p["status"] != "failed" {
		t.Errorf("after a restart: %v", p)
	}
}

func TestAnExpiredOrPausedSubscriptionIsSilent(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars+`"expiresAt":"`+w.now().Add(time.Hour).UTC().Format(time.RFC3339)+`",`, "", "")
	w.write(twin.Create, `{"id":"urn:c:1","type":"Car","speed":0}`)
	w.take(1)
	patch := func(text string) {
		t.Helper()
		if err := w.notifier.Update(t.Context(), "", id, w.doc(text), w.context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	speed := 0
	changes := func(want int, status string) {
		t.Helper()
		speed++
		w.write(twin.Append, fmt.Sprintf(`{"id":"urn:c:1","speed":%d}`, speed))
		w.take(want)
		if got := w.shown(id)["status"]; got != status {
			t.Errorf("status is %v, want %s", got, status)
		}
	}
	patch(`{"isActive":false}`)
	changes(0, "paused")
	patch(`{"isActive":true}`)
	changes(1, "active")
	w.later(2 * time.Hour)
	changes(0, "expired")
	patch(`{"isActive":true}`)
	changes(0, "expired")
	patch(`{"isActive":false,"expiresAt":"2999-01-01T00:00:00Z"}`)
	changes(0, "paused")
	patch(`{"isActive":true,"expiresAt":"2999-01-01T00:00:00Z"}`)
	changes(1, "active")
	patch(`{"expiresAt":"urn:ngsi-ld:null"}`)
	changes(1, "active")
	if err := w.notifier.Update(t.Context(), "", id, w.doc(`{"expiresAt":"2020-01-01T00:00:00Z"}`), w.context(), ""); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("an end in the past: %v", err)
	}
}

func TestALaterEndAloneMakesAnExpiredSubscriptionActive(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(cars+`"isActive":false,"expiresAt":"`+w.now().Add(time.Hour).UTC().Format(time.RFC3339)+`",`, "", "")
	w.later(2 * time.Hour)
	if err := w.notifier.Update(t.Context(), "", id, w.doc(`{"expiresAt":"2999-01-01T00:00:00Z"}`), w.context(), ""); err != nil {
		t.Fatal(err)
	}
	if got := w.shown(id)["status"]; got != "active" {
		t.Errorf("status is %v (clause 5.8.2.4)", got)
	}
}

func TestNamesAreShownInTheReadersContext(t *testing.T) {
	w := newTown(t)
	id := w.subscribe(`"entities":[{"type":"(Car,Bus)"}],"watchedAttributes":["speed"],`, `"pick":["id","speed{plate}"],`, "")
	s, err := w.notifier.Get("", id)
	if err != nil {
		t.Fatal(err)
	}
	for ctx, want := range map[string]string{
		"https://example.org/c.jsonld": `"type":"(Car,Bus)" ["speed"] ["id","speed{plate}"]`,
		"":                             `"type":"(https://example.org/Car,Bus)" ["https://example.org/speed"] ["id","https://example.org/speed{https://example.org/plate}"]`,
	} {
		c := w.contexts.Core()
		if ctx != "" {
			c = w.context()
		}
		b, err := s.Append(nil, c, w.now(), false, false)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Entities          []json.RawMessage
			WatchedAttributes json.RawMessage
			Notification      struct{ Pick json.RawMessage }
		}
		json.Unmarshal(b, &d)
		if got := strings.Trim(string(d.Entities[0]), "{}") + " " + string(d.WatchedAttributes) + " " + string(d.Notification.Pick); got != want {
			t.Errorf("in %q: got %s, want %s", ctx, got, want)
		}
	}
}
