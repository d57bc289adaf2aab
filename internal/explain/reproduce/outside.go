package reproduce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/worker"
)

// folder is where data sets lie that are not shipped. This process opens their files and hands them to a worker; nothing in them is read here.
type folder struct {
	files  fs.FS
	worker worker.Worker
}

// tables reads Adult and Diabetes-130 by the names their publishers give them, packed or not: adult.data, adult.test; dataset_diabetes.zip or
// diabetic_data.csv.
func (d folder) tables(ctx context.Context) ([]*data.Table, error) {
	train, err := first(d.files, "adult.data.gz", "adult.data")
	if err != nil {
		return nil, err
	}
	defer train.Close()
	test, err := first(d.files, "adult.test.gz", "adult.test")
	if err != nil {
		return nil, err
	}
	defer test.Close()
	adult, err := outside.Adult(ctx, d.worker, train, test, data.DefaultLimits())
	if err != nil {
		return nil, err
	}
	f, err := first(d.files, "dataset_diabetes.zip", "diabetic_data.csv.gz", "diabetic_data.csv")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hospital, err := outside.Hospital(ctx, d.worker, f, data.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return []*data.Table{adult, hospital}, nil
}

func openLocation(ctx context.Context, d folder) (*pool, error) {
	f, err := d.oneOf("Location-30", "dataset_location.tgz", "bangkok")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return poolOf(outside.Location(ctx, d.worker, f, data.DefaultLimits()))
}

func openMNIST(ctx context.Context, d folder) (*pool, error) {
	for _, at := range []string{".", "data", "package/data", "mnist"} {
		images, err := first(d.files, path.Join(at, "train-images-idx3-ubyte"), path.Join(at, "train-images-idx3-ubyte.gz"))
		if errors.Is(err, tribune.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer images.Close()
		labels, err := first(d.files, path.Join(at, "train-labels-idx1-ubyte"), path.Join(at, "train-labels-idx1-ubyte.gz"))
		if err != nil {
			return nil, err
		}
		defer labels.Close()
		return poolOf(outside.MNIST(ctx, d.worker, images, labels, data.DefaultLimits()))
	}
	return nil, missing("MNIST", "train-images-idx3-ubyte")
}

func openPurchase(ctx context.Context, d folder) (*pool, error) {
	f, err := d.oneOf("Purchase-100", "purchase/purchase.csv", "purchase.csv", "dataset_purchase")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return poolOf(outside.Purchase(ctx, d.worker, f, data.DefaultLimits()))
}

func openTexas(ctx context.Context, d folder) (*pool, error) {
	feats, err := d.oneOf("Texas-100", "texas/100/feats", "feats")
	if err != nil {
		return nil, err
	}
	defer feats.Close()
	labels, err := d.oneOf("Texas-100", "texas/100/labels", "labels")
	if err != nil {
		return nil, err
	}
	defer labels.Close()
	return poolOf(outside.Texas(ctx, d.worker, feats, labels, data.DefaultLimits()))
}

func openCIFAR(ctx context.Context, d folder) (*pool, error) {
	names := []string{"test_batch.bin"}
	for i := range 5 {
		names = append(names, fmt.Sprintf("data_batch_%d.bin", i+1))
	}
	var files []io.Reader
	for _, name := range names {
		f, err := d.oneOf("CIFAR-10", "cifar-10-batches-bin/"+name, name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files = append(files, f)
	}
	return poolOf(outside.CIFAR(ctx, d.worker, files, data.DefaultLimits()))
}

// oneOf opens the first of some names, or says which data set is not there.
func (d folder) oneOf(what string, names ...string) (fs.File, error) {
	f, err := first(d.files, names...)
	if errors.Is(err, tribune.ErrNotFound) {
		return nil, missing(what, names[0])
	}
	return f, err
}

func first(dir fs.FS, names ...string) (fs.File, error) {
	for _, name := range names {
		if dir == nil {
			break
		}
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

func missing(what, name string) error {
	return tribune.Hint(fmt.Errorf("%s is not in the folder, no file %s: %w", what, name, tribune.ErrNotFound),
		"%s is not shipped: get it from its publisher and name the folder that holds it with --data", what)
}
