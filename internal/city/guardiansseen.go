package city

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"tribune/internal/guardian/client"
	"tribune/internal/portal"
	"tribune/protocol"
)

// guardiansEvery is how often guardians are asked how they are, for the page about them: a call of some milliseconds each.
const guardiansEvery = 20 * time.Second

// guardiansSeen is what the hub last heard from each guardian. Pages read it; no page makes the hub call anybody.
type guardiansSeen struct {
	mu  sync.Mutex // guards all
	all []portal.GuardianSeen
}

func (s *guardiansSeen) list() []portal.GuardianSeen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// follow asks the guardians of the moment until ctx ends.
func (s *guardiansSeen) follow(ctx context.Context, h *Hub) error {
	tick := time.NewTicker(guardiansEvery)
	defer tick.Stop()
	for {
		if group := h.group.Load(); group != nil {
			s.ask(ctx, h, *group)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *guardiansSeen) ask(ctx context.Context, h *Hub, group protocol.Group) {
	transport := client.Transport(group.Guardians, h.logSeed) // of this round: guardians and their addresses change
	defer transport.CloseIdleConnections()
	guardians := client.New(client.Config{Group: group, Key: h.logSeed, HTTP: &http.Client{Transport: transport}, Log: h.log})
	before := s.list()
	fresh := make([]portal.GuardianSeen, len(group.Guardians))
	var wg sync.WaitGroup
	for i, m := range group.Guardians {
		fresh[i] = portal.GuardianSeen{Name: m.Name, Silent: true}
		if j := slices.IndexFunc(before, func(g portal.GuardianSeen) bool { return g.Name == m.Name }); j >= 0 {
			fresh[i] = before[j]
			fresh[i].Silent = true
		}
		wg.Go(func() {
			if status, err := guardians.Status(ctx, m.Name); err == nil {
				fresh[i] = portal.GuardianSeen{Name: m.Name, At: h.now(), Epoch: status.Epoch, Size: status.Size}
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = fresh
}
