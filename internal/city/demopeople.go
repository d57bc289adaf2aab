package city

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"encoding/json"

	"tribune/internal/client"
	"tribune/internal/login/provider"
	"tribune/internal/web"
	"tribune/law"
)

// The demo's people: whom a newcomer can log in as, and an inspector who does their round, so that there is a use of
// somebody's data to find. The provider that vouches for them is the demo's own, asks for no password and says so.

const (
	demoProvider = "demo"
	demoClient   = "tribune"
	demoProgram  = "tribune-trace"  // people's own programs, by which they recover their trace keys from guardians
	demoWait     = 30 * time.Second // for one question of the inspector's
)

// Places of the demo's people.
func (d Dir) Provider() string { return d.path("institutions", "login") }
func (d Dir) Resident() string { return d.path("sim", "resident") }

// listen takes the provider's address: the same as last time where it is free, since it is part of people's names.
func (d *demo) listenProvider(ctx context.Context) (err error) {
	file := d.Dir.path("institutions", "login-address")
	last, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	address := strings.TrimSpace(string(last))
	if address != "" {
		d.providerListener, err = web.Listen(ctx, address, 0)
	}
	if address == "" || err != nil {
		if d.providerListener, err = web.Listen(ctx, "127.0.0.1:0", 0); err != nil {
			return fmt.Errorf("for the demo's login: %w", err)
		}
	}
	return writeFile(file, []byte(d.providerListener.Addr().String()+"\n"), 0o600)
}

func (d *demo) issuer() string {
	return fmt.Sprintf("http://localhost:%d", d.providerListener.Addr().(*net.TCPAddr).Port)
}

// employ writes who of the provider's people holds which office.
func (d *demo) employ() error {
	until := time.Now().UTC().AddDate(1, 0, 0).Format(time.DateOnly)
	var text strings.Builder
	text.WriteString("# Who of the demo's people is more than a citizen.\n")
	for _, p := range []struct{ subject, role, actor, office string }{
		{"inspector", "officer", string(law.Inspector), "parking-inspector"}, {"protection", "officer", string(law.Protection), "data-protection"}, {"steward", "steward", "", ""}, {"auditor", "auditor", "", ""}, {"journalist", "journalist", "", ""},
	} {
		fmt.Fprintf(&text, "\n[[account]]\nissuer = %q\nsubject = %q\nrole = %q\nuntil = %s\n", d.issuer(), p.subject, p.role, until)
		if p.actor != "" {
			fmt.Fprintf(&text, "actor = %q\noffice = %q\n", p.actor, p.office)
		}
	}
	return writeFile(d.Dir.Accounts(), []byte(text.String()), 0o600)
}

// vouch serves the provider until ctx ends. The citizen is one of the drivers: the same one at every start.
func (d *demo) vouch(ctx context.Context) error {
	people := []provider.Person{
		{Login: "citizen", Name: "Alex Citizen", Role: web.RoleCitizen}, {Login: "inspector", Name: "Sam Ward", Role: "inspector"}, {Login: "protection", Name: "Jo Lind", Role: "protection"},
		{Login: "steward", Name: "Robin Steward", Role: web.RoleSteward}, {Login: "auditor", Name: "Kim Auditor", Role: web.RoleAuditor}, {Login: "journalist", Name: "Noor Journalist", Role: web.RoleJournalist},
		{Login: "representative", Name: "Ruth Advocate", Role: web.RoleCitizen, Names: []web.PersonName{{Type: "person", Name: "ruth.advocate"}}}, // acts for nobody until a court or the registry says so
	}
	if name, plate, ok := d.resident(); ok {
		people[0].Name, people[0].Names = name, []web.PersonName{{Type: "plate", Name: plate}}
	}
	public := d.hub.Public()
	p, err := provider.New(provider.Config{
		Issuer: d.issuer(), Audience: public, ClientID: demoClient, NativeID: demoProgram, RedirectURIs: []string{public + "/login/callback"}, LogoutURIs: []string{public + "/login"},
		People: people, Dir: d.Dir.Provider(), Log: d.Log,
	})
	if err != nil {
		return fmt.Errorf("opening the demo's login: %w", err)
	}
	server := web.NewServer(p)
	done := context.AfterFunc(ctx, func() { server.Close() })
	defer done()
	if err := server.Serve(d.providerListener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the demo's login: %w", err)
	}
	return nil
}

// resident is the driver whom a newcomer can be, remembered from the first start on.
func (d *demo) resident() (name, plate string, ok bool) {
	known, err := os.ReadFile(d.Dir.Resident())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", false
	}
	if name, plate, ok = d.sim.Resident(strings.TrimSpace(string(known))); !ok {
		return "", "", false
	}
	if err := writeFile(d.Dir.Resident(), []byte(plate+"\n"), 0o600); err != nil {
		d.Log.Warn("the demo's citizen will be somebody else next time", "err", err)
	}
	return name, plate, true
}

// patrol lets the demo's inspector look up who is parked, now and then, as an inspector does: over HTTP, with the key that
// their appointment registered. The citizen comes first.
func (d *demo) patrol(ctx context.Context) {
	inspector, err := client.Open(string(d.Dir), string(law.Inspector))
	if err != nil {
		d.Log.Warn("the demo's inspector stays at home", "err", err)
		return
	}
	_, plate, _ := d.resident()
	for every := d.Patrol; ; {
		if plate != "" {
			if err := d.lookUp(ctx, inspector, plate); err != nil && ctx.Err() == nil {
				d.Log.Info("the demo's inspector got no answer", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every/2 + rand.N(every)):
		}
		if parked := d.sim.Parked(200); len(parked) > 0 {
			plate = parked[rand.IntN(len(parked))]
		}
	}
}

func (d *demo) lookUp(ctx context.Context, inspector *client.Client, plate string) error {
	ctx, cancel := context.WithTimeout(ctx, demoWait)
	defer cancel()
	value, err := json.Marshal(plate)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"type": "Query", "entities": []map[string]string{{"type": "ParkingSession"}}, "q": "licensePlate==" + string(value)})
	if err != nil {
		return err
	}
	answer, err := inspector.Read(ctx, http.MethodPost, "/ngsi-ld/v1/entityOperations/query?limit=20&options=keyValues", body)
	if err != nil {
		return err
	}
	return answer.Error()
}
