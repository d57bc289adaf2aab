package client

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tribune"
	"tribune/protocol"
)

// Profile is what an office holder keeps on their own machine: who they are to the hub, and for what they usually ask.
// It rests as DIR/people/NAME.json beside NAME.key (base64 of the Ed25519 seed), both 0600.
type Profile struct {
	Actor   tribune.ActorID   `json:"actor"`
	Office  tribune.OfficeID  `json:"office"`
	Purpose tribune.PurposeID `json:"purpose"`
	Mandate tribune.MandateID `json:"mandate"`
	Token   string            `json:"token"`
}

// Open makes a client of the profile NAME in a city's directory; the hub's address is in DIR/address. A profile without
// a key file can read what needs no act.
func Open(dir, name string) (*Client, error) {
	if name != "" && name != filepath.Base(name) {
		return nil, fmt.Errorf("%w: %q is not a name", tribune.ErrInvalid, name)
	}
	address, err := os.ReadFile(filepath.Join(dir, "address"))
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("finding the hub: %w", err), "Start the city first: tribune demo --dir %s", dir)
	}
	c := &Client{Base: strings.TrimSpace(string(address))}
	if name == "" {
		return c, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, "people", name+".json"))
	if err != nil {
		return nil, tribune.Hint(fmt.Errorf("finding %s: %w", name, err), "The people of this city are in %s.", filepath.Join(dir, "people"))
	}
	var p Profile
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%w: profile of %s: %w", tribune.ErrInvalid, name, err)
	}
	c.Token, c.Actor, c.Office, c.Purpose, c.Mandate = p.Token, p.Actor, p.Office, p.Purpose, p.Mandate
	if c.Key, err = ReadKey(filepath.Join(dir, "people", name+".key")); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return c, nil
}

// ReadKey reads an actor's key file.
func ReadKey(path string) (ed25519.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: %s is not an actor's key: want base64 of %d bytes", tribune.ErrInvalid, path, ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Opens shows the warrant that the client acts under, with what its court gave for it: DIR/people/NAME.warrants/ID.json. Where a name is
// given, only that one's salt leaves this machine. A mandate that is no warrant has no such file, and nothing is shown.
func (c *Client) Opens(dir, name string, who ...protocol.PersonName) error {
	if c.Mandate == "" || string(c.Mandate) != filepath.Base(string(c.Mandate)) || name != filepath.Base(name) {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(dir, "people", name+".warrants", string(c.Mandate)+".json"))
	if os.IsNotExist(err) {
		return nil
	}
	var o protocol.WarrantOpening
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil || o.Warrant != c.Mandate {
		return fmt.Errorf("%w: what opens the warrant %s cannot be read", tribune.ErrInvalid, c.Mandate)
	}
	c.Salts = o.For(who...)
	return nil
}
