package reproduce

import (
	"errors"
	"fmt"
	"io/fs"

	"tribune"
	shipped "tribune/data/explain"
	"tribune/internal/explain/data"
)

// Tables are Adult and Diabetes-130 as this project ships them.
func Tables() ([]*data.Table, error) { return Read(shipped.Files()) }

// Read reads the two data sets from a folder, by the names their publishers give them, packed or not: adult.data, adult.test; dataset_diabetes.zip or
// diabetic_data.csv.
func Read(dir fs.FS) ([]*data.Table, error) {
	adult, err := readAdult(dir)
	if err != nil {
		return nil, err
	}
	f, err := first(dir, "dataset_diabetes.zip", "diabetic_data.csv.gz", "diabetic_data.csv")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hospital, err := data.Hospital(f, data.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return []*data.Table{adult, hospital}, nil
}

func readAdult(dir fs.FS) (*data.Table, error) {
	train, err := first(dir, "adult.data.gz", "adult.data")
	if err != nil {
		return nil, err
	}
	defer train.Close()
	test, err := first(dir, "adult.test.gz", "adult.test")
	if err != nil {
		return nil, err
	}
	defer test.Close()
	return data.Adult(train, test, data.DefaultLimits())
}

func first(dir fs.FS, names ...string) (fs.File, error) {
	for _, name := range names {
		f, err := dir.Open(name)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("opening %s: %w", name, err)
		}
	}
	return nil, tribune.Hint(fmt.Errorf("no file %s: %w", names[0], tribune.ErrNotFound), "without a folder, the data that are shipped are used")
}
