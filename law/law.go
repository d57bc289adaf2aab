// Package law is the law of the demo city, as a steward would write it: registers, the floor, policies, mandates and
// appointments. The files in this folder are its text. Write fills in names, keys and dates, signs them and lays them
// out as internal/gate reads them. Only the demo, its drills and tests call it; a real city keeps its own law and signs
// it on a machine of its own.
package law

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tribune"
	"tribune/policy"
)

//go:embed *.toml floors.cedar policies/*.cedar mandates/*.toml appointments/*.toml
var texts embed.FS

// Actors of the demo city, with their offices.
const (
	Inspector  tribune.ActorID = "inspector-ward"
	Planner    tribune.ActorID = "planner-hale"
	Hub        tribune.ActorID = "hub"
	Protection tribune.ActorID = "protection-lind"
	Integrator tribune.ActorID = "integrator-1" // writes with a token; holds no key and is not appointed

	Investigator tribune.ActorID = "investigator-cole" // where the city has a court that issues warrants
	Clerk        tribune.ActorID = "clerk-court"       // of that court, where it has names evaluated for its warrants

	Dispatcher      tribune.ActorID = "dispatcher-amin" // two people of the ambulance service, where the city lets them open addresses without the guardians
	OtherDispatcher tribune.ActorID = "dispatcher-berg"
)

func officeOf(a tribune.ActorID) (tribune.OfficeID, bool) {
	o, ok := map[tribune.ActorID]tribune.OfficeID{
		Inspector: "parking-inspector", Planner: "planner", Hub: "data-hub", Protection: "data-protection", Integrator: "integrator", Investigator: "investigator", Clerk: "court",
		Dispatcher: "ambulance-dispatch", OtherDispatcher: "ambulance-dispatch",
	}[a]
	return o, ok
}

// Config says how to write the law.
type Config struct {
	City    string // as in identities: "birmingham.example"
	Steward string // note secret key that signs the set
	Council string // note secret key that signs mandates and appointments
	Court   string // note secret key that signs warrants; "" = no court, no investigator and no warrant

	// Registry is the note secret key that signs who may act for whom; "" = nobody acts for anybody, and a court signs no representation either.
	Registry string

	Keys map[tribune.ActorID]ed25519.PublicKey // of Inspector, Planner and Hub; of Protection where the city appoints one; of Investigator where it has a court, and of Clerk where that issues more warrants
	Now  time.Time

	// Named are the people whom a first warrant, WarrantID, is about. Without any there is none: a court has names evaluated by the city's
	// guardians, who have no keys before the city is founded.
	Named []tribune.Pseudonym

	// Vital has the law name a class that two dispatchers may open while guardians cannot be reached: telecare alarms' addresses. It needs their
	// keys. A city founded without it can only come to it by a change of law, which loosens.
	Vital bool

	// Auditor is the note secret key that signs verdicts on models; "" = nobody does, the register holds none, and nothing is published of any. Model
	// is the hash of the model of parking demand, Plan that of the limits by which it is audited.
	Auditor     string
	Model, Plan tribune.Hash

	// HourlyFactor multiplies the hourly limits of offices; 0 = 1. A benchmark's city needs more than a city does.
	HourlyFactor int64
}

// Written is what Write leaves its caller to keep.
type Written struct {
	Tokens map[tribune.ActorID]string // bearer tokens; DIR/law holds their hashes only
	Trust  policy.Trust               // for gate and guardians to pin
	Salts  [][]byte                   // open the first warrant's names, in the order of Config.Named
}

// names is what the texts may refer to.
type names struct {
	City, Steward, Council, CouncilName string
	Court, CourtName                    string // "" = none
	Registry                            string // "" = none
	Vital                               bool
	Auditor, AuditorName                string // "" = none
	Model, Plan                         tribune.Hash
	From, Until                         string
	Actor, Office, Key                  string
	factor                              int64
}

// Hourly is an hourly limit.
func (n names) Hourly(limit int64) int64 { return limit * n.factor }

