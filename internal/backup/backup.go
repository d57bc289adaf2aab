// Package backup writes a running hub into one archive and puts it back where no hub is. City makes the archive (Write) on the
// hub's administrative socket; the command restores it (Restore). It imports no room: city hands it what each room offers.
//
// An archive is a tar of regular files, in this order, and nothing else:
//
//	hub/store/...               the embedded store as of one moment (absent for PostgreSQL, which has backups of its own)
//	hub/restore/log/...         the record's leaves, in entry bundles as C2SP tlog-tiles has them, and its last checkpoint
//	hub/...                     everything else below DIR/hub: law, devices, roster; no key
//	beside/NAME                 files beside the hub: trust.txt, city.toml
//	keys.age                    the hub's keys, encrypted to age recipients; only where asked for
//	manifest.json               Manifest, with size and SHA-256 of every file before it
//
// The store is copied first and the record after it, so that every opening that the store keeps has its leaf in the archive. The order the
// other way round would lose leaves that the store speaks of. What it promises:
//
//   - Every write that was acknowledged before Write began is in the archive.
//   - The epoch key never is: an archive that held it would undo every erasure after it. A copy of it, or of another key, among the files
//     that are taken as they are ends the backup.
//   - An archive says which epoch key opens it, without telling anything about that key: Restore refuses another one, and says so, before
//     anything is in place. After a rotation an older archive opens for nobody: what was erased since is gone from it, and so is the rest.
//   - Restore puts nothing in place before every byte is read and held against the manifest; an archive that was cut off has none.
//   - A restored record is rebuilt before it is opened (record.Rebuild), since guardians may have co-signed more than the archive holds.
package backup

import (
	"context"
	"time"

	"tribune"
)

const (
	format       = "tribune-backup/1"
	manifestName = "manifest.json"
	keysName     = "keys.age"
	hubDir       = "hub/"
	besideDir    = "beside/"
	storeDir     = "hub/store/"
	restoreDir   = "hub/restore/"
	logDir       = restoreDir + "log/"
	markerName   = restoreDir + "restore.json"
	epochKeyFile = "epoch.key"

	maxManifest = 64 << 20 // 300,000 files
	maxKeys     = 1 << 20
	// maxFiles in one archive: an entry bundle holds 256 leaves, so this is 200 million of them.
	maxFiles = 1 << 20
)

// Manifest says what an archive holds.
type Manifest struct {
	Format  string    `json:"format"`
	City    string    `json:"city"`
	Origin  string    `json:"origin"`
	Version string    `json:"version"` // of the program that wrote it
	Made    time.Time `json:"made"`
	Store   bool      `json:"store"` // whether the embedded store is in it
	Keys    []string  `json:"keys"`  // the hub's keys in keys.age, by file name
	Leaves  uint64    `json:"leaves"`
	Epoch   []byte    `json:"epoch,omitempty"` // protocol.EpochMark of the key that opens the store; of two, while one follows the other
	Files   []File    `json:"files"`
}

// File is one file of an archive.
type File struct {
	Path   string       `json:"path"`
	Size   int64        `json:"size"`
	SHA256 tribune.Hash `json:"sha256"`
}

// Source is a running hub.
type Source struct {
	City, Origin, Version string

	Hub    string            // DIR/hub
	Beside map[string]string // name in the archive -> file; one that does not exist is left out

	// Store copies the embedded store as of now into a directory that does not exist yet; nil = the store is elsewhere.
	Store func(ctx context.Context, dir string) error

	// Leaves is the record as of now: how many leaves, the checkpoint that was last published (nil = none), and each leaf in order.
	Leaves func(ctx context.Context) (size uint64, checkpoint []byte, each func(yield func(leaf []byte, err error) bool))

	Epoch func() []byte // the store's mark of epoch keys, nil = there is none yet

	Now func() time.Time // nil = time.Now
}

// Marker tells a hub that its record must be rebuilt before it is opened: DIR/hub/restore/restore.json.
type Marker struct {
	Leaves  uint64   `json:"leaves"`  // in DIR/hub/restore/log
	Without []string `json:"without"` // guardians that need not be heard
}
