package pg

import "context"

// OpenWithoutSync opens a store that acknowledges before the log is written: what the crash check must find.
func OpenWithoutSync(ctx context.Context, cfg Config) (*Store, error) { return open(ctx, cfg, "off") }
