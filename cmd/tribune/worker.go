package main

import (
	"context"
	"io"
	"os"

	"tribune/internal/explain/data/outside"
	"tribune/internal/explain/model/onnx"
	"tribune/internal/explain/model/trees"
	"tribune/internal/worker"
)

// workerJobs are all documents that this binary reads in a process of their own.
func workerJobs() worker.Jobs {
	return worker.Jobs{onnx.Name: onnx.Job, outside.Name: outside.Job, trees.Name: trees.Job}
}

// runWorker is the child's side of worker.Run: the binary starts it itself.
func runWorker(_ context.Context, args []string, out, _ io.Writer) error {
	return worker.Serve(workerJobs(), args, os.Stdin, out)
}
