package city

import (
	"fmt"
	"time"

	"tribune/data"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
)

const contextConnect = 5 * time.Second // to a server of contexts

// openContexts knows the shipped contexts, those of the map and those added. Others are downloaded only where the city has said
// so, and from public addresses alone. Inside may be called only by those who may subscribe, and anybody who asks may name a
// context: those that stand inside belong into the map.
func (h *Hub) openContexts() (*jsonld.Contexts, error) {
	shipped, err := data.Contexts()
	if err != nil {
		return nil, fmt.Errorf("reading the shipped contexts: %w", err)
	}
	cfg := jsonld.Config{Map: h.cfg.ContextMap, Files: shipped, Store: h.store}
	if h.cfg.DownloadContexts {
		var public notify.Reach
		cfg.Download = jsonld.NewDownloader(jsonld.DownloadConfig{Dialer: public.Dialer(contextConnect)}).Download
	}
	contexts, err := jsonld.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("reading the contexts: %w", err)
	}
	return contexts, nil
}
