package release

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/explain/metric"
	"tribune/internal/worker"
)

const (
	maxIndex  = 256 << 20 // bytes
	maxRows   = 2_000_000
	maxRecord = 64 << 10 // bytes of one row of any file here
	fewest    = 30       // attacked rows of a group whose share is told
)

// The measures of a blind index.
const (
	Recovered = "recovered"    // share of rows whose value the attack names rightly
	Beyond    = "beyond guess" // that, less the share of who names the commonest value for all
)

// Index is a blind index as its auditor knows it: what it says (a token for each row, and when the row came) and what it hides (the row's value).
//
// Its file is CSV with a header: token, value, then seen, if it is known (RFC 3339, or a number of seconds), then any groupings.
type Index struct {
	Of           string // which one it is, where there are several
	Token, Value []string
	Seen         []int64 // nanoseconds since 1970; nil = not known
	Hidden       []bool  // rows of which even the auditor does not know the value; nil = none
	Groups       []data.Grouping
}

// ReadIndex reads an index in a worker; errors name the row and never a value.
func ReadIndex(ctx context.Context, w worker.Worker, file io.Reader) (Index, error) {
	s, err := outside.ReadSheet(ctx, w, file, indexLimits())
	if err != nil {
		return Index{}, fmt.Errorf("reading a blind index: %w", err)
	}
	x, err := indexOf(s.Header, s.Rows())
	if err != nil {
		return Index{}, fmt.Errorf("reading a blind index: %w", err)
	}
	return x, nil
}

// indexLimits bound an index, and what is known of one.
func indexLimits() data.Limits {
	return data.Limits{Bytes: maxIndex, Rows: maxRows, Columns: maxColumns, Record: maxRecord}
}

// indexOf makes an index of a sheet.
func indexOf(header []string, rows iter.Seq2[int, []string]) (x Index, err error) {
	if len(header) < 2 || header[0] != "token" || header[1] != "value" {
		return x, tribune.Hint(fmt.Errorf("%w: its header", tribune.ErrInvalid), "token,value, then seen and groupings, as: token,value,seen,district")
	}
	first := 2
	if len(header) > 2 && header[2] == "seen" {
		x.Seen, first = []int64{}, 3
	}
	var groups []*grouped
	for _, name := range header[first:] {
		groups = append(groups, newGrouped(name))
	}
	for n, row := range rows {
		if x.Seen != nil {
			at, err := moment(row[2])
			if err != nil {
				return x, fmt.Errorf("row %d: %w", n, err)
			}
			x.Seen = append(x.Seen, at)
		}
		x.Token, x.Value = append(x.Token, row[0]), append(x.Value, row[1])
		for i, word := range row[first:] {
			groups[i].add(word, true)
		}
	}
	for _, g := range groups {
		x.Groups = append(x.Groups, g.Grouping)
	}
	return x, nil
}

