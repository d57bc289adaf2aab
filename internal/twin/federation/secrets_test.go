package federation

import (
	"strings"
	"testing"
)

// Whoever is notified of registrations need not be one who may register: what opens a source is not in the notification.
func TestNotificationsTellNoSecretsOfSources(t *testing.T) {
	w := watching(t, memory(t))
	defer w.end(t)
	if err := w.subscribe(t, `"entities": [{"type": "Car"}]`); err != nil {
		t.Fatal(err)
	}
	register(t, w.g, "", `"id": "urn:r:1", "contextSourceInfo": [{"key": "Authorization", "value": "Bearer geheim"}]`)
	w.patch(t, "urn:r:1", `{"description": "again"}`)
	all := strings.Join(w.out.bodies, " ")
	if len(w.out.bodies) < 2 || !strings.Contains(all, "urn:r:1") || strings.Contains(all, "geheim") || strings.Contains(all, "contextSourceInfo") {
		t.Errorf("it is told as %s", all)
	}
}
