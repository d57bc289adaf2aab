package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"tribune"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
	"tribune/internal/explain/model/onnx"
	"tribune/internal/explain/model/remote"
	"tribune/internal/explain/model/trees"
	"tribune/internal/explain/recipe"
	"tribune/internal/worker"
)

// maxModel bounds a model's file in bytes.
const maxModel = 256 << 20

// target is a model that is to be audited.
type target struct {
	model.Model
	hash     tribune.Hash
	kind     string           // what it is, for the report
	settings *recipe.Settings // nil: it was not trained here
}

// openModel reads a model. Files of others' formats are read in a worker.
func openModel(ctx context.Context, d *explainFlags) (*target, error) {
	if d.model == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: say which model", errUsage), "--model FILE; tribune explain train makes one")
	}
	if strings.HasPrefix(d.model, "http://") || strings.HasPrefix(d.model, "https://") {
		return openRemote(ctx, d)
	}
	raw, err := readBounded(d.model, maxModel)
	if err != nil {
		return nil, err
	}
	t := &target{hash: sha256.Sum256(raw)}
	switch {
	case strings.HasSuffix(d.model, ".onnx"):
		m, err := onnx.Open(ctx, worker.Worker{}, bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.model, err)
		}
		t.Model, t.kind = m.Network, "a network from an ONNX file"
	case strings.HasSuffix(d.model, ".json"):
		m, err := trees.Open(ctx, worker.Worker{}, bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.model, err)
		}
		t.Model, t.kind = m, fmt.Sprintf("%d boosted trees", m.Size())
	default:
		m, err := model.Load(bytes.NewReader(raw))
		if err != nil {
			return nil, tribune.Hint(fmt.Errorf("%s: %w", d.model, err), "a file of tribune explain train; others are told by .onnx or .json at the end of their names")
		}
		t.Model, t.kind = m, "a model trained here"
	}
	return t, t.besides(d.model)
}

// besides reads the settings that stand beside a model that was trained here.
func (t *target) besides(path string) error {
	f, err := os.Open(settingsOf(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := recipe.ReadSettings(f)
	if err != nil {
		return fmt.Errorf("%s: %w", settingsOf(path), err)
	}
	if s.Model != t.hash {
		return tribune.Hint(fmt.Errorf("%w: %s is about another model", tribune.ErrInvalid, settingsOf(path)), "remove it, or train again")
	}
	t.settings = &s
	return nil
}

func settingsOf(model string) string { return model + ".settings.json" }

// openRemote asks an endpoint what it takes. Its bytes are not to be had: the hash is of its address, and the report says so.
func openRemote(ctx context.Context, d *explainFlags) (*target, error) {
	u, err := url.Parse(d.model)
	if err != nil {
		return nil, fmt.Errorf("%w: the endpoint's address: %w", errUsage, err)
	}
	prefix, rest, ok := strings.Cut(u.Path, "/v2/models/")
	name, version, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/versions/")
	if !ok || name == "" || u.User != nil || u.RawQuery != "" {
		return nil, tribune.Hint(fmt.Errorf("%w: no model is named at the end of the endpoint's address", errUsage), "https://HOST/v2/models/NAME or .../versions/VERSION")
	}
	if d.budget == 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: say how many records may be sent to the endpoint", errUsage), "--budget 1000000; every explanation asks many times for each record")
	}
	m, err := remote.Open(ctx, remote.Config{
		URL: u.Scheme + "://" + u.Host + prefix, Model: name, Version: version, TokenFile: d.token, CAFile: d.ca, Batch: 512, Rate: d.rate, Budget: d.budget,
	})
	if err != nil {
		return nil, fmt.Errorf("asking the endpoint: %w", err)
	}
	return &target{Model: m, hash: sha256.Sum256([]byte("tribune/explain/endpoint\x00" + d.model)), kind: "an endpoint, named by its address: what it answers with may change unseen"}, nil
}

// scale is how the target's numbers are brought to one size.
func (t *target) scale(d *explainFlags, p audit.Plan) (data.Scale, error) {
	r := recipe.Recipe{Scale: d.scale}
	switch {
	case t.settings != nil && d.scale != "" && d.scale != t.settings.Recipe.Scale:
		return 0, fmt.Errorf("%w: the model was trained on numbers scaled another way", errUsage)
	case t.settings != nil:
		r.Scale = t.settings.Recipe.Scale
	case d.scale == "":
		r.Scale = p.Reference.Scale
	}
	return r.Encoding()
}

// references says how reference models are trained: as the target was, or as the plan says.
func (t *target) references(p audit.Plan) (recipe.Recipe, string, error) {
	switch {
	case t.settings != nil && (p.Reference.Kind == "" || p.Reference.String() == t.settings.Recipe.String()):
		return t.settings.Recipe, "trained as the model was: " + t.settings.Recipe.String(), nil
	case p.Reference.Kind != "":
		return p.Reference, "stand-ins, not trained as the model was (" + t.kind + "): " + p.Reference.String() + "; a closer attacker may find more", nil
	}
	return recipe.Recipe{}, "", tribune.Hint(fmt.Errorf("%w: nothing says how this model was trained, and so not how references are", tribune.ErrInvalid),
		"name a stand-in in the plan: [reference] kind = \"mlp\" (or \"logistic\")")
}

// readBounded reads a whole file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("reading %s: more than %d bytes: %w", path, limit, tribune.ErrTooLarge)
	}
	return raw, nil
}
