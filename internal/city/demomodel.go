package city

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tribune"
	shipped "tribune/data"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
	"tribune/internal/explain/recipe"
)

// The demo's model of parking demand: will a car park be nearly full half an hour from now? It is a real one, trained at the founding on the
// measurements that are shipped, and stands in the register with its hash and the limits of its audit. There is no verdict on it until somebody audits
// it: everything that takes lies beside it.

// Model is the folder of one model: its file, its settings, what it was trained on and what not, and the plan of its audit. It belongs to the model's
// owner and auditor and not to the hub.
func (d Dir) Model(name string) string { return d.path("models", name) }

const (
	demoModel     = "parking-demand"
	demoModelRows = 12000 // on either side: so many that groups can be measured, so few that the founding takes no longer
	nearlyFull    = 0.8
)

const demoSchema = `{"name": "parking-demand", "columns": [
 {"name": "carPark", "kind": "category"},
 {"name": "weekday", "kind": "category", "group": true},
 {"name": "minute", "kind": "numeric"},
 {"name": "share", "kind": "numeric"},
 {"name": "change", "kind": "numeric"},
 {"name": "full", "kind": "label", "values": ["no", "yes"]}
]}
`

// demoPlan fixes the limits before anybody has measured.
const demoPlan = `# What is measured of the model of parking demand, and what is too much. Its hash stands in the city's register.
version = 1
attacks = ["lira", "rmia"]
groups = ["weekday"]
references = 8
resamples = 0
seed = 7
days = 90
clean = true

[[explanation]]
method = "gradient"

[limit]
tpr_at_1_percent = 0.05
beyond_auc = 0.05

[group_limit]
tpr_at_1_percent = 0.10
beyond_auc = 0.10
`

// model makes the demo's model, once, and names it and its plan.
func (d *demo) model() (hash, plan tribune.Hash, err error) {
	fail := func(err error) (tribune.Hash, tribune.Hash, error) {
		return hash, plan, fmt.Errorf("training the demo's model: %w", err)
	}
	p, err := audit.ParsePlan([]byte(demoPlan))
	if err != nil {
		return fail(err)
	}
	if plan, err = p.Hash(); err != nil {
		return fail(err)
	}
	path := func(name string) string { return filepath.Join(d.Dir.Model(demoModel), name) }
	known, err := os.ReadFile(path("model"))
	if err == nil {
		return sha256.Sum256(known), plan, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fail(err)
	}
	train, test, err := demandRows()
	if err != nil {
		return fail(err)
	}
	file, settings, err := trainDemand(train)
	if err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(d.Dir.Model(demoModel), 0o700); err != nil {
		return fail(err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{"schema.json", []byte(demoSchema)}, {"plan.toml", []byte(demoPlan)}, {"train.csv", train}, {"test.csv", test}, {"model.settings.json", settings}, {"model", file}} {
		if err := writeFile(path(f.name), f.data, 0o600); err != nil {
			return fail(err)
		}
	}
	return sha256.Sum256(file), plan, nil
}

// trainDemand trains as tribune explain train does, so that an audit trains its references alike.
func trainDemand(rows []byte) (file, settings []byte, err error) {
	schema, err := data.ReadSchema(bytes.NewReader([]byte(demoSchema)))
	if err != nil {
		return nil, nil, err
	}
	table, err := data.CSV(bytes.NewReader(rows), schema, data.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	r, err := recipe.Recipe{Kind: recipe.Logistic}.Fill()
	if err != nil {
		return nil, nil, err
	}
	scale, err := r.Encoding()
	if err != nil {
		return nil, nil, err
	}
	fit, err := data.Fit(table, table.All(), data.FitOptions{Scale: scale})
	if err != nil {
		return nil, nil, err
	}
	set, err := fit.Apply(table, table.All())
	if err != nil {
		return nil, nil, err
	}
	m, err := r.Train(context.Background(), set, 0, nil)
	if err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	if err := model.Save(&out, m); err != nil {
		return nil, nil, err
	}
	settings, err = recipe.Settings{Version: 1, Model: sha256.Sum256(out.Bytes()), Recipe: r, Data: "train.csv", Source: set.Source, Rows: set.X.Rows}.Encode()
	return out.Bytes(), settings, err
}

// demandRows makes records of the shipped measurements: a car park at one time, and whether it is nearly full at the next. Which side one is on is
// drawn, always alike.
func demandRows() (train, test []byte, err error) {
	source, err := shipped.Parking()
	if err != nil {
		return nil, nil, err
	}
	defer source.Close()
	in := csv.NewReader(source)
	var rows [][]string
	var before, last reading
	for line := 0; ; line++ {
		fields, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if line == 0 {
			continue
		}
		now, ok := parkingReading(fields)
		if !ok {
			continue
		}
		if !last.follows(before) || !now.follows(last) {
			before, last = last, now
			continue
		}
		rows = append(rows, []string{
			last.place, last.at.Weekday().String(), strconv.Itoa(60*last.at.Hour() + last.at.Minute()), fmt.Sprintf("%.4f", last.share), fmt.Sprintf("%.4f", last.share-before.share), yes(now.share > nearlyFull),
		})
		before, last = last, now
	}
	rng := rand.New(rand.NewPCG(7, 1))
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if len(rows) < 2*demoModelRows {
		return nil, nil, fmt.Errorf("%w: %d records of parking", tribune.ErrInvalid, len(rows))
	}
	if train, err = demandCSV(rows[:demoModelRows]); err == nil {
		test, err = demandCSV(rows[demoModelRows : 2*demoModelRows])
	}
	return train, test, err
}

// reading is one measurement of a car park.
type reading struct {
	place string
	share float64
	at    time.Time
}

func parkingReading(fields []string) (reading, bool) {
	if len(fields) != 4 {
		return reading{}, false
	}
	capacity, errC := strconv.Atoi(fields[1])
	taken, errT := strconv.Atoi(fields[2])
	at, errA := time.Parse(time.DateTime, fields[3])
	if errors.Join(errC, errT, errA) != nil || capacity <= 0 || taken < 0 || taken > capacity {
		return reading{}, false
	}
	return reading{fields[0], float64(taken) / float64(capacity), at}, true
}

// follows: the next measurement of the same car park, within the hour.
func (r reading) follows(before reading) bool {
	gap := r.at.Sub(before.at)
	return r.place != "" && r.place == before.place && gap > 0 && gap < time.Hour
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func demandCSV(rows [][]string) ([]byte, error) {
	schema := struct {
		Columns []struct{ Name string }
	}{}
	if err := json.Unmarshal([]byte(demoSchema), &schema); err != nil {
		return nil, err
	}
	var head []string
	for _, c := range schema.Columns {
		head = append(head, c.Name)
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(append([][]string{head}, rows...)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
