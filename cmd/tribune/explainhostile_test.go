package main_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

const (
	loansSchema = `{"name":"loans","columns":[{"name":"age","kind":"numeric"},{"name":"job","kind":"category","values":["clerk","nurse"]},{"name":"sex","kind":"group"},{"name":"repaid","kind":"label","values":["no","yes"]}]}`
	loansHead   = "age,job,sex,repaid\n"
	loans       = loansHead + "30,clerk,f,no\n41,nurse,m,yes\n52,nurse,f,no\n23,clerk,m,yes\n"
)

// squeezed is a gigabyte of one letter.
func squeezed(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	block := bytes.Repeat([]byte("7"), 1<<20)
	for range 64 {
		if _, err := z.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whoever gives a bad file to the command learns which file, row and column, and what to do; no model is made of it.
func TestBadTablesEndTheCommandWithTheirPlace(t *testing.T) {
	dir := t.TempDir()
	write(t, loansSchema, dir, "schema.json")
	wide := strings.TrimSuffix(strings.Repeat("c,", 100_000), ",") + "\n"
	for name, c := range map[string]struct{ csv, says, then string }{
		"NaN":              {loans + "NaN,clerk,f,no\n", `row 5, column "age": not a finite number`, "put a number there"},
		"infinite":         {loans + "1e999,clerk,f,no\n", `row 5, column "age"`, "put a number there"},
		"missing":          {loans + ",clerk,f,no\n", `row 5, column "age": missing value`, "leave the row out"},
		"a missing column": {"age,job,repaid\n30,clerk,no\n", `column "sex" of the schema is not in the header`, "spelled as in the schema"},
		"another column":   {strings.ReplaceAll(loans, "\n", ",x\n"), `column "x" of the header is not in the schema`, "ignore"},
		"a column twice":   {strings.Replace(loans, "job", "age", 1), `column "age" stands twice`, "name of its own"},
		"a constant":       {loansHead + "30,clerk,f,no\n30,nurse,m,yes\n30,clerk,f,no\n30,nurse,f,yes\n", `column "age": the same value in all 4 training rows`, "leave the column out"},
		"a class of one":   {loansHead + "30,clerk,f,no\n41,nurse,m,yes\n52,nurse,f,no\n", `column "repaid": class "yes" has one training row (row 2)`, "add records"},
		"one class":        {loansHead + "30,clerk,f,no\n41,nurse,m,no\n", `column "repaid": class "yes" has no training row`, "add records"},
		"an unknown label": {loans + "30,clerk,f,maybe\n", `row 5, column "repaid": unknown category`, "values"},
		"a ragged row":     {loans + "30,clerk\n", "row 5: 2 cells, the header has 4", "RFC 4180"},
		"an open quote":    {loans + "\"30,clerk,f,no\n", "row 5", "RFC 4180"},
		"a control":        {loans + "30,clerk,\x1b[2Jf,no\n", `row 5, column "sex": not printable text`, "UTF-8"},
		"UTF-16":           {"\xff\xfea\x00g\x00e\x00\n\x00", "column 1 of the header is not printable text", "UTF-8"},
		"semicolons":       {strings.ReplaceAll(loans, ",", ";"), `column "age" of the schema is not in the header`, "commas"},
		"a header alone":   {loansHead, "no rows", "one row a record"},
		"nothing":          {"", "the file is empty", "names the columns"},
		"100,000 columns":  {wide, "at most 4096 are read", ""},
		"a bomb":           {squeezed(t), "record without end", ""},
		"a cut archive":    {squeezed(t)[:2000], "header", ""},
	} {
		write(t, c.csv, dir, "bad.csv")
		r := tribune(t, dir, "explain", "train", "logistic", "bad.csv", "--schema", "schema.json", "--out", "bad.model")
		if r.code == 0 || r.code == 3 || !strings.Contains(r.log, "bad.csv") || !strings.Contains(r.log, c.says) || !strings.Contains(r.log, c.then) {
			t.Errorf("%s: exit %d: %q, want %q and %q", name, r.code, r.log, c.says, c.then)
		}
		if strings.Contains(r.log, "\x1b") {
			t.Errorf("%s: the error plays on the terminal: %q", name, r.log)
		}
	}
	for name, csv := range map[string]string{"plain": loans, "with a byte order mark": "\ufeff" + loans, "with other line ends": strings.ReplaceAll(loans, "\n", "\r\n")} {
		write(t, csv, dir, "good.csv")
		if r := tribune(t, dir, "explain", "train", "logistic", "good.csv", "--schema", "schema.json", "--out", "good.model"); r.code != 0 {
			t.Errorf("%s: exit %d: %s", name, r.code, r.log)
		}
	}
}
