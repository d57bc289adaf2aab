package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"tribune"
	"tribune/internal/backup"
	"tribune/internal/city"
)

// several is a flag that may be given several times.
type several []string

func (s *several) String() string     { return strings.Join(*s, ",") }
func (s *several) Set(v string) error { *s = append(*s, v); return nil }

func severalVar(f *flag.FlagSet, name, usage string) *several {
	var s several
	f.Var(&s, name, usage)
	return &s
}

// runBackup asks the running hub for an archive and keeps it once it is whole.
func runBackup(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("backup", log)
	dir := f.String("dir", "", "the city's `directory`; its hub must run (required)")
	to := f.String("out", "", "the archive's `file`, or a folder in which one is made, named by city and time (required)")
	keys := f.Bool("keys", false, "put the hub's keys in, encrypted to the recipients; never the epoch key")
	recipients := severalVar(f, "recipient", "age `recipient` (age1...) who can open the keys; may be given several times (default backup.recipients of city.toml)")
	if err := parse(f, args); err != nil {
		return err
	}
	if *dir == "" || *to == "" || f.NArg() > 0 {
		return tribune.Hint(fmt.Errorf("%w: name the city's directory and where the backup goes", errUsage), "tribune backup --dir /var/lib/tribune --out /backup/")
	}
	if len(*recipients) > 0 && !*keys {
		return fmt.Errorf("%w: --recipient goes with --keys", errUsage)
	}
	file, err := city.ReadFile(city.FindConfig(city.Dir(*dir)))
	if *keys && len(*recipients) == 0 {
		if err == nil {
			*recipients = file.Backup.Recipients
		}
		if len(*recipients) == 0 {
			return tribune.Hint(fmt.Errorf("%w: keys are written encrypted only", errUsage), "Name who can open them: --recipient age1..., or [backup] recipients in city.toml.")
		}
	}
	archive, err := backup.Ask(ctx, city.Dir(*dir).AdminSocket(), *recipients)
	if err != nil {
		return err
	}
	defer archive.Close()
	path, m, sum, err := keepArchive(*to, archive)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d files, %d leaves of the record\nsha256 %x\n", path, len(m.Files), m.Leaves, sum)
	if !m.Store {
		fmt.Fprintln(log, "warning: this city keeps its state in PostgreSQL, which is not in the backup. Make pg_dump's before each of these.")
	}
	if file.HoldsPassword() {
		fmt.Fprintln(log, "warning: the configuration in the backup holds the store's password in clear. Give it by PGPASSFILE, or encrypt the archive.")
	}
	if len(m.Keys) == 0 {
		fmt.Fprintln(log, "warning: the hub's keys are not in the backup (--keys). Keep hub/keys/log.key and hub/keys/hub.key elsewhere.")
	}
	fmt.Fprintln(log, "The epoch key is never in a backup. Keep a copy of hub/keys/epoch.key on a device of its own: without it nothing sealed opens.")
	return nil
}

// keepArchive writes an archive beside its place, verifies it on the way, and renames it once it is whole and on disk.
func keepArchive(to string, archive io.Reader) (path string, m backup.Manifest, sum []byte, err error) {
	folder := filepath.Dir(to)
	if strings.HasSuffix(to, "/") || isDir(to) {
		folder = to
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", m, nil, fmt.Errorf("keeping the backup: %w", err)
	}
	tmp, err := os.CreateTemp(folder, ".tribune-backup-") // 0600
	if err != nil {
		return "", m, nil, fmt.Errorf("keeping the backup: %w", err)
	}
	defer os.Remove(tmp.Name())
	h := sha256.New()
	whole := io.TeeReader(archive, io.MultiWriter(tmp, h))
	if m, err = backup.Verify(whole, nil); err == nil {
		_, err = io.Copy(io.Discard, whole) // tar's padding
	}
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return "", m, nil, fmt.Errorf("keeping the backup: %w", err)
	}
	path = to
	if folder == to {
		path = filepath.Join(to, fmt.Sprintf("%s-%s.tar", m.City, m.Made.Format("20060102T150405Z")))
	}
	if _, err := os.Lstat(path); err == nil {
		return "", m, nil, fmt.Errorf("%w: %s is there already", tribune.ErrConflict, path)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return "", m, nil, fmt.Errorf("keeping the backup: %w", err)
	}
	place, err := os.Open(folder)
	if err != nil {
		return "", m, nil, fmt.Errorf("keeping the backup: %w", err)
	}
	if err := errors.Join(place.Sync(), place.Close()); err != nil {
		return "", m, nil, fmt.Errorf("keeping the backup: %w", err)
	}
	return path, m, h.Sum(nil), nil
}

// runRestore puts an archive where no hub is.
func runRestore(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("restore", log)
	dir := f.String("dir", "", "the city's `directory`, in which no hub is (required)")
	from := f.String("from", "", "the archive's `file` (required)")
	sum := f.String("sha256", "", "refuse an archive with another `hash` than backup printed")
	identity := f.String("identity", "", "`file` with the age identity that opens the keys in the archive")
	keys := f.String("keys", "", "`folder` with log.key and hub.key, instead of those in the archive")
	epoch := f.String("epoch-key", "", "the epoch key's `file`, from where you keep it")
	noEpoch := f.Bool("without-epoch-key", false, "go on without it: what was sealed stays closed")
	without := severalVar(f, "without", "`name` of a guardian that is lost for good and need not be heard before the record goes on")
	if err := parse(f, args); err != nil {
		return err
	}
	if *dir == "" || *from == "" || f.NArg() > 0 {
		return tribune.Hint(fmt.Errorf("%w: name the archive and the city's directory", errUsage), "tribune restore --dir /var/lib/tribune --from backup.tar --epoch-key /media/key/epoch.key")
	}
	r := backup.Restoring{Dir: *dir, Keys: *keys, EpochKey: *epoch, WithoutEpochKey: *noEpoch, Without: *without}
	archive, err := os.Open(*from)
	if err != nil {
		return fmt.Errorf("opening the backup: %w", err)
	}
	defer archive.Close()
	if *sum != "" {
		if err := checkSum(archive, *sum); err != nil {
			return err
		}
	}
	r.Archive = archive
	if *identity != "" {
		file, err := os.Open(*identity)
		if err != nil {
			return fmt.Errorf("reading the identity: %w", err)
		}
		defer file.Close()
		if r.Identities, err = age.ParseIdentities(file); err != nil {
			return fmt.Errorf("%w: %s holds no age identity", tribune.ErrInvalid, *identity) // not what it holds
		}
	}
	m, err := backup.Restore(r)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is restored as it was on %s: %d files, %d leaves of the record.\n", m.City, m.Made.Format(time.RFC3339), len(m.Files), m.Leaves)
	fmt.Fprintln(out, "Start the hub. It first asks the guardians for what was put on record since, and goes on from there.")
	return nil
}

func checkSum(archive io.ReadSeeker, want string) error {
	h := sha256.New()
	if _, err := io.Copy(h, archive); err != nil {
		return fmt.Errorf("reading the backup: %w", err)
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != strings.ToLower(want) {
		return fmt.Errorf("%w: the backup's hash is %s, not %s", errDoesNotHold, got, want)
	}
	_, err := archive.Seek(0, io.SeekStart)
	return err
}
