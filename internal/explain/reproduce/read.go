package reproduce

import (
	"fmt"
	"io/fs"

	shipped "tribune/data/explain"
	"tribune/internal/explain/data"
)

// Tables are Adult and Diabetes-130 as this project ships them.
func Tables() ([]*data.Table, error) {
	var files []fs.File
	for _, name := range []string{"adult.data.gz", "adult.test.gz", "dataset_diabetes.zip"} {
		f, err := shipped.Files().Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the data that are shipped: %w", err)
		}
		defer f.Close()
		files = append(files, f)
	}
	adult, err := data.Adult(files[0], files[1], data.DefaultLimits())
	if err != nil {
		return nil, err
	}
	hospital, err := data.Hospital(files[2], data.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return []*data.Table{adult, hospital}, nil
}
