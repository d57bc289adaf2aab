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

// The protocol's JSON objects, as far as they count: $metadata_model_response, $inference_request, $inference_response, $inference_error_response.
type (
	metadata struct {
		Name    string       `json:"name"`
		Inputs  []tensorInfo `json:"inputs"`
		Outputs []tensorInfo `json:"outputs"`
	}
	tensorInfo struct {
		Name     string  `json:"name"`
		Datatype string  `json:"datatype"`
		Shape    []int64 `json:"shape"`
	}
	inferRequest struct {
		ID      string          `json:"id"`
		Inputs  []inputTensor   `json:"inputs"`
		Outputs []requestOutput `json:"outputs,omitempty"`
	}
	inputTensor struct {
		Name     string    `json:"name"`
		Shape    []int64   `json:"shape"`
		Datatype string    `json:"datatype"`
		Data     []float32 `json:"data"`
	}
	requestOutput struct {
		Name string `json:"name"`
	}
	inferResponse struct {
		Model   string         `json:"model_name"`
		ID      string         `json:"id"`
		Outputs []outputTensor `json:"outputs"`
	}
	outputTensor struct {
		Name     string         `json:"name"`
		Shape    []int64        `json:"shape"`
		Datatype string         `json:"datatype"`
		Data     jsontext.Value `json:"data"`
	}
)

// describe learns from the metadata what the configuration leaves open, and holds them against it.
func (r *Remote) describe(ctx context.Context) error {
	answer, err := r.persist(ctx, http.MethodGet, r.base, nil, 1<<20, 0)
	if err != nil {
		return err
	}
	var m metadata
	if err := json.Unmarshal(answer, &m); err != nil {
		return fmt.Errorf("%w: the metadata: %w", tribune.ErrInvalid, err)
	}
	if m.Name != "" && m.Name != r.cfg.Model {
		return fmt.Errorf("%w: it calls itself %.100q", tribune.ErrInvalid, m.Name)
	}
	if r.input, err = choose(m.Inputs, r.cfg.Input, "input"); err != nil {
		return err
	}
	if r.inputs, err = width(&r.input, r.cfg.Inputs, maxFeatures, "features"); err != nil {
		return err
	}
	if r.output, err = choose(m.Outputs, r.cfg.Output, "output"); err != nil {
		if len(r.cfg.Names) == 0 {
			return err
		}
		return r.words(ctx, m.Outputs)
	}
	want := or(r.cfg.Classes, len(r.cfg.Names))
	if want > 2 && len(r.cfg.Names) > 0 && r.output.one() {
		r.labels, r.classes = true, want
		return nil
	}
	if want == 2 && len(r.output.Shape) > 0 && r.output.Shape[len(r.output.Shape)-1] == 1 {
		want = 1
	}
	if r.classes, err = width(&r.output, want, maxClasses, "classes"); err != nil {
		return err
	}
	r.single = r.classes == 1
	r.classes = max(r.classes, 2)
	return nil
}

// choose is the tensor of that name, or the only one of floats. A server that tells of none is believed to have the one that is named.
func choose(all []tensorInfo, name, what string) (tensorInfo, error) {
	var fit []tensorInfo
	for _, t := range all {
		if name == "" && floats(t.Datatype) || name != "" && t.Name == name {
			fit = append(fit, t)
		}
	}
	switch {
	case len(all) == 0 && name != "":
		return tensorInfo{Name: name, Datatype: "FP32"}, nil
	case len(fit) != 1:
		return tensorInfo{}, tribune.Hint(fmt.Errorf("%w: %d of its %d %ss are meant by %q", tribune.ErrInvalid, len(fit), len(all), what, name), "name the %s tensor: --%[1]s-tensor", what)
	case !floats(fit[0].Datatype):
		return tensorInfo{}, fmt.Errorf("%w: %s %.100q holds %.20q; floats are read", tribune.ErrUnsupported, what, fit[0].Name, fit[0].Datatype)
	}
	return fit[0], nil
}

func floats(datatype string) bool {
	return slices.Contains([]string{"FP16", "BF16", "FP32", "FP64"}, datatype)
}

// width is how many numbers a record has: all dimensions after the first, which is for the batch. They are kept in t.Shape.
func width(t *tensorInfo, configured, most int, what string) (int, error) {
	n := int64(1)
	var rest []int64
	if len(t.Shape) > 0 {
		rest = t.Shape[1:]
	} else {
		n = -1
	}
	for _, d := range rest {
		if d < 1 {
			n = -1
			break
		}
		if d > int64(most)/n {
			return 0, fmt.Errorf("%w: shape %v", tribune.ErrTooLarge, t.Shape)
		}
		n *= d
	}
	switch {
	case n < 0 && configured == 0:
		return 0, tribune.Hint(fmt.Errorf("%w: the metadata do not say how many %s it has", tribune.ErrInvalid, what), "give the number of %s", what)
	case n < 0:
		t.Shape = []int64{int64(configured)}
		return configured, nil
	case configured != 0 && int64(configured) != n:
		return 0, fmt.Errorf("%w: %d %s where %d are expected", tribune.ErrInvalid, n, what, configured)
	}
	t.Shape = rest
	return int(n), nil
}

