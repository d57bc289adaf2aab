package city

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune/internal/client"
	"tribune/internal/court"
	"tribune/internal/durable"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// investigate has the demo's court issue its one warrant, about whoever is the example, as a court does: over the city's public surface.
// A demo without guardians or drivers has none; the next start tries again.
func (d *demo) investigate(ctx context.Context) {
	if err := d.issueWarrant(ctx); err != nil && ctx.Err() == nil {
		d.Log.Warn("the demo's court has issued no warrant", "err", err)
	}
}

func (d *demo) issueWarrant(ctx context.Context) error {
	plate, warrant := d.sim.ExamplePlate(), filepath.Join(d.Dir.Law(), policy.DirMandates, string(law.WarrantID)+".toml")
	if _, err := os.Lstat(warrant); plate == "" || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c, err := client.Open(string(d.Dir), string(law.Clerk))
	if err != nil {
		return err
	}
	skey, _, err := noteKey(d.Dir.Institution("court"), demoCity+"/court")
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return fmt.Errorf("reading the court's key: %w", err)
	}
	group := d.hub.group.Load()
	if group == nil {
		return errNoKeys
	}
	suspect, _, err := court.Find(ctx, c, *group, protocol.PersonName{Type: "plate", Name: plate})
	if err != nil {
		return err
	}
	doc, opening, err := court.Issue(law.Warrant(signer.Name(), time.Now()), demoCity, 0, signer, suspect)
	if err != nil {
		return err
	}
	opens := filepath.Join(filepath.Dir(d.Dir.Person(string(law.Investigator))), string(law.Investigator)+".warrants", string(law.WarrantID)+".json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(opens), 0o700), durable.Write(opens, opening), durable.Write(warrant, doc)); err != nil {
		return fmt.Errorf("keeping the demo's warrant: %w", err)
	}
	return d.hub.reload(ctx)
}
