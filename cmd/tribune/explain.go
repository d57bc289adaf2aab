package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/recipe"
)

// explainVerb is one thing that tribune explain does.
type explainVerb struct {
	name, synopsis, line string
	run                  func(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error
}

func explainVerbs() []explainVerb {
	return []explainVerb{
		{"audit", "--model M --train T --test U --groups sex,race,age --out DIR [--plan FILE]", "measure what explanations give away, and judge", auditExplanations},
		{"plan", "[--groups sex,race,age]", "print a plan with every setting and what it means", printPlan},
		{"defend", "--model M --train T --test U --defences FILE --out DIR [--plan FILE]", "what each defence buys at what loss, and which to take", defendExplanations},
		{"release", "--kind table|synthetic|index|endpoint --released FILE [--train T --test U] --groups sex --out DIR", "the same attacks on what else leaves", auditRelease},
		{"export", "--train T --test U [--plan FILE] --out DIR", "the records as a model is given them, and the halves of its references, for trainers elsewhere", exportRecords},
		{"train", "logistic|mlp DATA --out FILE", "train a model to audit; its settings are written beside it", trainModel},
		{"reproduce", "[EXPERIMENT ...] [--data DIR] [--sets NAMES] [--seeds N] [--keep DIR] [--json]", "the paper's figures beside ours", reproducePaper},
		{"verify", "FILE [--key KEY] [--model M --train T --test U]", "judge a verdict again, and say what it rests on; with model and data, measure again and compare", verifyVerdict},
		{"sign", "DIR --key FILE", "sign the public verdict of an audit, as its auditor", signVerdict},
		{"publish", "--model ID --verdict FILE --method NAME --file FILE", "publish an explanation on record, as the city's law lets it; flags: tribune explain publish -h", publishAlone},
	}
}

func explainWords() (names []string) {
	for _, v := range explainVerbs() {
		names = append(names, v.name)
	}
	return names
}

// explainFlags are those of every verb: one set, so that they may stand on either side of it.
type explainFlags struct {
	model, train, test, schema, groups, out, plan string
	references                                    string
	token, ca                                     string
	budget                                        int64
	rate                                          float64
	scale                                         string
	recipe                                        recipe.Recipe
	hidden                                        string
	seed                                          uint64
	data, datasets, features, keep                string
	seeds                                         int
	quick, json                                   bool
	key                                           string
	defend                                        defendFlags
	release                                       releaseFlags
}

func (d *explainFlags) define(f *flag.FlagSet) {
	f.StringVar(&d.model, "model", "", "audit: a model trained here, an .onnx file, XGBoost's or LightGBM's .json, or https://HOST/v2/models/NAME (Open Inference Protocol)")
	f.StringVar(&d.train, "train", "", "audit: what it was trained on: adult, hospital, their files, or a CSV with --schema; adult:2000 is so many records, drawn")
	f.StringVar(&d.test, "test", "", "audit: what it was not trained on; of adult and hospital the same word, and the other side of the same split is meant")
	f.StringVar(&d.schema, "schema", "", "audit, export, train: what the columns of CSV files are (JSON)")
	f.StringVar(&d.groups, "groups", "", "audit, plan: groupings whose every value is judged, with commas between")
	f.StringVar(&d.out, "out", "", "audit: the report's folder; export: a folder; train: the model's file")
	f.StringVar(&d.plan, "plan", "", "audit: what is measured and what is too much; left out, what tribune explain plan prints")
	f.StringVar(&d.references, "references", "", "audit, defend: a folder of tribune explain export with reference-1.onnx, .json or .model and so on, each trained on its half as the model was on its records")
	f.StringVar(&d.token, "token-file", "", "audit, release: a bearer token for the endpoint, in a file that only its owner may read")
	f.StringVar(&d.ca, "ca", "", "audit, release: certificates to trust for the endpoint, in PEM")
	f.Int64Var(&d.budget, "budget", 0, "audit, release: records that may be sent to the endpoint")
	f.Float64Var(&d.rate, "requests", 10, "audit, release: requests a second to the endpoint")
	f.StringVar(&d.scale, "scale", "", "train, export, and audit of a model from elsewhere: how numbers were scaled: standard (the default), minmax, raw, half-mean")
	f.Float64Var(&d.recipe.C, "c", 0, "train logistic: the smaller, the stronger the penalty (default 1)")
	f.StringVar(&d.hidden, "hidden", "", "train mlp: sizes of the hidden layers (default 64,32)")
	f.StringVar(&d.recipe.Activation, "activation", "", "train mlp: relu (the default) or tanh")
	f.IntVar(&d.recipe.Epochs, "epochs", 0, "train mlp (default 20)")
	f.IntVar(&d.recipe.Batch, "batch", 0, "train mlp (default 256)")
	f.Float64Var(&d.recipe.Rate, "learning-rate", 0, "train mlp (default 0.001)")
	f.Float64Var(&d.recipe.Decay, "decay", 0, "train mlp: L2")
	f.Float64Var(&d.recipe.Clip, "dp-clip", 0, "train mlp, with --dp-noise: DP-SGD, each record's gradient clipped to this norm")
	f.Float64Var(&d.recipe.Noise, "dp-noise", 0, "train mlp: noise of DP-SGD, times --dp-clip")
	f.Uint64Var(&d.seed, "seed", 0, "train: of weights and order")
	f.StringVar(&d.data, "data", "", "reproduce: a folder with data sets by their publishers' names; left out, what is shipped")
	f.StringVar(&d.datasets, "sets", "", "reproduce: only these data sets, with commas between")
	f.IntVar(&d.seeds, "seeds", 0, "reproduce: runs (default: the paper's)")
	f.StringVar(&d.features, "features", "", "reproduce synthetic: only these numbers of features, with commas between, to 10000")
	f.StringVar(&d.keep, "keep", "", "reproduce synthetic, network: a folder that keeps what is done; a run that was interrupted goes on with the same command")
	f.BoolVar(&d.quick, "quick", false, "reproduce: a small size that takes seconds; its figures are not the paper's")
	f.BoolVar(&d.json, "json", false, "reproduce: one JSON object a row")
	d.defend.define(f)
	d.release.define(f)
	f.StringVar(&d.key, "key", "", "sign: the auditor's secret key file; verify: the auditor's public key, of a signed verdict")
}

// runExplain audits what explanations of a model give away about the people it was trained on.
func runExplain(ctx context.Context, args []string, out, log io.Writer) error {
	if slices.Contains(args, "publish") {
		return runExplainPublish(ctx, args, out, log)
	}
	f := flags("explain", log)
	var d explainFlags
	d.define(f)
	f.Usage = func() {
		for i, v := range explainVerbs() {
			lead := "      "
			if i == 0 {
				lead = "usage:"
			}
			fmt.Fprintf(log, "%s tribune explain %s %s\n           %s\n", lead, v.name, v.synopsis, v.line)
		}
		fmt.Fprint(log, "\nAn audit that was interrupted goes on with the same command. It ends with 0 where the model passed and with 3 where it did not.\nFlags may stand on either side of the verb.\n\n")
		f.PrintDefaults()
	}
	words, err := words(f, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		for _, v := range explainVerbs() {
			if v.name == words[0] {
				return v.run(ctx, &d, words[1:], out, log)
			}
		}
	}
	return tribune.Hint(fmt.Errorf("%w: say what to do: %s", errUsage, strings.Join(explainWords(), ", ")), "tribune explain -h")
}

// atCommas splits a flag at its commas.
func atCommas(text string) []string {
	return slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" })
}