func (r *Remote) request(id string, x matrix.Matrix) ([]byte, error) {
	return json.Marshal(inferRequest{
		ID:      id,
		Inputs:  []inputTensor{{r.input.Name, append([]int64{int64(x.Rows)}, r.input.Shape...), r.input.Datatype, x.Data}},
		Outputs: []requestOutput{{r.output.Name}},
	})
}

// read fills p with the probabilities of an answer, or says why they are none.
func (r *Remote) read(answer []byte, id string, p matrix.Matrix) error {
	var m inferResponse
	if err := json.Unmarshal(answer, &m); err != nil {
		return fmt.Errorf("%w: the answer: %w", tribune.ErrInvalid, err)
	}
	if m.ID != "" && m.ID != id {
		return fmt.Errorf("%w: the answer is to request %.40q, not %q", tribune.ErrInvalid, m.ID, id)
	}
	if m.Model != "" && m.Model != r.cfg.Model {
		return fmt.Errorf("%w: model %.100q answers", tribune.ErrInvalid, m.Model)
	}
	at := slices.IndexFunc(m.Outputs, func(t outputTensor) bool { return t.Name == r.output.Name })
	if at < 0 {
		return fmt.Errorf("%w: the answer has no output %q", tribune.ErrInvalid, r.output.Name)
	}
	t := m.Outputs[at]
	if r.labels {
		return r.readLabels(t, p)
	}
	per := r.classes
	if r.single {
		per = 1
	}
	size := int64(1)
	for _, d := range t.Shape {
		if d < 1 || d > int64(p.Rows*per)/size {
			return fmt.Errorf("%w: an answer of shape %v to %d records of %d classes", tribune.ErrInvalid, t.Shape, p.Rows, r.classes)
		}
		size *= d
	}
	if len(t.Shape) == 0 || t.Shape[0] != int64(p.Rows) || size != int64(p.Rows*per) || !floats(t.Datatype) {
		return fmt.Errorf("%w: an answer of %.20q, shape %v, to %d records of %d classes", tribune.ErrInvalid, t.Datatype, t.Shape, p.Rows, r.classes)
	}
	numbers, err := flatten(t.Data, int(size))
	if err != nil {
		return err
	}
	for i := range p.Rows {
		if err := r.probabilities(numbers[i*per:(i+1)*per], p.Row(i)); err != nil {
			return fmt.Errorf("record %d of the batch: %w", i, err)
		}
	}
	return nil
}

// flatten reads a tensor's data, nested or not: exactly n numbers, in their order.
func flatten(data jsontext.Value, n int) ([]float64, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	var out []float64
	for {
		t, err := d.ReadToken()
		if err != nil {
			if len(out) == n {
				return out, nil // the value was checked when the answer was parsed: this is its end
			}
			return nil, fmt.Errorf("%w: %d numbers instead of %d", tribune.ErrInvalid, len(out), n)
		}
		switch t.Kind() {
		case '[', ']':
		case '0':
			v, err := strconv.ParseFloat(t.String(), 64)
			if err != nil || len(out) == n {
				return nil, fmt.Errorf("%w: more than %d numbers, or one too great", tribune.ErrInvalid, n)
			}
			out = append(out, v)
		default:
			return nil, fmt.Errorf("%w: %.40s among the numbers", tribune.ErrInvalid, printable(t.String()))
		}
	}
}

// slack is how far probabilities may miss 1 together: an endpoint may round them to four digits.
const slack = 1e-3

func (r *Remote) probabilities(from []float64, p []float32) error {
	if r.cfg.Logits {
		return softmax(from, r.single, p)
	}
	var sum float64
	for k, v := range from {
		if !(v >= -1e-6 && v <= 1+1e-6) {
			return tribune.Hint(fmt.Errorf("%w: %v for class %d is no probability", tribune.ErrInvalid, v, k), "say so if the endpoint gives logits")
		}
		from[k] = min(max(v, 0), 1)
		sum += from[k]
	}
	if r.single {
		p[0], p[1] = float32(1-from[0]), float32(from[0])
		return nil
	}
	if math.Abs(sum-1) > slack {
		return fmt.Errorf("%w: its probabilities are %v together", tribune.ErrInvalid, sum)
	}
	for k, v := range from {
		p[k] = float32(v)
	}
	return nil
}

func softmax(from []float64, single bool, p []float32) error {
	if single {
		from = []float64{0, from[0]}
	}
	top := slices.Max(from)
	var sum float64
	for _, v := range from {
		sum += math.Exp(v - top)
	}
	if !(sum >= 1) || math.IsInf(sum, 0) {
		return fmt.Errorf("%w: the logits %v", tribune.ErrInvalid, from)
	}
	for k, v := range from {
		p[k] = float32(math.Exp(v-top) / sum)
	}
	return nil
}