// moment reads a time, or seconds since 1970, as nanoseconds.
func moment(text string) (int64, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.Year() > 1700 && at.Year() < 2200 {
		return at.UnixNano(), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(math.Abs(v) < 8e9) {
		return 0, fmt.Errorf("%w: the moment is neither a time (RFC 3339) nor a number of seconds", tribune.ErrInvalid)
	}
	return int64(v * 1e9), nil
}

// Attack is AttackAll of one index.
func (x Index) Attack(groupings []string, s Sightings, confidence float64, seed uint64) ([]Figure, error) {
	return AttackAll([]Index{x}, groupings, s, confidence, seed)
}

// AttackAll plays whoever holds the indexes and knows half of each one's rows, drawn by the seed, in the world outside: which values there are and how often,
// and of each value a few moments at which it was there. The other rows are attacked.
//
//   - By frequency, the commonest token is taken for the commonest value, and so on (Naveed, Kamara, Wright 2015, 10.1145/2810103.2813651, 4.1).
//   - By dictionary, every known value is hashed without a key, as those do who take a hash for a pseudonym.
//   - By sightings, where the index says when rows came: see Index.bySighting.
//
// Intervals hold for all figures of a measure at once, at confidence.
func AttackAll(all []Index, groupings []string, s Sightings, confidence float64, seed uint64) (out []Figure, err error) {
	if s.Most < 0 || s.Within < 0 {
		return nil, fmt.Errorf("attacking a blind index: %w: %d sightings within %s", tribune.ErrInvalid, s.Most, s.Within)
	}
	measured := 0
	for _, x := range all {
		groups, err := crowds(x.Groups, groupings, len(x.Token))
		if err != nil {
			return nil, err
		}
		measured += 3 * len(groups)
	}
	for _, x := range all {
		figures, err := x.attack(groupings, s, metric.Each(confidence, measured), seed)
		if err != nil {
			return nil, err
		}
		out = append(out, figures...)
	}
	return out, nil
}

func (x Index) attack(groupings []string, s Sightings, each float64, seed uint64) ([]Figure, error) {
	rows := rand.New(rand.NewPCG(seed, 62)).Perm(len(x.Token))
	if x.Hidden != nil {
		rows = slices.DeleteFunc(rows, func(row int) bool { return x.Hidden[row] })
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("attacking a blind index: %w: %d rows", tribune.ErrInvalid, len(rows))
	}
	half := len(rows) / 2
	known, attacked := count(x.Value, rows[:half]), rows[half:]
	slices.Sort(attacked)
	byFrequency := map[string]string{}
	for i, t := range count(x.Token, first(len(x.Token))) {
		if i < len(known) {
			byFrequency[t] = known[i]
		}
	}
	hashes := dictionary(known, x.Token)
	ways := []way{
		{"frequency", func(t string) (string, bool) { v, ok := byFrequency[t]; return v, ok }},
		{"dictionary", func(t string) (string, bool) { v, ok := hashes[strings.ToLower(t)]; return v, ok }},
	}
	if x.Seen != nil && s.Most > 0 {
		bySighting := x.bySighting(rows[:half], s, seed)
		ways = append(ways, way{"sightings", func(t string) (string, bool) { v, ok := bySighting[t]; return v, ok }})
	}
	groups, err := crowds(x.Groups, groupings, len(x.Token))
	if err != nil {
		return nil, err
	}
	var out []Figure
	for _, by := range ways {
		for _, c := range groups {
			f := Figure{Attack: by.name, Grouping: c.grouping, Group: c.group}
			if x.Of != "" {
				f.Attack += " on " + x.Of
			}
			out = append(out, x.named(f, by, c, attacked, known[0], each)...)
		}
	}
	return out, nil
}

// way is an attack on a blind index: what value it takes a token for.
type way struct {
	name  string
	names func(token string) (string, bool)
}

// named counts the attacked rows of a group that are named rightly; commonest is what somebody would name for all who has seen no index.
func (x Index) named(f Figure, by way, c crowd, attacked []int, commonest string, each float64) []Figure {
	right, more, squares := 0, 0, 0
	for _, row := range attacked {
		if _, of := slices.BinarySearch(c.rows, row); !of {
			continue
		}
		f.Members++
		v, ok := by.names(x.Token[row])
		d := 0
		if ok && v == x.Value[row] {
			right, d = right+1, 1
		}
		if x.Value[row] == commonest {
			d--
		}
		more, squares = more+d, squares+d*d
	}
	return shares(f, right, more, squares, each)
}

// shares are the two figures of one attack on one group. The interval of the difference is normal, and never narrower than what no event among all rows is
// worth.
func shares(f Figure, right, more, squares int, each float64) []Figure {
	told, beyond := f, f
	told.Measure, beyond.Measure = Recovered, Beyond
	if f.Members < fewest {
		told.Refused = fmt.Sprintf("%d rows, at least %d are needed", f.Members, fewest)
		beyond.Refused = told.Refused
		return []Figure{told, beyond}
	}
	n := float64(f.Members)
	told.Value = float64(right) / n
	if i, err := metric.ClopperPearson(right, f.Members, each); err != nil {
		told.Refused = err.Error()
	} else {
		told.Low, told.High = i.Low, i.High
	}
	beyond.Value = float64(more) / n
	spread := math.Sqrt(max(0, float64(squares)/n-beyond.Value*beyond.Value) / n)
	reach := max(math.Sqrt2*math.Erfinv(each)*spread, -math.Log((1-each)/2)/n)
	beyond.Low, beyond.High = max(-1, beyond.Value-reach), min(1, beyond.Value+reach)
	return []Figure{told, beyond}
}

// count is the words of some rows, the commonest first; of equally common ones the first in the alphabet.
func count(words []string, rows []int) []string {
	times := map[string]int{}
	for _, r := range rows {
		times[words[r]]++
	}
	out := make([]string, 0, len(times))
	for w := range times {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(times[b], times[a]), cmp.Compare(a, b)) })
	return out
}

// dictionary is what tokens stand for that are what the usual hashes without a key make of values, whole and cut to 16 bytes. It is no longer than the
// tokens: each value has some seventy spellings.
func dictionary(values, tokens []string) map[string]string {
	there := make(map[string]bool)
	for _, t := range tokens {
		there[strings.ToLower(t)] = true
	}
	out := make(map[string]string)
	for _, v := range values {
		told := func(text string) {
			if t := strings.ToLower(text); there[t] {
				out[t] = v
			}
		}
		for _, text := range []string{v, strings.ToUpper(v), strings.ToLower(v)} {
			m, s, l, xl := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum256([]byte(text)), sha512.Sum512([]byte(text))
			told(text)
			for _, h := range [][]byte{m[:], s[:], l[:], xl[:], s[:16], l[:16], xl[:16]} {
				told(hex.EncodeToString(h))
				told(base64.StdEncoding.EncodeToString(h))
				told(base64.RawURLEncoding.EncodeToString(h))
			}
		}
	}
	return out
}
