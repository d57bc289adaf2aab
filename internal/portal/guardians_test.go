package portal

import (
	"html"
	"strings"
	"testing"
	"time"

	"tribune/protocol"
)

// The page says of each guardian what its signature proves, and beside that what the hub heard, as the hub's word.
func TestGuardiansPageTellsWhoSignsAndWhoIsSilent(t *testing.T) {
	h := newChronicled(t)
	group := *h.Group()
	for i := range group.Guardians {
		group.Guardians[i].URL = "https://" + group.Guardians[i].Name + ":8431"
	}
	h.Group = func() *protocol.Group { return &group }
	silent := group.Guardians[3].Name
	h.Guardians = func() []GuardianSeen {
		return []GuardianSeen{
			{Name: group.Guardians[0].Name, At: now, Epoch: 7, Size: 4711},
			{Name: silent, At: now.Add(-48 * time.Hour), Epoch: 7, Size: 12, Silent: true},
		}
	}
	body := html.UnescapeString(get(newPortal(t, h.Config), "/guardians").Body.String())
	has(t, body, "2 of 4", "3 of 4", "4,711", ">7<", "no: it does not answer", "1 guardian may be away", "2 guardians may lose", "If 2 of them secretly acted together",
		"guardian status --url https://"+silent+":8431 --key '"+group.Guardians[3].Key+"'")
	german := get(newPortal(t, h.Config), "/de/guardians").Body.String()
	has(t, german, "Hüter", "nein: antwortet nicht", "Ohne die Stadt prüfen")
}

func TestGuardiansPageBeforeTheCeremony(t *testing.T) {
	h := newChronicled(t)
	h.Group = func() *protocol.Group { return nil }
	body := get(newPortal(t, h.Config), "/guardians").Body.String()
	has(t, body, "have not finished their key ceremony, so there are no keys yet")
	if strings.Contains(body, "Signs now") {
		t.Error("a table of guardians that do not exist")
	}
}
