package data

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"path"
	"strings"

	"tribune"
)

// HospitalSchema is Diabetes-130's (Strack et al. 2014, 10.1155/2014/781670; UCI 10.24432/C5230J) in the paper's reading: eight counts and thirty-one
// words, 127 columns together. Encounters of one patient share patient_nbr.
func HospitalSchema() Schema {
	const counts = "time_in_hospital num_lab_procedures num_procedures num_medications number_outpatient number_emergency number_inpatient number_diagnoses"
	const words = "gender race age discharge_disposition_id max_glu_serum A1Cresult metformin repaglinide nateglinide chlorpropamide glimepiride acetohexamide glipizide glyburide tolbutamide pioglitazone rosiglitazone acarbose miglitol troglitazone tolazamide examide citoglipton insulin glyburide-metformin glipizide-metformin glimepiride-pioglitazone metformin-rosiglitazone metformin-pioglitazone change diabetesMed"
	s := Schema{Name: "hospital"}
	for name := range strings.FieldsSeq(counts) {
		s.Columns = append(s.Columns, Field{Name: name, Kind: Numeric})
	}
	for name := range strings.FieldsSeq(words) {
		f := Field{Name: name, Kind: Category, Group: name == "race" || name == "gender" || name == "age"}
		if f.Group {
			f.Nobody = []string{"?", "Unknown/Invalid"}
		}
		s.Columns = append(s.Columns, f)
	}
	s.Columns = append(s.Columns, Field{Name: "patient_nbr", Kind: Person}, Field{Name: "readmitted", Kind: Label, Values: []string{"NO", ">30", "<30"}})
	for name := range strings.FieldsSeq("encounter_id weight admission_type_id admission_source_id payer_code medical_specialty diag_1 diag_2 diag_3") {
		s.Columns = append(s.Columns, Field{Name: name, Kind: Ignore})
	}
	return s
}

const (
	maxArchive  = 64 << 20
	hospitalCSV = "diabetic_data.csv"
)

// Hospital reads UCI's dataset_diabetes.zip, or diabetic_data.csv from it (packed by gzip or not), as 101,766 encounters of 71,518 patients. The label is
// whether a patient was readmitted within 30 days. The words of its categories are those of the whole file: they are its codebook.
func Hospital(r io.Reader, l Limits) (*Table, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxArchive+1))
	if err != nil {
		return nil, fmt.Errorf("reading Diabetes-130: %w", err)
	}
	if len(raw) > maxArchive {
		return nil, fmt.Errorf("reading Diabetes-130: over %d bytes: %w", maxArchive, tribune.ErrTooLarge)
	}
	var t *Table
	if bytes.HasPrefix(raw, []byte("PK")) {
		t, err = hospitalZip(raw, l)
	} else {
		t, err = CSV(bytes.NewReader(raw), HospitalSchema(), l)
	}
	if err != nil {
		return nil, fmt.Errorf("reading Diabetes-130: %w", err)
	}
	t.Source = sha256.Sum256(raw)
	for i := range t.Columns {
		t.Columns[i].codebook()
	}
	return t, nil
}

// codebook declares the words found, and makes readmission within 30 days against all else the label. "?" stays a value of its own among the features,
// as the paper has it, and is no group.
func (c *Column) codebook() {
	c.Declared = len(c.Values) > 0
	if c.Kind != Label {
		return
	}
	c.Values = []string{"later or never", "within 30 days"}
	for i, code := range c.Codes {
		c.Codes[i] = code / 2
	}
}

func hospitalZip(raw []byte, l Limits) (*Table, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w: %w", err, tribune.ErrInvalid)
	}
	for _, f := range z.File {
		if path.Base(f.Name) != hospitalCSV {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("unpacking %s: %w: %w", hospitalCSV, err, tribune.ErrInvalid)
		}
		defer r.Close()
		return CSV(r, HospitalSchema(), l)
	}
	return nil, fmt.Errorf("no %s in the archive: %w", hospitalCSV, tribune.ErrNotFound)
}
