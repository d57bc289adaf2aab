package guardian

import (
	"context"
	"encoding/json"
	"io"
)

// runInit is guardian init.
func runInit(_ context.Context, args []string, stdout io.Writer) error {
	flags := newFlags("init")
	dir := flags.String("dir", "", "this guardian's own folder")
	name := flags.String("name", "", "this guardian's name, like ombudsman.example")
	if err := parseFlags(flags, args, "dir", "name"); err != nil {
		return err
	}
	vkey, err := Init(*dir, *name)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(ready{Name: *name, Key: vkey})
}
