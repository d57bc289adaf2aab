package law

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"text/template"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

// signer reads a note secret key and derives its verifier key.
func signer(skey string) (note.Signer, string, error) {
	s, err := note.NewSigner(skey)
	if err != nil {
		return nil, "", fmt.Errorf("%w: a note secret key is wanted", tribune.ErrInvalid)
	}
	key, err := protocol.SeedOf(skey)
	if err != nil {
		return nil, "", err
	}
	vkey, err := note.NewEd25519VerifierKey(s.Name(), key.Public().(ed25519.PublicKey))
	return s, vkey, err
}

// actors are these and, where there is a court, the investigator.
func (n names) actors(always ...tribune.ActorID) []tribune.ActorID {
	if n.Court == "" {
		return always
	}
	return append(always, Investigator)
}

// issuers sign the texts.
type issuers struct {
	steward, council, court note.Signer
	representations         bool // the city has a registry office
	vital                   bool
	models                  bool // the city has an auditor of models
}

// of is who signs a text; nil = it is left out: without a court there are no warrants.
func (i issuers) of(name string) note.Signer {
	warrants := strings.HasPrefix(path.Base(name), "warrant-")
	switch {
	case warrants && i.court == nil, strings.HasPrefix(path.Base(name), "representation-") && !i.representations,
		strings.HasPrefix(path.Base(name), "vital-") && !i.vital, strings.HasPrefix(path.Base(name), "model") && !i.models:
		return nil
	case warrants && path.Dir(name) == "mandates":
		return i.court
	case path.Dir(name) == "mandates":
		return i.council
	}
	return i.steward
}

// signedTexts fills in and signs everything but appointments: court and council their mandates, the steward the rest.
func signedTexts(n names, by issuers) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := fs.WalkDir(texts, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Dir(name) == "appointments" {
			return err
		}
		if signer := by.of(name); signer != nil {
			out[name], err = fill(name, n, signer)
		}
		return err
	})
	return out, err
}

func appoint(out map[string][]byte, n names, council note.Signer, actor tribune.ActorID, key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: no key for an actor of the demo", tribune.ErrInvalid)
	}
	office, _ := officeOf(actor)
	n.Actor, n.Office, n.Key = string(actor), string(office), base64.StdEncoding.EncodeToString(key)
	doc, err := fill("appointments/appointment.toml", n, council)
	out["appointments/"+string(actor)+".toml"] = doc
	return err
}

func fill(name string, n names, by note.Signer) ([]byte, error) {
	t, err := template.ParseFS(texts, name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, n); err != nil {
		return nil, err
	}
	return protocol.SignDocument(text.String(), by)
}
