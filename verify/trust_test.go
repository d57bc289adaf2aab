package verify

import (
	"errors"
	"slices"
	"strings"
	"testing"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/witness"

	"tribune"
	"tribune/protocol"
)

func TestTrustFileIsReadAsOthersReadIt(t *testing.T) {
	l := newTestLog(t)
	if l.trust.Origin() != testOrigin || !slices.Equal(l.trust.Guardians(), guardianNames) {
		t.Errorf("got log %q and guardians %q", l.trust.Origin(), l.trust.Guardians())
	}
	l.grow(t, 4)
	theirs, err := witness.ParsePolicy([]byte(l.policy))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		cp := l.checkpoint(t, 4, n)
		_, err := l.trust.Checkpoint(cp)
		if got, want := err == nil, theirs.Satisfied(cp); got != want {
			t.Errorf("%d co-signatures: we say %v, transparency-dev/formats says %v", n, got, want)
		}
	}
	for i, name := range guardianNames {
		key, ok := l.trust.GuardianKey(name)
		seed, err := protocol.SeedOf(l.seeds[i])
		if err != nil || !ok || !key.Equal(seed.Public()) {
			t.Errorf("key of %s: %v, %v", name, key, err)
		}
	}
}

func TestNestedQuorum(t *testing.T) {
	l := newTestLog(t)
	l.grow(t, 1)
	policy := l.policy[:strings.Index(l.policy, "group ")] + "group courts any g1 g2\ngroup others all g3 g4\ngroup both all courts others\nquorum both\n"
	trust, err := ParseTrust([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Checkpoint(l.checkpoint(t, 1, 3)); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("g1 to g3: got %v, want ErrNoQuorum", err)
	}
	l.guardians = l.guardians[1:]
	if _, err := trust.Checkpoint(l.checkpoint(t, 1, 3)); err != nil {
		t.Errorf("g2 to g4: %v", err)
	}
}

// Each of these would make a signature count twice, or none count, or trust something else than was meant.
func TestLooseTrustFilesAreRefused(t *testing.T) {
	l := newTestLog(t)
	lines := strings.SplitAfter(strings.TrimSpace(l.policy), "\n")
	log, w, group, quorum := lines[1], lines[2:6], lines[6], "quorum guardians\n"
	keys := strings.Join(w, "")
	if _, err := ParseTrust([]byte(log + keys + group + quorum)); err != nil {
		t.Fatalf("control: %v", err)
	}
	fields := strings.Fields(w[0])
	_, otherKey, err := protocol.NewKey(guardianNames[0])
	if err != nil {
		t.Fatal(err)
	}
	if otherKey, err = fnote.VKeyToCosignatureV1(otherKey); err != nil {
		t.Fatal(err)
	}
	logAsWitness, err := fnote.VKeyToCosignatureV1(strings.Fields(log)[1])
	if err != nil {
		t.Fatal(err)
	}
	badHash := strings.Replace(w[0], "+"+strings.Split(fields[2], "+")[1]+"+", "+00000000+", 1)
	for name, text := range map[string]string{
		"empty":                     "",
		"no log":                    keys + group + quorum,
		"two logs":                  log + log + keys + group + quorum,
		"no quorum":                 log + keys + group,
		"two quorums":               log + keys + "group a any g1 g2\ngroup b any g3 g4\nquorum a\nquorum b\n",
		"quorum none":               log + "quorum none\n",
		"threshold zero":            log + keys + "group guardians 0 g1 g2 g3 g4\n" + quorum,
		"threshold beyond":          log + keys + "group guardians 5 g1 g2 g3 g4\n" + quorum,
		"threshold spelled +3":      log + keys + "group guardians +3 g1 g2 g3 g4\n" + quorum,
		"member twice":              log + keys + "group guardians 3 g1 g1 g2 g3 g4\n" + quorum,
		"member in two groups":      log + keys + "group a any g1 g2 g3 g4\ngroup guardians any a g1\n" + quorum,
		"member not defined":        log + keys + "group guardians 3 g1 g2 g3 g4 g5\n" + quorum,
		"witness that never counts": log + keys + "group guardians 3 g1 g2 g3\n" + quorum,
		"group that never counts":   log + keys + "group spare any g4\ngroup guardians 3 g1 g2 g3\n" + quorum,
		"witness alias twice":       log + keys + w[0] + group + quorum,
		"one key, two names":        log + keys + strings.Replace(w[0], " g1 ", " g5 ", 1) + "group guardians 3 g1 g2 g3 g4 g5\n" + quorum,
		"one name, two keys":        log + keys + "witness g5 " + otherKey + " http://x/\ngroup guardians 3 g1 g2 g3 g4 g5\n" + quorum,
		"log as its own witness":    log + keys + "witness g5 " + logAsWitness + " http://x/\ngroup guardians 3 g1 g2 g3 g4 g5\n" + quorum,
		"key hash does not fit":     log + badHash + strings.Join(w[1:], "") + group + quorum,
		"plain key as witness":      log + keys + "witness g5 " + strings.Fields(log)[1] + " http://x/\ngroup guardians 3 g1 g2 g3 g4 g5\n" + quorum,
		"cosigning key as log":      "log " + fields[2] + "\n" + strings.Join(w[1:], "") + "group guardians 3 g2 g3 g4\n" + quorum,
		"word of the format":        log + strings.Replace(keys, " g1 ", " any ", 1) + "group guardians 3 any g2 g3 g4\n" + quorum,
		"unknown word":              "allow everything\n" + log + keys + group + quorum,
		"words too many":            log + strings.Replace(w[0], "\n", " more\n", 1) + strings.Join(w[1:], "") + group + quorum,
		"not text":                  "\xff" + log + keys + group + quorum,
	} {
		if _, err := ParseTrust([]byte(text)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if _, err := ParseTrust(make([]byte, maxTrust+1)); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("endless file: got %v, want ErrTooLarge", err)
	}
}

func FuzzTrust(f *testing.F) {
	l := newTestLog(f)
	l.grow(f, 1)
	f.Add([]byte(l.policy))
	f.Add([]byte(strings.Replace(l.policy, "guardians 3", "guardians all", 1)))
	f.Add([]byte("log x\nwitness\ngroup a 1\nquorum a\n"))
	bare := l.checkpoint(f, 1, 0)
	f.Fuzz(func(t *testing.T, text []byte) {
		trust, err := ParseTrust(text)
		if err != nil {
			return
		}
		if _, err := trust.Checkpoint(bare); err == nil {
			t.Errorf("a trust file lets a checkpoint pass that nobody co-signed: %q", text)
		}
	})
}
