package release

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
)

const (
	maxIndex = 256 << 20 // bytes
	maxRows  = 2_000_000
	fewest   = 30 // attacked rows of a group whose share is told
)

// The measures of a blind index.
const (
	Recovered = "recovered"    // share of rows whose value the attack names rightly
	Beyond    = "beyond guess" // that, less the share of who names the commonest value for all
)

// Index is a blind index as its auditor knows it: what it says (a token for each row) and what it hides (the row's value).
//
// Its file is CSV with a header: token, value, then any groupings.
type Index struct {
	Token, Value []string
	Groups       []data.Grouping
}

// ReadIndex reads an index; errors name the row and never a value.
func ReadIndex(r io.Reader) (Index, error) {
	limited := &io.LimitedReader{R: r, N: maxIndex + 1}
	in := csv.NewReader(limited)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil || len(header) < 2 || header[0] != "token" || header[1] != "value" || len(header) > maxColumns {
		return Index{}, tribune.Hint(fmt.Errorf("reading a blind index: %w: its header: %v", tribune.ErrInvalid, err), "token,value, then groupings, as: token,value,district")
	}
	x := Index{}
	codes := make([]map[string]int, len(header)-2)
	for i, name := range header[2:] {
		x.Groups = append(x.Groups, data.Grouping{Name: name})
		codes[i] = map[string]int{}
	}
	for {
		row, err := in.Read()
		switch {
		case limited.N <= 0 || len(x.Token) > maxRows:
			return Index{}, fmt.Errorf("reading a blind index: over %d bytes or %d rows: %w", maxIndex, maxRows, tribune.ErrTooLarge)
		case errors.Is(err, io.EOF):
			return x, nil
		case err != nil:
			return Index{}, fmt.Errorf("reading a blind index: row %d is no row of %d cells: %w", len(x.Token)+1, len(header), tribune.ErrInvalid)
		}
		x.Token, x.Value = append(x.Token, strings.Clone(row[0])), append(x.Value, strings.Clone(row[1]))
		for i, word := range row[2:] {
			code, known := codes[i][word]
			if !known {
				code = len(codes[i])
				codes[i][strings.Clone(word)] = code
				x.Groups[i].Values = append(x.Groups[i].Values, strings.Clone(word))
			}
			x.Groups[i].Of = append(x.Groups[i].Of, code)
		}
	}
}

// Attack plays whoever holds the index and knows how often each value occurs among as many other rows: half of the rows, drawn by the seed, are what is
// known, and the rest are attacked. By frequency, the commonest token is taken for the commonest value, and so on (Naveed, Kamara, Wright 2015,
// 10.1145/2810103.2813651, 4.1); by dictionary, every known value is hashed without a key, as those do who take a hash for a pseudonym.
func (x Index) Attack(groupings []string, confidence float64, seed uint64) ([]Figure, error) {
	rows := rand.New(rand.NewPCG(seed, 62)).Perm(len(x.Token))
	if len(rows) < 2 {
		return nil, fmt.Errorf("attacking a blind index: %w: %d rows", tribune.ErrInvalid, len(rows))
	}
	half := len(rows) / 2
	known, attacked := count(x.Value, rows[:half]), rows[half:]
	slices.Sort(attacked)
	seen := count(x.Token, attacked)
	taken := map[string]string{}
	for i, t := range seen {
		if i < len(known) {
			taken[t] = known[i]
		}
	}
	hashes := dictionary(known)
	named := map[string]func(token string) (string, bool){
		"frequency":  func(t string) (string, bool) { v, ok := taken[t]; return v, ok },
		"dictionary": func(t string) (string, bool) { v, ok := hashes[strings.ToLower(t)]; return v, ok },
	}
	groups, err := crowds(x.Groups, groupings, len(x.Token))
	if err != nil {
		return nil, err
	}
	each := metric.Each(confidence, len(named)*len(groups))
	var out []Figure
	for _, by := range []string{"frequency", "dictionary"} {
		for _, c := range groups {
			f := Figure{Attack: by, Grouping: c.grouping, Group: c.group}
			right, more, squares := 0, 0, 0
			for _, row := range attacked {
				if _, of := slices.BinarySearch(c.rows, row); !of {
					continue
				}
				f.Members++
				v, ok := named[by](x.Token[row])
				d := 0
				if ok && v == x.Value[row] {
					right, d = right+1, 1
				}
				if x.Value[row] == known[0] {
					d--
				}
				more, squares = more+d, squares+d*d
			}
			out = append(out, shares(f, right, more, squares, each)...)
		}
	}
	return out, nil
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

// dictionary is what the usual hashes without a key make of values, whole and cut to 16 bytes, by what they make.
func dictionary(values []string) map[string]string {
	out := make(map[string]string, 16*len(values))
	for _, v := range values {
		for _, text := range []string{v, strings.ToUpper(v), strings.ToLower(v)} {
			m, s, l, xl := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum256([]byte(text)), sha512.Sum512([]byte(text))
			out[strings.ToLower(text)] = v
			for _, h := range [][]byte{m[:], s[:], l[:], xl[:], s[:16], l[:16], xl[:16]} {
				for _, told := range []string{hex.EncodeToString(h), base64.StdEncoding.EncodeToString(h), base64.RawURLEncoding.EncodeToString(h)} {
					out[strings.ToLower(told)] = v
				}
			}
		}
	}
	return out
}
