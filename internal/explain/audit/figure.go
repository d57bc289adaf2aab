package audit

import "slices"

// Measure is what a Figure is about.
type Measure string

// The measures that plans limit.
const (
	MeasureTPR01  Measure = "tpr@0.1%"
	MeasureTPR1   Measure = "tpr@1%"
	MeasureAUC    Measure = "auc"
	MeasureBeyond Measure = "beyond-auc"
)

// Measures of the paper's threshold attacks, which no plan limits: balanced accuracy, 0.5 = guessing.
const (
	MeasureShadow  Measure = "balanced@shadow"  // at the threshold that the references teach
	MeasureOptimal Measure = "balanced@optimal" // at the best threshold there is, which no attacker knows
)

// Sight is what an attack looked at.
type Sight string

// What an attacker may see of a point.
const (
	OnPrediction  Sight = "prediction"
	OnExplanation Sight = "explanation"
	OnBoth        Sight = "both"
)

// Everybody is the grouping of the figures about all records; its one value is "".
const Everybody = ""

// Figure is one measurement, or the refusal of one.
type Figure struct {
	Explanation string  `json:"explanation"` // Explanation.Name; "" = the prediction alone
	Attack      string  `json:"attack"`
	Sight       Sight   `json:"sight"`
	Grouping    string  `json:"grouping"`
	Group       string  `json:"group"`
	Measure     Measure `json:"measure"`
	Members     int     `json:"members"` // records of the training split that were scored
	Others      int     `json:"others"`  // records that were not trained on
	Value       float64 `json:"value"`   // Value, Low and High are 0 where Refused is not ""
	Low         float64 `json:"low"`     // of an interval that holds for all figures of its measure at once
	High        float64 `json:"high"`
	Common      bool    `json:"common,omitempty"`  // the attacker has one threshold for everybody: the group is too small for one of its own
	Refused     string  `json:"refused,omitempty"` // why the data are too few
}

// sortFigures puts figures in the one order in which a verdict holds them.
func sortFigures(figures []Figure) { slices.SortFunc(figures, Figure.compare) }
