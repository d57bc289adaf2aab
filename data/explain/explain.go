// Package explain is the data on which audits of explanations are reproduced and demonstrated: Adult and Diabetes-130, embedded as their publisher packs
// them, so that a built binary needs no other file. ../README.md names source, licence and attribution. They are a package of their own so that only what
// audits models carries them.
//
// Both are records about real people, made anonymous by those who published them. They are never shown row by row: internal/explain/data names rows by
// number alone.
package explain

import (
	"embed"
	"io/fs"
)

//go:embed adult.data.gz adult.test.gz dataset_diabetes.zip
var files embed.FS

// Files are adult.data.gz, adult.test.gz and dataset_diabetes.zip.
func Files() fs.FS { return files }
