// Command guardian is one independent guardian of a city's record: it mirrors and co-signs it, holds a key share, and
// releases, refuses or vetoes. It is small on purpose, so that an institution can read what it runs.
//
//	guardian init     --dir DIR --name ombudsman.example
//	    makes the guardian's key in DIR (mode 0600) and prints {"name","key"}: give the key to the city
//	guardian check    --config FILE [--reach]
//	    explains the configuration and what is missing
//	guardian serve    --config FILE [--dir DIR] [--listen HOST:PORT]
//	    serves until interrupted, by TLS 1.3 under pinned keys; prints {"name","address","key"} when ready. FILE is TOML:
//	        dir, listen (default 127.0.0.1:0), city, hub, hub_pinned, log_key, steward_key, council_key, floors_hash, t, w,
//	        tls_certificate, tls_key, name_rate, name_burst, demo, one [[guardian]] with key and url for each guardian, in
//	        order, and [[issuer]] for each provider by which citizens prove who they are
//	guardian ceremony --config FILE
//	    follows the making of the keys until they exist
//	guardian status   --config FILE | --url URL [--key KEY]
//	    how it is
//
// guardian help lists all commands; docs/guardians.md is the guide for an institution. DIR/veto.toml, written by the
// guardian's operator, stops releases: see internal/guardian.Veto.
// It logs nothing but what ends it, to standard error; GET /status and /metrics tell how it is. Exit status: 0 interrupted, 1 failed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tribune"
	"tribune/internal/guardian"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := guardian.Main(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "guardian:", err)
		if hint := tribune.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, hint)
		}
		os.Exit(1)
	}
}
