package data

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"tribune"
)

// AdultSchema is the Adult data set's (Becker, Kohavi 1996, 10.24432/C5XW20): what adult.names says of its fifteen columns, which the files themselves
// do not name. The label is whether somebody earns more than 50,000 dollars a year.
func AdultSchema() Schema {
	number := func(name string) Field { return Field{Name: name, Kind: Numeric} }
	words := func(name, values string) Field {
		return Field{Name: name, Kind: Category, Values: strings.Fields(values), Missing: []string{"?"}}
	}
	age := number("age")
	age.Group, age.Bands = true, []float64{20, 30, 40, 50, 60, 70}
	race := words("race", "White Asian-Pac-Islander Amer-Indian-Eskimo Other Black")
	sex := words("sex", "Male Female")
	race.Group, sex.Group = true, true
	return Schema{Name: "adult", Columns: []Field{
		age,
		words("workclass", "Private Self-emp-not-inc Self-emp-inc Federal-gov Local-gov State-gov Without-pay Never-worked"),
		number("fnlwgt"),
		words("education", "Bachelors Some-college 11th HS-grad Prof-school Assoc-acdm Assoc-voc 9th 7th-8th 12th Masters 1st-4th 10th Doctorate 5th-6th Preschool"),
		number("education-num"),
		words("marital-status", "Married-civ-spouse Divorced Never-married Separated Widowed Married-spouse-absent Married-AF-spouse"),
		words("occupation", "Tech-support Craft-repair Other-service Sales Exec-managerial Prof-specialty Handlers-cleaners Machine-op-inspct Adm-clerical Farming-fishing Transport-moving Priv-house-serv Protective-serv Armed-Forces"),
		words("relationship", "Wife Own-child Husband Not-in-family Other-relative Unmarried"),
		race, sex,
		number("capital-gain"), number("capital-loss"), number("hours-per-week"),
		words("native-country", "United-States Cambodia England Puerto-Rico Canada Germany Outlying-US(Guam-USVI-etc) India Japan Greece South China Cuba Iran Honduras Philippines Italy Poland Jamaica Vietnam Mexico Portugal Ireland France Dominican-Republic Laos Ecuador Taiwan Haiti Columbia Hungary Guatemala Nicaragua Scotland Thailand Yugoslavia El-Salvador Trinadad&Tobago Peru Hong Holand-Netherlands"),
		{Name: "income", Kind: Label, Values: []string{"<=50K", ">50K"}},
	}}
}

// Adult reads adult.data and then adult.test (packed by gzip or not) into one table of 48,842 rows, the order of the paper's indices. The first line of
// adult.test names a tool and its labels end in a full stop; both are the source's, and both are dealt with.
func Adult(train, test io.Reader, l Limits) (*Table, error) {
	schema := AdultSchema()
	header := make([]string, len(schema.Columns))
	for i, f := range schema.Columns {
		header[i] = f.Name
	}
	b, err := newBuilder(schema, header, l)
	if err != nil {
		return nil, fmt.Errorf("reading Adult: %w", err)
	}
	var sources []tribune.Hash
	for _, r := range []io.Reader{train, test} {
		source, err := adultPart(b, r, l)
		if err != nil {
			return nil, fmt.Errorf("reading Adult: %w", err)
		}
		sources = append(sources, source)
	}
	t, err := b.finish(join(sources...))
	if err != nil {
		return nil, fmt.Errorf("reading Adult: %w", err)
	}
	return t, nil
}

func adultPart(b *builder, r io.Reader, l Limits) (tribune.Hash, error) {
	in, err := newInput(r, l.Bytes)
	if err != nil {
		return tribune.Hash{}, err
	}
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 4096), min(l.Record, 64<<10))
	var cells []string
	for s.Scan() {
		line := bytes.TrimSpace(s.Bytes())
		if len(line) == 0 || line[0] == '|' {
			continue
		}
		cells = cells[:0]
		for cell := range strings.SplitSeq(string(line), ",") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		if len(cells) != len(b.table.Columns) {
			return tribune.Hash{}, fmt.Errorf("row %d: %d cells, need %d: %w", b.table.Rows+1, len(cells), len(b.table.Columns), tribune.ErrInvalid)
		}
		cells[len(cells)-1] = strings.TrimSuffix(cells[len(cells)-1], ".")
		if err := b.add(cells); err != nil {
			return tribune.Hash{}, err
		}
	}
	if err := s.Err(); err != nil {
		return tribune.Hash{}, fmt.Errorf("row %d: %w: %w", b.table.Rows+1, err, tribune.ErrInvalid)
	}
	return in.source()
}
