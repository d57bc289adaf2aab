package worker

import (
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
)

// A name that one processor's kernel does not have would leave its readers without a filter.
func TestFilterIsKnownOnEveryProcessorWeShipFor(t *testing.T) {
	for _, name := range []string{"amd64", "arm64"} {
		info, err := arch.GetInfo(name)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for _, g := range filter().Policy.Syscalls {
			names := g.Names
			for _, n := range g.NamesWithCondtions {
				names = append(names, n.Name)
			}
			for _, n := range names {
				calls++
				if _, ok := info.SyscallNames[n]; !ok {
					t.Errorf("%s has no %s", name, n)
				}
			}
		}
		if calls < 30 {
			t.Errorf("%d calls let through: the filter is empty", calls)
		}
	}
}