// Write signs the law and writes it to dir, which must not exist yet: it appears whole or not at all.
func Write(dir string, c Config) (Written, error) {
	w, err := write(dir, c)
	if err != nil {
		return Written{}, fmt.Errorf("writing the demo city's law: %w", err)
	}
	return w, nil
}

func write(dir string, c Config) (Written, error) {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return Written{}, fmt.Errorf("%w: %s is already there", tribune.ErrConflict, filepath.Base(dir))
	}
	steward, stewardKey, err := signer(c.Steward)
	if err != nil {
		return Written{}, err
	}
	council, councilKey, err := signer(c.Council)
	if err != nil {
		return Written{}, err
	}
	n := names{
		City: c.City, Steward: stewardKey, Council: councilKey, CouncilName: council.Name(), factor: max(c.HourlyFactor, 1), Vital: c.Vital,
		From: c.Now.UTC().AddDate(0, 0, -1).Format(time.DateOnly), Until: c.Now.UTC().AddDate(1, 0, 0).Format(time.DateOnly),
	}
	by := issuers{steward: steward, council: council, vital: c.Vital}
	if c.Court != "" {
		if by.court, n.Court, err = signer(c.Court); err != nil {
			return Written{}, err
		}
		n.CourtName = by.court.Name()
	}
	if c.Registry != "" {
		if _, n.Registry, err = signer(c.Registry); err != nil {
			return Written{}, err
		}
		by.representations = true
	}
	if c.Auditor != "" {
		auditor, key, err := signer(c.Auditor)
		if err != nil {
			return Written{}, err
		}
		n.Auditor, n.AuditorName, n.Model, n.Plan, by.models = key, auditor.Name(), c.Model, c.Plan, true
	}
	out, err := signedTexts(n, by)
	if err != nil {
		return Written{}, err
	}
	for _, actor := range n.actors(Inspector, Planner, Hub) {
		if err := appoint(out, n, council, actor, c.Keys[actor]); err != nil {
			return Written{}, err
		}
	}
	for _, actor := range []tribune.ActorID{Protection, Clerk, Dispatcher, OtherDispatcher} {
		if key, there := c.Keys[actor]; there {
			if err := appoint(out, n, council, actor, key); err != nil {
				return Written{}, err
			}
		}
	}
	w := Written{Tokens: map[tribune.ActorID]string{}, Trust: policy.Trust{Steward: stewardKey, Council: councilKey}}
	if by.court != nil && len(c.Named) > 0 {
		m := Warrant(by.court.Name(), c.Now)
		if out["mandates/"+string(m.ID)+".toml"], w.Salts, err = SignWarrant(m, c.City, by.court, c.Named...); err != nil {
			return Written{}, err
		}
	}
	out["tokens.toml"] = tokens(n, w.Tokens)
	w.Trust.Floors = policy.FloorsHash(out)
	return w, writeDir(dir, out)
}

// tokens makes a random token for everyone who calls the hub, and the file of their hashes.
func tokens(n names, into map[tribune.ActorID]string) []byte {
	var file strings.Builder
	file.WriteString("# Who may call. A token itself is nowhere on the hub: only its SHA-256 is.\n")
	callers := n.actors(Inspector, Planner, Protection, Integrator)
	if n.Court != "" {
		callers = append(callers, Clerk)
	}
	if n.Vital {
		callers = append(callers, Dispatcher, OtherDispatcher)
	}
	for _, actor := range callers {
		var raw [24]byte
		rand.Read(raw[:])
		token := "tribune_" + base64.RawURLEncoding.EncodeToString(raw[:])
		into[actor] = token
		office, _ := officeOf(actor)
		fmt.Fprintf(&file, "\n[[token]]\nsha256 = \"%x\"\nactor = %q\noffice = %q\nuntil = %s\n", sha256.Sum256([]byte(token)), actor, office, n.Until)
	}
	return []byte(file.String())
}

// writeDir writes next to dir and renames, so that a crash leaves no half a law.
func writeDir(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".law-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone already where the rename succeeded
	for name, data := range files {
		file := filepath.Join(tmp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := writeSynced(file, data); err != nil {
			return err
		}
	}
	return os.Rename(tmp, dir)
}

func writeSynced(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
