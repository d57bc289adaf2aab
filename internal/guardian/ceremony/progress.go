package ceremony

import "tribune/internal/guardian/wire"

// Progress shows both key generations while they go on, for people who wait; nil where none does.
func (c *Ceremony) Progress() []wire.Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.act == nil {
		return nil
	}
	return []wire.Progress{c.act.runs[Seal].progress(), c.act.runs[Name].progress()}
}

func (r *run) progress() wire.Progress {
	p := wire.Progress{Run: r.name, Attempt: max(r.attempts[r.tb.self], 1), Needed: r.tb.need, Hello: []string{}, Dealt: []string{}, Responded: []string{}, Over: r.complete || r.tb.done != nil, Trouble: r.trouble}
	if r.tb.failed != nil {
		p.Trouble = r.tb.failed.Error()
	}
	for _, m := range r.tb.members {
		p.Members = append(p.Members, m.Name)
		if _, ok := r.hellos[m.Name]; ok {
			p.Hello = append(p.Hello, m.Name)
		}
		if r.responses[m.Name] != nil {
			p.Responded = append(p.Responded, m.Name)
		}
	}
	for _, d := range r.deals {
		p.Dealt = append(p.Dealt, d.from)
	}
	if !p.Over {
		p.Waits = r.waits()
	}
	return p
}
