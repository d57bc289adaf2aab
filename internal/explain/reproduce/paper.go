package reproduce

// The paper's figures, from the authors' saved notebook ("02 ExampleBased/Evaluation.ipynb", commit a346fda) and its plots; percent unless the measure
// says otherwise. They were measured on 2,000 records and seeds 0..9, the figures by size on seed 0.
type figureKey struct{ dataset, group, measure string }

func exactly(v float64) *Range { return &Range{v, v} }

func ownTop(k int) string { return [...]string{1: "own top 1", 5: "own top 5", 10: "own top 10"}[k] }

// paper gives the paper's figure. The corrected draws have it beside them too: the difference is what the defect did.
func (s *subject) paper(group, measure string) *Range {
	if v, ok := ownTops[s.table.Name][group]; ok {
		for i, k := range ks {
			if measure == ownTop(k) {
				return exactly(v[i])
			}
		}
	}
	if r, ok := figures()[figureKey{s.table.Name, group, measure}]; ok {
		return &r
	}
	return nil
}

var ks = [...]int{1, 5, 10}

var ownTops = map[string]map[string][3]float64{
	"adult": {
		"all": {10, 21, 28}, "age=under 20": {0, 1, 1}, "race=White": {10, 21, 28}, "race=Black": {9, 16, 19},
		"race=Amer-Indian-Eskimo": {8, 23, 32}, "race=Other": {16, 32, 43}, "race=Asian-Pac-Islander": {21, 40, 48},
	},
	"hospital": {
		"all": {33, 63, 75}, "age=[0-10)": {61, 100, 100}, "age=[10-20)": {23, 62, 95}, "race=Caucasian": {32, 62, 74},
		"race=AfricanAmerican": {36, 66, 78}, "race=Hispanic": {40, 61, 77}, "race=Other": {30, 60, 79}, "race=Asian": {33, 70, 95},
	},
}

func figures() map[figureKey]Range {
	out := make(map[figureKey]Range)
	put := func(dataset, measure string, low, high float64) {
		out[figureKey{dataset, "all", measure}] = Range{low, high}
	}
	for i, n := range sizes {
		put("adult", bySize(n), [...]float64{48, 30, 21, 17, 14}[i], [...]float64{48, 30, 21, 17, 14}[i])
		put("hospital", bySize(n), [...]float64{82, 69, 63, 50, 44}[i], [...]float64{82, 69, 63, 50, 44}[i])
	}
	for i, k := range ks {
		put("adult", realQueries(k), [...]float64{7.6, 17.5, 24}[i], [...]float64{7.6, 17.5, 24}[i])
		put("hospital", realQueries(k), [...]float64{16, 41, 57}[i], [...]float64{16, 41, 57}[i])
	}
	put("adult", crawlCore, 7, 11)
	put("hospital", crawlCore, 15, 27)
	put("hospital", crawlShort, 0, 2)
	for i, name := range shapeNames {
		put("adult", name, [...]float64{1742, 1701, 167, 391, 1568}[i], [...]float64{1742, 1701, 167, 391, 1568}[i])
		put("hospital", name, [...]float64{1448, 1333, 228, 287, 727}[i], [...]float64{1448, 1333, 228, 287, 727}[i])
	}
	return out
}
