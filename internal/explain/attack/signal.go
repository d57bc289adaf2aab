package attack

import (
	"math"

	"tribune/internal/explain/matrix"
)

// leastProbability keeps logarithms finite: what a float32 softmax cannot tell from nothing.
const leastProbability = 1e-7

// PredictionWidth is how many numbers Prediction makes.
const PredictionWidth = 3

// Prediction makes numbers of a model's answers p to records whose true classes are y, into to (rows x PredictionWidth): the logit of the true class's
// probability (LiRA, Carlini et al. 2022, 2112.03570, 4: close to a Gaussian where losses are not), the variance of the answer (Shokri, Strobel, Zick
// 1907.00164, 3.1) and the margin to the next class in logits.
func Prediction(p matrix.Matrix, y []int, to []float64) {
	for i := range p.Rows {
		row := p.Row(i)
		out := to[i*PredictionWidth:]
		right := min(max(float64(row[y[i]]), leastProbability), 1-leastProbability)
		other := leastProbability
		for c, v := range row {
			if c != y[i] {
				other = max(other, float64(v))
			}
		}
		out[0], out[1], out[2] = math.Log(right)-math.Log1p(-right), variance(row), math.Log(right)-math.Log(other)
	}
}

// ExplanationWidth is how many numbers Explanation makes.
const ExplanationWidth = 4

// least is added to a norm before its logarithm: an explanation may be all zeros.
const least = 1e-12

// Explanation makes numbers of attributions (rows x inputs) into to (rows x ExplanationWidth): the logarithms of variance, 1-norm, 2-norm and
// largest part. The paper's threshold attack takes the variance and the norms; logarithms make them comparable between records.
func Explanation(a matrix.Matrix, to []float64) {
	for i := range a.Rows {
		row := a.Row(i)
		var one, two, most float64
		for _, v := range row {
			x := math.Abs(float64(v))
			one, two, most = one+x, two+x*x, max(most, x)
		}
		out := to[i*ExplanationWidth:]
		out[0], out[1], out[2], out[3] = math.Log(variance(row)+least), math.Log(one+least), math.Log(math.Sqrt(two)+least), math.Log(most+least)
	}
}

// variance of the parts of one answer or explanation.
func variance(row []float32) float64 {
	var sum float64
	for _, v := range row {
		sum += float64(v)
	}
	mean, out := sum/float64(len(row)), 0.0
	for _, v := range row {
		out += (float64(v) - mean) * (float64(v) - mean)
	}
	return out / float64(len(row))
}
