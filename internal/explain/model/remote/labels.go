package remote

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tribune"
	"tribune/internal/explain/matrix"
)

// An endpoint may tell of each record only which class it is: as a number from 0 (INT64 and the like), as yes or no (BOOL), or as a word (BYTES). It is
// read where Config.Names says what the classes are called, and Predict then gives 1 for that class and 0 for the others. What an endpoint tells that
// does not describe its outputs is found by sending one record of zeros.

// LabelsAlone reports whether the endpoint tells classes and no probabilities, by its metadata or its first answer. One whose numbers are all 0 or 1 does
// too; whoever has seen many of them can tell.
func (r *Remote) LabelsAlone() bool { return r.labels }

// Output is the name of the tensor that is read.
func (r *Remote) Output() string { return r.output.Name }

// words chooses an output of classes, where none of floats is meant.
func (r *Remote) words(ctx context.Context, all []tensorInfo) error {
	var fit []tensorInfo
	for _, t := range all {
		if (r.cfg.Output == "" || t.Name == r.cfg.Output) && tells(t.Datatype) {
			fit = append(fit, t)
		}
	}
	switch {
	case len(all) == 0 && r.cfg.Output == "":
		return r.probe(ctx)
	case len(fit) != 1:
		return tribune.Hint(fmt.Errorf("%w: %d of its %d outputs tell classes", tribune.ErrInvalid, len(fit), len(all)), "name the output tensor: --output-tensor")
	}
	r.output, r.labels, r.classes = fit[0], true, len(r.cfg.Names)
	return nil
}

// tells reports whether a tensor of that type can say which class.
func tells(datatype string) bool {
	return slices.Contains([]string{"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "BYTES"}, datatype)
}

// probe sends a record of zeros and takes of the answer's outputs the one of floats, else the first that tells classes.
func (r *Remote) probe(ctx context.Context) error {
	const id = "probe"
	body, err := json.Marshal(inferRequest{ID: id, Inputs: []inputTensor{{r.input.Name, append([]int64{1}, r.input.Shape...), r.input.Datatype, make([]float32, r.inputs)}}})
	if err != nil {
		return err
	}
	answer, err := r.persist(ctx, http.MethodPost, r.base+"/infer", body, 1<<20, 1)
	if err != nil {
		return err
	}
	var m inferResponse
	if err := json.Unmarshal(answer, &m); err != nil {
		return fmt.Errorf("%w: the answer about a record of zeros: %w", tribune.ErrInvalid, err)
	}
	for _, t := range m.Outputs {
		info := tensorInfo{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
		if floats(t.Datatype) && info.Name != "" {
			r.output = info
			return r.probabilitiesOf(info)
		}
	}
	for _, t := range m.Outputs {
		if tells(t.Datatype) && t.Name != "" {
			r.output, r.labels, r.classes = tensorInfo{Name: t.Name, Datatype: t.Datatype}, true, len(r.cfg.Names)
			return nil
		}
	}
	return fmt.Errorf("%w: it answers a record of zeros with %d outputs, and none has a name and floats or classes", tribune.ErrInvalid, len(m.Outputs))
}

// probabilitiesOf takes an output of floats: a number for each class, or one number. One number where there are more than two classes is which class.
func (r *Remote) probabilitiesOf(t tensorInfo) error {
	per := int64(1)
	for _, d := range t.Shape[min(1, len(t.Shape)):] {
		if d < 1 || d > maxClasses/per {
			return fmt.Errorf("%w: output %.100q of shape %v", tribune.ErrInvalid, t.Name, t.Shape)
		}
		per *= d
	}
	r.classes = len(r.cfg.Names)
	switch {
	case per == 1 && r.classes > 2:
		r.labels = true
	case per == 1:
		r.single = true
	case int(per) != r.classes:
		return fmt.Errorf("%w: %d numbers of each record, there are %d classes", tribune.ErrInvalid, per, r.classes)
	}
	return nil
}

// readLabels fills p with 1 for the class that is told of each record.
func (r *Remote) readLabels(t outputTensor, p matrix.Matrix) error {
	if len(t.Shape) == 0 || t.Shape[0] != int64(p.Rows) || len(t.Shape) > 2 || len(t.Shape) == 2 && t.Shape[1] != 1 || !tells(t.Datatype) && !floats(t.Datatype) {
		return fmt.Errorf("%w: an answer of %.20q, shape %v, to %d records, of each its class", tribune.ErrInvalid, t.Datatype, t.Shape, p.Rows)
	}
	d := jsontext.NewDecoder(bytes.NewReader(t.Data))
	n := 0
	for {
		token, err := d.ReadToken()
		if err != nil {
			if n == p.Rows {
				return nil
			}
			return fmt.Errorf("%w: %d classes instead of %d", tribune.ErrInvalid, n, p.Rows)
		}
		if token.Kind() == '[' || token.Kind() == ']' {
			continue
		}
		if n == p.Rows {
			return fmt.Errorf("%w: more than %d classes", tribune.ErrInvalid, p.Rows)
		}
		class, err := r.class(token)
		if err != nil {
			return fmt.Errorf("record %d of the batch: %w", n, err)
		}
		row := p.Row(n)
		clear(row)
		row[class] = 1
		n++
	}
}

// class reads one: its number from 0, its name, or whether it is the second of two.
func (r *Remote) class(t jsontext.Token) (int, error) {
	text := t.String()
	switch t.Kind() {
	case 't', 'f':
		if len(r.cfg.Names) == 2 {
			return map[bool]int{true: 1}[t.Kind() == 't'], nil
		}
	case '"':
		if at := slices.Index(r.cfg.Names, text); at >= 0 {
			return at, nil
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(r.cfg.Names) {
			return n, nil
		}
	case '0':
		if v, err := strconv.ParseFloat(text, 64); err == nil && v == math.Trunc(v) && v >= 0 && v < float64(len(r.cfg.Names)) {
			return int(v), nil
		}
	}
	return 0, tribune.Hint(fmt.Errorf("%w: %.60q is none of the %d classes", tribune.ErrInvalid, printable(text), len(r.cfg.Names)), "classes are numbered from 0, in the order of the schema's values, or told by those words")
}

// one reports whether a tensor has one number for each record.
func (t tensorInfo) one() bool {
	for _, d := range t.Shape[min(1, len(t.Shape)):] {
		if d != 1 {
			return false
		}
	}
	return len(t.Shape) > 0
}
