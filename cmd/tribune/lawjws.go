package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"tribune"
	"tribune/protocol"
)

// signJWS replaces the signature of law files by a JWS of the given key, or prints that key as a register of signers pins it.
func signJWS(keyFile, name, certificate string, printKey bool, files []string, out io.Writer) error {
	if keyFile == "" || len(files) == 0 && !printKey {
		return tribune.Hint(fmt.Errorf("%w: name a key and the files to sign", errUsage), "tribune sign --jws --key court.pem --name court.example mandates/warrant-7.toml")
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	var pem []byte
	if certificate != "" {
		if pem, err = os.ReadFile(certificate); err != nil {
			return fmt.Errorf("reading the certificate: %w", err)
		}
	}
	signer, err := protocol.NewJWSSigner(name, string(key), string(pem))
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	if printKey {
		jwk, err := signer.JWK()
		if err == nil {
			fmt.Fprintln(out, jwk)
		}
		return err
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		text, _ := protocol.SplitDocument(data)
		signed, err := signer.Sign(text, time.Now())
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(path, signed, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		fmt.Fprintf(out, "%s: signed by %s as JWS\n", path, signer.Name())
	}
	return nil
}
