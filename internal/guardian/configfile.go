package guardian

import (
	"fmt"
	"io"
	"os"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// File is the configuration file of guardian serve, in TOML. Nothing in it is secret.
type File struct {
	Dir       string       `toml:"dir"`    // this guardian's own folder
	Listen    string       `toml:"listen"` // HOST:PORT; default 127.0.0.1:0
	City      string       `toml:"city"`
	Hub       string       `toml:"hub"`     // base URL of the hub
	LogKey    string       `toml:"log_key"` // note verifier key
	Steward   string       `toml:"steward_key"`
	Council   string       `toml:"council_key"`
	Floors    tribune.Hash `toml:"floors_hash"`
	T         int          `toml:"t"`
	W         int          `toml:"w"`
	Demo      bool         `toml:"demo"`                 // all guardians on one machine, in plain HTTP
	HubPinned bool         `toml:"hub_pinned,omitempty"` // the hub's TLS is checked by log_key, not by certificate authorities

	Certificate string `toml:"tls_certificate,omitempty"` // PEM, for browsers; hub and guardians pin keys and need none
	Key         string `toml:"tls_key,omitempty"`

	NameRate  int          `toml:"name_rate"`
	NameBurst int          `toml:"name_burst"`
	Members   []FileMember `toml:"guardian"` // [[guardian]], in the order of their index

	Issuers []Issuer `toml:"issuer,omitempty"` // [[issuer]]: providers by which citizens prove who they are
}

// FileMember is one [[guardian]].
type FileMember struct {
	Key string `toml:"key"` // note verifier key; its name is the guardian's
	URL string `toml:"url"` // "" = the hub's /group knows
}

// maxFile bounds a configuration: nine guardians are a few kilobytes.
const maxFile = 64 << 10

// ReadFile reads a configuration file and refuses what it does not know.
func ReadFile(path string) (File, error) {
	f := File{Listen: "127.0.0.1:0"}
	in, err := os.Open(path)
	if err != nil {
		return f, fmt.Errorf("reading configuration: %w", err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = tribune.ErrTooLarge
	}
	if err != nil {
		return f, fmt.Errorf("reading configuration: %w", err)
	}
	meta, err := toml.Decode(string(text), &f)
	if err != nil {
		return f, fmt.Errorf("reading configuration: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return f, fmt.Errorf("reading configuration: %w: %s does not exist", tribune.ErrInvalid, unknown[0])
	}
	return f, nil
}

// Config is the file as the guardian takes it.
func (f File) Config() (Config, error) {
	c := Config{
		Dir: f.Dir, City: f.City, Hub: f.Hub, LogKey: f.LogKey, Law: policy.Trust{Steward: f.Steward, Council: f.Council, Floors: f.Floors},
		N: len(f.Members), T: f.T, W: f.W, NameRate: f.NameRate, NameBurst: f.NameBurst, Demo: f.Demo, Issuers: f.Issuers, Plain: f.Demo, HubPinned: f.HubPinned,
	}
	if err := f.checkReach(); err != nil {
		return c, err
	}
	for i, m := range f.Members {
		name, _, err := protocol.PublicOf(m.Key)
		if err != nil {
			return c, fmt.Errorf("configuration: guardian %d: %w", i+1, err)
		}
		c.Members = append(c.Members, protocol.Member{Index: i + 1, Key: m.Key, Name: name, URL: m.URL})
	}
	return c, nil
}
