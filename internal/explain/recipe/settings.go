package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"tribune"
)

// Settings stand beside a model that was trained here: how, and on what.
type Settings struct {
	Version int          `json:"version"` // 1
	Model   tribune.Hash `json:"model"`   // of the model's file
	Recipe  Recipe       `json:"recipe"`
	Seed    uint64       `json:"seed"`
	Data    string       `json:"data"`   // as the user named them: "adult", "adult:2000", or a file's name
	Source  tribune.Hash `json:"source"` // of the bytes that were read
	Rows    int          `json:"rows"`   // records trained on
}

// MaxSettings bounds settings in bytes.
const MaxSettings = 64 << 10

// ReadSettings reads settings, strictly.
func ReadSettings(r io.Reader) (Settings, error) {
	var s Settings
	raw, err := io.ReadAll(io.LimitReader(r, MaxSettings+1))
	if err != nil {
		return s, fmt.Errorf("reading a model's settings: %w", err)
	}
	if len(raw) > MaxSettings {
		return s, fmt.Errorf("reading a model's settings: over %d bytes: %w", MaxSettings, tribune.ErrTooLarge)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("reading a model's settings: %w: %w", tribune.ErrInvalid, err)
	}
	if _, err := d.Token(); err != io.EOF || s.Version != 1 {
		return s, fmt.Errorf("reading a model's settings: %w: version %d, or something follows them", tribune.ErrInvalid, s.Version)
	}
	if s.Recipe, err = s.Recipe.Fill(); err != nil {
		return s, fmt.Errorf("reading a model's settings: %w", err)
	}
	return s, nil
}

// Encode is what ReadSettings reads, for people too.
func (s Settings) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a model's settings: %w", err)
	}
	return append(b, '\n'), nil
}
