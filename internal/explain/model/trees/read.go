package trees

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tribune"
	"tribune/internal/worker"
)

// Name is the job that reads a file of trees.
const Name = "trees"

// Job reads a file in a worker; Decode reads its answer.
func Job(in io.Reader, out io.Writer) error {
	data, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		return err
	}
	t, err := Read(data)
	if err != nil {
		return err
	}
	_, err = out.Write(t.Encode())
	return err
}

var _ worker.Job = Job

// Limits are what reading takes at most.
func Limits() worker.Limits {
	return worker.Limits{Input: MaxFile, Output: MaxFile, Memory: 2 << 30}
}

// Read reads a whole file of either library. Errors are tribune.ErrInvalid, ErrTooLarge or ErrUnsupported.
func Read(data []byte) (*Trees, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("reading trees: %w: %d bytes of at most %d", tribune.ErrTooLarge, len(data), MaxFile)
	}
	if bytes.HasPrefix(data, []byte("tree\n")) {
		return nil, tribune.Hint(fmt.Errorf("reading trees: %w: this is LightGBM's text format", tribune.ErrUnsupported), "write json.dumps(booster.dump_model()) to a file instead of save_model")
	}
	var kind struct {
		Learner jsontext.Value `json:"learner"`
		Trees   jsontext.Value `json:"tree_info"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return nil, fmt.Errorf("reading trees: %w: %w", tribune.ErrInvalid, err)
	}
	read, library := readXGBoost, "XGBoost"
	switch {
	case kind.Learner != nil && kind.Trees == nil:
	case kind.Learner == nil && kind.Trees != nil:
		read, library = readLightGBM, "LightGBM"
	default:
		return nil, tribune.Hint(fmt.Errorf("reading trees: %w: neither XGBoost nor LightGBM wrote this", tribune.ErrInvalid), `XGBoost: booster.save_model("x.json"); LightGBM: json.dumps(booster.dump_model())`)
	}
	t, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("reading trees of %s: %w", library, err)
	}
	return t, nil
}

// Open has a worker read a file and takes its answer apart.
func Open(ctx context.Context, w worker.Worker, file io.Reader) (*Trees, error) {
	answer, err := w.Run(ctx, Name, file, Limits())
	if err != nil {
		return nil, err
	}
	return Decode(answer)
}
