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
	"path/filepath"
	"slices"
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

// anEndpoint is what a report says of one.
const anEndpoint = "an endpoint, named by its address: what it answers with may change unseen"

// endpointBatch is how many records go to an endpoint in one request.
const endpointBatch = 512

// target is a model that is to be audited.
type target struct {
	model.Model
	hash     tribune.Hash
	kind     string           // what it is, for the report
	settings *recipe.Settings // nil: it was not trained here
	labels   []string         // what the file calls its classes, where it does
	endpoint *remote.Remote   // nil: it is a file
}

// openModel reads a model's file. Files of others' formats are read in a worker.
func openModel(ctx context.Context, d *explainFlags) (*target, error) {
	if d.model == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: say which model", errUsage), "--model FILE; tribune explain train makes one")
	}
	return openFile(ctx, d.model)
}

func isEndpoint(model string) bool {
	return strings.HasPrefix(model, "http://") || strings.HasPrefix(model, "https://")
}

// openFile reads a model's file.
func openFile(ctx context.Context, path string) (*target, error) {
	raw, err := readBounded(path, maxModel)
	if err != nil {
		return nil, err
	}
	t := &target{hash: sha256.Sum256(raw)}
	switch {
	case strings.HasSuffix(path, ".onnx"):
		m, err := onnx.Open(ctx, worker.Worker{}, bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t.Model, t.kind, t.labels = m.Network, "a network from an ONNX file", m.Labels
	case strings.HasSuffix(path, ".json"):
		m, err := trees.Open(ctx, worker.Worker{}, bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t.Model, t.kind = m, fmt.Sprintf("%d boosted trees", m.Size())
	default:
		m, err := model.Load(bytes.NewReader(raw))
		if err != nil {
			return nil, tribune.Hint(fmt.Errorf("%s: %w", path, err), "%s", converting(path))
		}
		t.Model, t.kind = m, "a model trained here"
	}
	return t, t.besides(path)
}

// converting says how to bring a file of another form into one that is read.
func converting(path string) string {
	switch filepath.Ext(path) {
	case ".pt", ".pth", ".ckpt", ".safetensors":
		return "torch.onnx.export(module, (example,), \"model.onnx\") writes a form that is read"
	case ".pkl", ".pickle", ".joblib":
		return "a pickle is a program and is not run: skl2onnx.to_onnx(model, X[:1]).SerializeToString() is a .onnx file; XGBoost and LightGBM have JSON of their own"
	case ".ubj", ".bin":
		return "booster.save_model(\"model.json\") writes XGBoost's JSON, which is read"
	case ".txt":
		return "json.dump(booster.dump_model(), file) writes LightGBM's JSON, which is read"
	case ".h5", ".keras", ".pb", ".tflite":
		return "tf2onnx writes a .onnx file"
	}
	return "a file of tribune explain train; others are told by .onnx or .json at the end of their names"
}

// fits refuses records that the model cannot have been trained on: of another width, other classes, and as far as its file tells, of other columns, another order
// or another scale.
func (t *target) fits(s audit.Subject) error {
	if err := s.Fits(t.Model); err != nil {
		return err
	}
	if own := s.Train.Classes; !slices.Equal(t.labels, own) && slices.Equal(slices.Sorted(slices.Values(t.labels)), slices.Sorted(slices.Values(own))) {
		return fmt.Errorf("%w: the model answers with the classes %.300q in this order, the records have %.300q", tribune.ErrInvalid, t.labels, own)
	}
	if m, ok := t.Model.(*trees.Trees); ok {
		return m.Suits(s.Train.Features, s.Train.X)
	}
	return nil
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
func openRemote(ctx context.Context, d *explainFlags, like data.Set) (*target, error) {
	cfg, err := endpointConfig(d, d.model)
	if err != nil {
		return nil, err
	}
	cfg.Inputs, cfg.Classes = like.X.Cols, len(like.Classes) // metadata need not tell
	m, err := remote.Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("asking the endpoint: %w", err)
	}
	return &target{Model: m, endpoint: m, hash: sha256.Sum256([]byte("tribune/explain/endpoint\x00" + d.model)), kind: anEndpoint}, nil
}

// endpointConfig reads a model's address.
func endpointConfig(d *explainFlags, address string) (remote.Config, error) {
	u, err := url.Parse(address)
	if err != nil {
		return remote.Config{}, fmt.Errorf("%w: the endpoint's address: %w", errUsage, err)
	}
	prefix, rest, ok := strings.Cut(u.Path, "/v2/models/")
	name, version, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/versions/")
	if !ok || name == "" || u.User != nil || u.RawQuery != "" {
		return remote.Config{}, tribune.Hint(fmt.Errorf("%w: no model is named at the end of the endpoint's address", errUsage), "https://HOST/v2/models/NAME or .../versions/VERSION")
	}
	if d.budget == 0 {
		return remote.Config{}, tribune.Hint(fmt.Errorf("%w: say how many records may be sent to the endpoint", errUsage), "--budget 1000000; every explanation asks many times for each record")
	}
	return remote.Config{URL: u.Scheme + "://" + u.Host + prefix, Model: name, Version: version, TokenFile: d.token, CAFile: d.ca, Batch: endpointBatch, Rate: d.rate, Budget: d.budget,
		Input: d.release.input, Output: d.release.output, Logits: d.release.logits}, nil
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
		"train references as the model was, on what tribune explain export writes, and name their folder: --references DIR; or, weaker, name a stand-in in the plan: [reference] kind = \"mlp\" (or \"logistic\")")
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
