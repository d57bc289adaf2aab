package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"syscall"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

// runExplainPublish puts an explanation of a model on record and has the hub show it: the last step after train, plan, audit and sign.
func runExplainPublish(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("explain publish", log)
	dir := f.String("dir", "demo-city", "the city's directory: its address and the publisher's key")
	as := f.String("as", "planner-hale", "who publishes: a name in DIR/people, of the office that the model belongs to")
	id := f.String("model", "", "the model's id in the city's register")
	method := f.String("method", "", "the method with its defence, exactly as the verdict calls it, like gradient+noise:0.5")
	name := f.String("file", "", "what is published: .json, .csv or .html, at most 1 MB")
	verdict := f.String("verdict", "", "the verdict that the model's auditor has signed (tribune explain sign)")
	purpose := f.String("purpose", "explain-models", "the purpose, as the city's register calls it")
	mandate := f.String("mandate", "model-explanations-2026", "the mandate")
	receipt := f.String("receipt", "", "write the receipt, with the entry it proves, to this file")
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune explain publish --model ID --method NAME --file FILE --verdict FILE

Nothing of a model is published without a fresh, passing verdict of its auditor for exactly this model, method, defence and limits: the city's law
forbids it, and everybody can see in the record what was published by which verdict. With --verdict alone (and --model) the verdict is handed in, so that
the page of the model shows it.

`)
		f.PrintDefaults()
	}
	verbs, err := words(f, args)
	if err != nil {
		return err
	}
	if len(verbs) != 1 || verbs[0] != "publish" || *id == "" || *verdict == "" || (*method == "") != (*name == "") {
		return tribune.Hint(fmt.Errorf("%w: publish needs --model, --verdict, --method and --file", errUsage), "tribune explain publish -h")
	}
	doc, err := readBounded(*verdict, protocol.MaxVerdictDoc)
	if err != nil {
		return err
	}
	c, err := client.Open(*dir, *as)
	if err != nil {
		return err
	}
	c.Purpose, c.Mandate = tribune.PurposeID(*purpose), tribune.MandateID(*mandate)
	answer, err := c.HandVerdict(ctx, doc)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return tribune.Hint(err, "Nobody answers at %s. Start the city: tribune demo --dir %s", c.Base, *dir)
	}
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "verdict handed in: it stands at %s/models\n", c.Base)
	if *name == "" {
		return nil
	}
	return publishExplanation(ctx, c, publishing{dir: *dir, id: tribune.ModelID(*id), method: *method, file: *name, receipt: *receipt, verdict: doc}, out, log)
}

type publishing struct {
	dir, method, file, receipt string
	id                         tribune.ModelID
	verdict                    []byte
}

func publishExplanation(ctx context.Context, c *client.Client, p publishing, out, log io.Writer) error {
	file, err := readBounded(p.file, protocol.MaxPublished)
	if err != nil {
		return err
	}
	kind, ok := map[string]string{".json": protocol.PublishedJSON, ".csv": protocol.PublishedCSV, ".html": protocol.PublishedHTML}[strings.ToLower(filepath.Ext(p.file))]
	if !ok {
		return fmt.Errorf("%w: %s: what is published is .json, .csv or .html", errUsage, filepath.Base(p.file))
	}
	text, _ := protocol.SplitDocument(p.verdict)
	audited, err := protocol.ParseVerdictText(text)
	if err != nil {
		return err
	}
	answer, err := c.Publish(ctx, protocol.Publication{Model: p.id, ModelHash: audited.Model, Method: p.method, Type: kind, Verdict: p.verdict}, file)
	if err != nil {
		return err
	}
	if err := answer.Error(); err != nil {
		return err
	}
	var told struct{ Index uint64 }
	if err := json.Unmarshal(answer.Body, &told); err != nil {
		return fmt.Errorf("reading the hub's answer: %w", err)
	}
	if err := saveReceipt(ctx, c, answer, p.dir, p.receipt, log); err != nil {
		return err
	}
	fmt.Fprintf(out, "entry %d: on record, and shown at %s/models/explanations/%d for as long as its verdict is fresh\n", told.Index, c.Base, told.Index)
	return nil
}

// publishAlone is the verb's row in the table: its flags are its own, so runExplain hands it over before it parses any.
func publishAlone(ctx context.Context, _ *explainFlags, words []string, out, log io.Writer) error {
	return runExplainPublish(ctx, append([]string{"publish"}, words...), out, log)
}
