package onnx

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/model"
)

// linearClassifier is logistic regression as skl2onnx writes it: a row of coefficients for each class, then SOFTMAX, or LOGISTIC of two classes.
func linearClassifier(c *call) (value, error) {
	x, err := c.features(0)
	if err != nil {
		return x, err
	}
	var texts []string
	if a, err := c.attr("classlabels_strings", attrStrings); err != nil {
		return x, err
	} else if a != nil {
		texts = a.texts
	}
	ints, err := c.ints("classlabels_ints")
	if err != nil {
		return x, err
	}
	c.b.name(texts, ints)
	w, err := c.floats("coefficients")
	if err != nil {
		return x, err
	}
	b, err := c.floats("intercepts")
	if err != nil {
		return x, err
	}
	if _, err := c.integer("multi_class", 0); err != nil { // it changes labels, not probabilities
		return x, err
	}
	post, err := c.text("post_transform", "NONE")
	if err != nil {
		return x, err
	}
	rows := len(w) / x.shape[0]
	if rows < 1 || rows*x.shape[0] != len(w) || b != nil && len(b) != rows {
		return x, fmt.Errorf("%w: %d coefficients and %d intercepts for %d features", tribune.ErrInvalid, len(w), len(b), x.shape[0])
	}
	return c.classify(x, &model.Dense{Out: rows, W: w, B: b}, post)
}

func (c *call) classify(x value, d *model.Dense, post string) (value, error) {
	switch {
	case post == "SOFTMAX" && d.Out >= 2:
		v, err := c.layer(d, model.Shape{d.Out}, x)
		if err != nil {
			return v, err
		}
		return c.layer(&model.Softmax{}, v.shape, v)
	case post == "LOGISTIC" && d.Out == 1:
		v, err := c.layer(d, model.Shape{1}, x)
		if err != nil {
			return v, err
		}
		return c.layer(&model.Activation{Function: model.Sigmoid}, v.shape, v)
	case post == "LOGISTIC" && d.Out == 2 && mirrored(d, x.shape[0]):
		// sigmoid(z) and sigmoid(-z) are the softmax of z/2 and -z/2
		halve(d.W)
		halve(d.B)
		v, err := c.layer(d, model.Shape{2}, x)
		if err != nil {
			return v, err
		}
		return c.layer(&model.Softmax{}, v.shape, v)
	}
	return x, fmt.Errorf("%w: post_transform %.40q of %d scores (SOFTMAX, and LOGISTIC of two classes, are read)", tribune.ErrUnsupported, post, d.Out)
}

// mirrored: the two classes' scores are z and -z.
func mirrored(d *model.Dense, in int) bool {
	for i := range in {
		if d.W[i] != -d.W[in+i] {
			return false
		}
	}
	return d.B == nil || d.B[0] == -d.B[1]
}

func halve(s []float32) {
	for i := range s {
		s[i] /= 2
	}
}

// floats is a list of finite numbers, a copy; nil where it is not given.
func (c *call) floats(name string) ([]float32, error) {
	a, err := c.attr(name, attrFloats)
	if a == nil || err != nil {
		return nil, err
	}
	for k, v := range a.floats {
		if v-v != 0 {
			return nil, fmt.Errorf("%w: number %d of %q is %v", tribune.ErrInvalid, k, name, v)
		}
	}
	return append([]float32(nil), a.floats...), nil
}

// scaler is (in - offset) * scale.
func scaler(c *call) (value, error) {
	x, err := c.features(0)
	if err != nil {
		return x, err
	}
	all := make([][]float32, 2)
	for k, name := range []string{"offset", "scale"} {
		given, err := c.floats(name)
		if err != nil {
			return x, err
		}
		if given == nil {
			given = []float32{float32(k)} // 0, 1
		}
		if all[k], err = c.b.broadcast(&tensor{dims: []int{len(given)}, f: given}, x.shape); err != nil {
			return x, fmt.Errorf("%q: %w", name, err)
		}
		for i := range all[k] {
			if k == 0 {
				all[k][i] = -all[k][i]
			}
		}
	}
	if x, err = c.affine(x, nil, all[0]); err != nil { // two steps: rounded as the exporter's runtime rounds
		return x, err
	}
	return c.affine(x, all[1], nil)
}

// normalizer is read where it changes nothing: probabilities divided by their sum.
func normalizer(c *call) (value, error) {
	x, err := c.features(0)
	if err != nil {
		return x, err
	}
	norm, err := c.text("norm", "MAX")
	if err != nil {
		return x, err
	}
	var after bool
	if x.node >= 0 {
		_, after = c.b.nodes[x.node].Layer.(*model.Softmax)
	}
	if norm != "L1" || !after {
		return x, fmt.Errorf("%w: norm %.40q of what is no softmax", tribune.ErrUnsupported, norm)
	}
	return x, nil
}

// zipMap makes of probabilities a map from labels: the probabilities are what counts.
func zipMap(c *call) (value, error) {
	x, err := c.features(0)
	if err != nil {
		return x, err
	}
	var texts []string
	if a, err := c.attr("classlabels_strings", attrStrings); err != nil {
		return x, err
	} else if a != nil {
		texts = a.texts
	}
	ints, err := c.ints("classlabels_int64s")
	if err != nil {
		return x, err
	}
	c.b.name(texts, ints)
	return x, nil
}
