# Tribune. `make demo` and `make test` are all most people need.
GO       ?= go
BIN      := bin
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -buildid='
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
FUZZTIME ?= 20s

.PHONY: build assets demo setup test screenshots race bench fuzz lint deps release reproduce clean

build: assets ## build both binaries into bin/
	@mkdir -p $(BIN)
	$(BUILD) -o $(BIN)/ ./cmd/tribune ./cmd/guardian

assets: ## the pages' scripts, by npm; without them the pages work all the same
	@[ ! -x scripts/assets ] || scripts/assets || echo 'assets: going on without the scripts of the pages'

demo: build ## start a city on this machine (ctrl-C stops it)
	$(BIN)/tribune demo $(ARGS)

setup: ## install what the tests need besides Go, or print the line that does
	@scripts/setup

test: setup ## everything that must pass before a change lands; a missing tool is a failure
	@scripts/check

screenshots: assets ## the pictures of the pages in docs/img, anew (needs chromium)
	TRIBUNE_SCREENSHOTS=1 TRIBUNE_STRICT=1 $(GO) test -count=1 -run '^TestPicturesShowEveryPage$$' ./cmd/tribune

race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race ./...

bench: build ## speed of every room, then of the built binary
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(BIN)/tribune bench all

fuzz: ## every fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

lint: ## vet, staticcheck, formatting, dependency lists
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w on these files'; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@scripts/deps check

deps: ## rewrite the reviewed dependency list of each command
	@scripts/deps write

release: ## reproducible binaries for every platform, with bills of materials, manual page and hashes, in dist/
	@scripts/release

reproduce: ## make the release twice, at two paths, and compare every byte
	@scripts/reproduce

clean:
	rm -rf $(BIN) dist
