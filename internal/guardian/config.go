package guardian

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/durable"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

// Config is all a guardian is told. Nothing in it is secret; the key is in Dir.
type Config struct {
	Dir     string            // this guardian's own folder, 0700
	City    string            // the city's name in identities
	Hub     string            // base URL of the hub
	LogKey  string            // note verifier key of the city's log
	Law     policy.Trust      // pins: the steward's and the council's keys, the hash of the floors
	N, T, W int               // guardians, shares that open, co-signatures that publish
	Members []protocol.Member // all n, in the order of their index; URL may be empty: then the hub's /group is asked

	NameRate  int  // blind evaluations a second; 0 = DefaultNameRate
	NameBurst int  // and at once; 0 = DefaultNameBurst
	Demo      bool // said in /status: these guardians are not independent
	Plain     bool // served without TLS, which a demo and tests may be: who asks shows no certificate
	HubPinned bool // an https hub shows a certificate of its log key; else one that this machine's authorities vouch for

	Issuers []Issuer // whose ID tokens tell this guardian who a citizen is; none = nobody recovers a key here by logging in

	Now  func() time.Time // nil = time.Now
	HTTP *http.Client     // to hub and peers; nil = one that pins, see package pinned
}

const (
	keyFile  = "guardian.key"
	vetoFile = "veto.toml"

	// DefaultNameRate is more than a city's newcomers need. It slows a stolen hub's dictionary attack and does not end it:
	// 1.7 million names a day, twice that where t of the n guardians are half of them.
	DefaultNameRate = 20
	// DefaultNameBurst lets a morning's worth of newcomers in at once.
	DefaultNameBurst = 4096
)

// identity is who this guardian is.
type identity struct {
	name     string
	vkey     string
	key      ed25519.PrivateKey
	cosigner *fnote.Signer
}

// Init makes the guardian's key in dir, or reads the one that is there, and returns its note verifier key.
func Init(dir, name string) (vkey string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the guardian's folder: %w", err)
	}
	path := filepath.Join(dir, keyFile)
	skey, err := durable.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		var fresh string
		if fresh, _, err = protocol.NewKey(name); err != nil {
			return "", fmt.Errorf("making the guardian's key: %w", err)
		}
		skey = []byte(fresh + "\n")
		err = durable.Write(path, skey)
	}
	if err != nil {
		return "", fmt.Errorf("keeping the guardian's key: %w", err)
	}
	if vkey, err = protocol.VerifierOf(string(skey)); err != nil {
		return "", fmt.Errorf("reading the guardian's key: %w", err)
	}
	if got, _, _ := strings.Cut(vkey, "+"); name != "" && got != name {
		return "", fmt.Errorf("%w: %s holds the key of %s, not of %s", tribune.ErrConflict, dir, got, name)
	}
	return vkey, nil
}

func readIdentity(dir string) (identity, error) {
	raw, err := durable.Read(filepath.Join(dir, keyFile))
	if err != nil {
		return identity{}, tribune.Hint(fmt.Errorf("reading the guardian's key: %w", err), "Run guardian init --dir %s --name NAME first.", dir)
	}
	skey := strings.TrimSpace(string(raw))
	key, err := protocol.SeedOf(skey)
	if err != nil {
		return identity{}, fmt.Errorf("reading the guardian's key: %w", err)
	}
	vkey, err := protocol.VerifierOf(skey)
	if err != nil {
		return identity{}, fmt.Errorf("reading the guardian's key: %w", err)
	}
	cosigner, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		return identity{}, fmt.Errorf("reading the guardian's key: %w", err)
	}
	name, _, _ := strings.Cut(vkey, "+")
	return identity{name: name, vkey: vkey, key: key, cosigner: cosigner}, nil
}

// resolved is a configuration that has been checked.
type resolved struct {
	roster protocol.Group // without threshold keys
	self   identity
	log    note.Verifier
	logKey ed25519.PublicKey
	trust  *verify.Trust // of the founding group
	peers  *peerKeys
}

func (c Config) resolve() (resolved, error) {
	var r resolved
	var err error
	if r.self, err = readIdentity(c.Dir); err != nil {
		return r, err
	}
	r.roster = protocol.Group{City: c.City, N: c.N, T: c.T, W: c.W, Guardians: c.Members}
	if err := r.roster.Validate(); err != nil {
		return r, fmt.Errorf("guardian's configuration: %w", err)
	}
	for _, m := range c.Members { // who is none of the founders may become a guardian by a change
		if m.Name == r.self.name && m.Key != r.self.vkey {
			return r, fmt.Errorf("guardian's configuration: %w: %s has another key among the members than %s", tribune.ErrInvalid, r.self.name, r.self.vkey)
		}
	}
	r.peers = newPeerKeys(r.roster)
	for _, i := range c.Issuers {
		if err := i.check(); err != nil {
			return r, fmt.Errorf("guardian's configuration: %w", err)
		}
	}
	if c.Hub == "" {
		return r, fmt.Errorf("guardian's configuration: %w: hub, the city's address, is missing", tribune.ErrInvalid)
	}
	if _, r.logKey, err = protocol.PublicOf(c.LogKey); err != nil {
		return r, fmt.Errorf("guardian's configuration: the log's key: %w", err)
	}
	if r.log, err = note.NewVerifier(c.LogKey); err != nil {
		return r, fmt.Errorf("guardian's configuration: the log's key: %w: %w", tribune.ErrInvalid, err)
	}
	if c.Law.Steward == "" || c.Law.Council == "" || c.Law.Floors == (tribune.Hash{}) {
		return r, fmt.Errorf("guardian's configuration: %w: pin the steward's key, the council's key and the hash of the floors", tribune.ErrInvalid)
	}
	if r.trust, err = trustOf(r.roster, c.LogKey); err != nil {
		return r, fmt.Errorf("guardian's configuration: %w", err)
	}
	return r, nil
}
