package reproduce

// strongestOf is the minimum of the paper's figures 4 and 6.
func strongestOf(network layered, classes int) *Range {
	if v, ok := strongests()[network]; ok {
		if classes == 2 {
			return exactly(v[0])
		}
		return exactly(v[1])
	}
	return nil
}

func strongests() map[layered][2]float64 {
	return map[layered][2]float64{{1, 5}: {-.24, -.25}, {2, 50}: {-.52, -.55}, {3, 100}: {-.49, -.64}}
}

// curveKey is a curve of the paper's figure 6.
type curveKey struct {
	layered
	classes int
}

// curve is a point of the paper's figure 6, read off the plot that the authors saved ("01 Threshold/03 Figure 4-6/Evaluation.ipynb", commit a346fda): its
// height is known to about 0.01.
func curve(network layered, classes, features int) *Range {
	if v, ok := curves()[curveKey{network, classes}][features]; ok {
		return &Range{v - .01, v + .01}
	}
	return nil
}

func curves() map[curveKey]map[int]float64 {
	return map[curveKey]map[int]float64{
		{layered{1, 5}, 2}:     {10: 0, 50: 0, 100: 0, 200: 0, 500: -.065, 1000: -.235, 2000: -.23, 5000: -.15},
		{layered{2, 50}, 2}:    {10: 0, 50: -.015, 100: -.05, 200: -.095, 500: -.205, 1000: -.41, 2000: -.515, 5000: -.445},
		{layered{3, 100}, 2}:   {10: 0, 50: -.04, 100: -.105, 200: -.19, 500: -.29, 1000: -.32, 2000: -.405, 5000: -.495},
		{layered{1, 5}, 100}:   {10: 0, 50: 0, 100: 0, 200: 0, 500: -.045, 1000: -.245, 2000: -.25, 5000: -.165},
		{layered{2, 50}, 100}:  {10: 0, 50: 0, 100: 0, 200: -.015, 500: -.195, 1000: -.485, 2000: -.55, 5000: -.40},
		{layered{3, 100}, 100}: {10: -.01, 50: 0, 100: .015, 200: -.02, 500: -.495, 1000: -.605, 2000: -.64, 5000: -.51},
	}
}

// thresholdFigure is the paper's: Adult and CIFAR-10 from the authors' saved results ("01 Threshold/01 Figure 1/Evaluation.ipynb", "05 Figure 9"), Texas from those
// over epochs. Where methods are shown in a plot alone (figure 3), Adult's are "about .51".
func thresholdFigure(dataset, signal, measure string, d Draw) *Range {
	saved := map[string]map[string]float64{
		"cifar-10": {"gradient variance": .52, "SmoothGrad variance": .53, "guided backpropagation variance": .50, "integrated gradients variance": .52, "LRP-epsilon variance": .52},
		"texas":    {"gradient variance": .66},
	}
	switch {
	case measure != optimalIs && measure != shadowsAre:
		return nil
	case dataset == "adult" && (signal == lossOf || signal == answerOf || signal == "gradient variance"):
		return exactly(.51)
	case dataset == "adult" && measure == optimalIs:
		return &Range{.50, .52}
	case measure == optimalIs:
		if v, ok := saved[dataset][signal]; ok {
			return exactly(v)
		}
	}
	return nil
}

// byEpochs are the authors' saved figures of Texas-100 after 5, 10, ..., 45 epochs (figure 8; of Purchase and CIFAR-10 there is the plot alone).
func byEpochs(dataset string, k int) *Range {
	texas := [...]float64{.55, .59, .61, .64, .64, .64, .66, .66, .66}
	if dataset != "texas" || k >= len(texas) {
		return nil
	}
	return exactly(texas[k])
}
