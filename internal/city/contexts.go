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
// so, and from where notifications may go, too: a context's URL is a stranger's word as an endpoint is.
func (h *Hub) openContexts() (*jsonld.Contexts, error) {
	shipped, err := data.Contexts()
	if err != nil {
		return nil, fmt.Errorf("reading the shipped contexts: %w", err)
	}
	cfg := jsonld.Config{Map: h.cfg.ContextMap, Files: shipped, Store: h.store}
	if h.cfg.DownloadContexts {
		reach, err := notify.ParseReach(h.cfg.Notify)
		if err != nil {
			return nil, fmt.Errorf("reading where contexts may come from: %w", err)
		}
		cfg.Download = jsonld.NewDownloader(jsonld.DownloadConfig{Dialer: reach.Dialer(contextConnect)}).Download
	}
	contexts, err := jsonld.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("reading the contexts: %w", err)
	}
	return contexts, nil
}
