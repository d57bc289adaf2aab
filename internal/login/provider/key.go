package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"

	"tribune"
)

const (
	keyFile    = "provider.key"
	keyBits    = 2048     // RS256 is the one algorithm that every OpenID client must know
	maxKeyFile = 16 << 10 // a PKCS #8 key of 2,048 bits takes 1.7 KB
)

// signingKey signs tokens. Its id is its RFC 7638 thumbprint, so that a new key never takes the place of an old one in
// somebody's cache.
type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

// publicKey is what /keys shows of it.
type publicKey struct{ *signingKey }

var (
	_ op.SigningKey = (*signingKey)(nil)
	_ op.Key        = publicKey{}
)

func (k *signingKey) ID() string                                  { return k.id }
func (k *signingKey) Key() any                                    { return k.key }
func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

func (k publicKey) Key() any                           { return &k.key.PublicKey }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }

// openKey reads the key of dir (PKCS #8 in PEM), or makes one.
func openKey(dir string) (*signingKey, error) {
	path := filepath.Join(dir, keyFile)
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = createKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	print, err := (&jose.JSONWebKey{Key: &key.PublicKey}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return &signingKey{id: base64.RawURLEncoding.EncodeToString(print), key: key}, nil
}

func readKey(path string) (*rsa.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: others may read %s", tribune.ErrInvalid, path), "Run chmod 600 on it, or remove it: a new one is made.")
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%w: %s", tribune.ErrTooLarge, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if block, rest := pem.Decode(data); block != nil && len(rest) == 0 {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*rsa.PrivateKey); ok && key.N.BitLen() >= keyBits {
				return key, nil
			}
		}
	}
	return nil, tribune.Hint(fmt.Errorf("%w: %s holds no RSA key", tribune.ErrInvalid, path), "Remove it: a new one is made, and tokens of the old one end.")
}

// createKey writes the new key before it is used: a token that nobody can verify after a crash would be worse than none.
func createKey(path string) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	tmp := path + ".tmp" // one name: what a crash leaves is overwritten, not kept beside it for ever
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return nil, err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return key, errors.Join(d.Sync(), d.Close())
}
