package city

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/internal/guardian"
	"tribune/law"
	"tribune/protocol"
)

// found makes what a city has before it starts: keys of institutions, people and guardians, and its law. All of it is
// made once.
func (d *demo) found() error {
	if err := d.Dir.prepare(); err != nil {
		return err
	}
	n, err := d.founders()
	if err != nil {
		return err
	}
	d.t, d.w = thresholds(n)
	for i, name := range demoGuardians[:n] {
		vkey, err := guardian.Init(d.Dir.Guardian(i+1), name)
		if err != nil {
			return fmt.Errorf("preparing guardian %s: %w", name, err)
		}
		d.members = append(d.members, protocol.Member{Index: i + 1, Name: name, Key: vkey})
	}
	trust, err := os.ReadFile(d.Dir.Institution("trust"))
	if errors.Is(err, fs.ErrNotExist) {
		return d.enact()
	}
	if err != nil {
		return fmt.Errorf("reading the city's trust: %w", err)
	}
	if err := json.Unmarshal(trust, &d.trust); err != nil {
		return fmt.Errorf("%w: the city's trust: %w", tribune.ErrInvalid, err)
	}
	return nil
}

// enact writes the demo city's law, signed by its steward and council, and gives its office holders their keys.
func (d *demo) enact() error {
	steward, _, err := noteKey(d.Dir.Institution("steward"), demoCity+"/steward")
	if err != nil {
		return err
	}
	council, _, err := noteKey(d.Dir.Institution("council"), demoCity+"/council")
	if err != nil {
		return err
	}
	court, _, err := noteKey(d.Dir.Institution("court"), demoCity+"/court")
	if err != nil {
		return err
	}
	registry, _, err := noteKey(d.Dir.Institution("registry"), demoCity+"/registry")
	if err != nil {
		return err
	}
	auditor, _, err := noteKey(d.Dir.Institution("model-auditor"), demoCity+"/model-auditor")
	if err != nil {
		return err
	}
	model, plan, err := d.model()
	if err != nil {
		return err
	}
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, actor := range []tribune.ActorID{law.Inspector, law.Planner, law.Protection, law.Investigator, law.Clerk, law.Hub, law.Dispatcher, law.OtherDispatcher} {
		if !d.Vital && (actor == law.Dispatcher || actor == law.OtherDispatcher) {
			continue
		}
		path := d.Dir.Person(string(actor))
		if actor == law.Hub {
			path = d.Dir.HubKey()
		}
		key, err := actorKey(path)
		if err != nil {
			return err
		}
		keys[actor] = key.Public().(ed25519.PublicKey)
	}
	// A start that was cut off here begins again: the law is not in use before the trust file names its keys.
	if err := os.RemoveAll(d.Dir.Law()); err != nil {
		return err
	}
	written, err := law.Write(d.Dir.Law(), law.Config{City: demoCity, Steward: steward, Council: council, Court: court, Registry: registry, Auditor: auditor, Model: model, Plan: plan, Keys: keys, Now: time.Now(), HourlyFactor: d.HourlyFactor, Vital: d.Vital})
	if err != nil {
		return fmt.Errorf("writing the law: %w", err)
	}
	for actor, p := range map[tribune.ActorID]client.Profile{
		law.Inspector:  {Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026"},
		law.Planner:    {Office: "planner", Purpose: "plan-city", Mandate: "mobility-study-2026"},
		law.Protection: {Office: "data-protection", Purpose: "erasure", Mandate: "erasure-2026"},
		law.Integrator: {Office: "integrator"},

		law.Investigator:    {Office: "investigator", Purpose: "investigate-crime", Mandate: law.WarrantID},
		law.Clerk:           {Office: "court", Purpose: "investigate-crime", Mandate: "warrant-naming-2026"},
		law.Dispatcher:      {Office: "ambulance-dispatch", Purpose: "save-a-life", Mandate: "vital-2026"},
		law.OtherDispatcher: {Office: "ambulance-dispatch", Purpose: "save-a-life", Mandate: "vital-2026"},
	} {
		if written.Tokens[actor] == "" {
			continue // not in this city
		}
		p.Actor, p.Token = actor, written.Tokens[actor]
		data, err := json.MarshalIndent(p, "", " ")
		if err != nil {
			return err
		}
		if err := writeFile(d.Dir.Profile(string(actor)), append(data, '\n'), 0o600); err != nil {
			return fmt.Errorf("keeping a profile: %w", err)
		}
	}
	d.trust = written.Trust
	data, err := json.MarshalIndent(d.trust, "", " ")
	if err != nil {
		return err
	}
	return writeFile(d.Dir.Institution("trust"), data, 0o600)
}
