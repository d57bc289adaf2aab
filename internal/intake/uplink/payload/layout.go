package payload

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"tribune"
)

// The text of a layout document is TOML 1.0. A key that is not listed here is an error.
//
//	device = "lorawan"                       the device, a network server, whose end devices send in these layouts
//
//	[[layout]]                               the first that fits an uplink reads it
//	name = "tank"                            as a query calls it: ?payload=tank
//	end_devices = ["a84041000181c061"]       optional: DevEUIs in lower case; missing = every end device
//	port = 2                                 optional: the FPort it is sent on; missing = every port
//	format = "cayenne-lpp"                   optional: then it has no fields
//	length = 8                               optional: a payload of another length is bad
//
//	[[layout.field]]
//	name = "level"                           what the value is called; one name may stand in a layout once
//	offset = 0                               of its first byte
//	length = 2                               optional, bytes: 1 to 8; missing = 1
//	endian = "little"                        optional: "big", which is the default, or "little"
//	shift = 4                                optional: bits left out at the lower end
//	bits = 12                                optional: bits taken; missing = all that are left
//	signed = true                            optional: two's complement of those bits
//	float = true                             optional: IEEE 754, of 4 or 8 bytes; no shift, bits or signed
//	missing = 0x7fff                         optional: as a whole number, what the device sends when it has no value
//	boolean = true                           optional: the value is true or false; no scale or add
//	words = { 0 = "free", 1 = "taken" }      optional: the value is one of these texts; another number is bad
//	scale = 0.01                             optional: value = number * scale + add
//	add = -40                                optional
//
// Scaled values have at most 12 digits.

// Bounds of a layout document.
const (
	maxLayouts    = 64
	maxEndDevices = 4096
	maxFields     = 64
	maxName       = 64
	maxWords      = 256
	maxWord       = 128
)

// Document is the layouts of one device.
type Document struct {
	Device  string   `toml:"device"`
	Layouts []Layout `toml:"layout"`
	Signed  []byte   `toml:"-"` // as the steward signed it; do not change
}

// Layout is where in a payload which value stands.
type Layout struct {
	Name       string   `toml:"name"`
	EndDevices []string `toml:"end_devices"`
	Port       *int     `toml:"port"`
	Format     string   `toml:"format"`
	Length     *int     `toml:"length"`
	Fields     []Place  `toml:"field"`
}

// Place is where one value stands and how it is written there.
type Place struct {
	Name    string            `toml:"name"`
	Offset  int               `toml:"offset"`
	Length  int               `toml:"length"`
	Endian  string            `toml:"endian"`
	Shift   int               `toml:"shift"`
	Bits    int               `toml:"bits"`
	Signed  bool              `toml:"signed"`
	Float   bool              `toml:"float"`
	Missing *int64            `toml:"missing"`
	Boolean bool              `toml:"boolean"`
	Words   map[string]string `toml:"words"`
	Scale   *float64          `toml:"scale"`
	Add     float64           `toml:"add"`
}

// Find is the layout that reads an uplink: of a name, or where the name is "" the first that fits the end device and port.
func (d *Document) Find(name, endDevice string, port int) (*Layout, bool) {
	for i := range d.Layouts {
		l := &d.Layouts[i]
		if name != "" {
			if l.Name == name {
				return l, true
			}
			continue
		}
		if (l.Port == nil || *l.Port == port) && (len(l.EndDevices) == 0 || slices.Contains(l.EndDevices, endDevice)) {
			return l, true
		}
	}
	return nil, false
}

// Decode reads a payload.
func (l *Layout) Decode(b []byte) ([]Field, error) {
	switch {
	case l.Format == CayenneName:
		return Cayenne(b)
	case l.Length != nil && len(b) != *l.Length:
		return nil, bad("layout %s: a payload of %d bytes, want %d", l.Name, len(b), *l.Length)
	}
	fields := make([]Field, 0, len(l.Fields))
	for i := range l.Fields {
		p := &l.Fields[i]
		if p.Offset+p.Length > len(b) {
			return nil, bad("layout %s: the payload is too short for %s", l.Name, p.Name)
		}
		value, err := p.value(b[p.Offset : p.Offset+p.Length])
		if err != nil {
			return nil, bad("layout %s: %s: %v", l.Name, p.Name, err)
		}
		if value != nil {
			fields = append(fields, Field{p.Name, value})
		}
	}
	return fields, nil
}

// value is nil where the device says that it has none. An error is plain words: it is wrapped.
func (p *Place) value(b []byte) (json.RawMessage, error) {
	raw := bigEndian(b)
	if p.Endian == "little" {
		raw = littleEndian(b)
	}
	if p.Float {
		x := math.Float64frombits(raw)
		if p.Length == 4 {
			x = float64(math.Float32frombits(uint32(raw)))
		}
		return p.scaled(x)
	}
	raw = raw >> p.Shift << (64 - p.Bits) >> (64 - p.Bits)
	n := int64(raw)
	if p.Signed {
		n = extend(raw, p.Bits)
	}
	switch {
	case p.Missing != nil && *p.Missing == n:
		return nil, nil
	case p.Boolean:
		return strconv.AppendBool(nil, n != 0), nil
	case p.Words != nil:
		word, ok := p.Words[strconv.FormatInt(n, 10)]
		if !ok {
			return nil, fmt.Errorf("a number that has no word")
		}
		return json.Marshal(word)
	case p.Scale == nil && p.Add == 0:
		if !p.Signed {
			return strconv.AppendUint(nil, raw, 10), nil
		}
		return strconv.AppendInt(nil, n, 10), nil
	}
	x := float64(n)
	if !p.Signed {
		x = float64(raw)
	}
	return p.scaled(x)
}

func (p *Place) scaled(x float64) (json.RawMessage, error) {
	if p.Scale != nil {
		x *= *p.Scale
	}
	value, ok := number(x + p.Add)
	if !ok {
		return nil, fmt.Errorf("no finite number")
	}
	return value, nil
}

// Parse reads the text of a layout document strictly.
func Parse(text string) (*Document, error) {
	var d Document
	md, err := toml.Decode(text, &d)
	if err != nil {
		return nil, fmt.Errorf("%w: payload layouts cannot be read as TOML: %s", tribune.ErrInvalid, strings.TrimPrefix(err.Error(), "toml: "))
	}
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, key := range md.Keys() {
		last := key[len(key)-1]
		if len(key) > 1 && key[len(key)-2] == "words" {
			if n, err := strconv.ParseInt(last, 10, 64); err != nil || strconv.FormatInt(n, 10) != last {
				add("words: %.40q is not a whole number", last)
			}
		} else if last != strings.ToLower(last) { // the TOML package matches keys to fields without regard to case
			add("the key %.40q is not spelled as keys are", last)
		}
	}
	for _, key := range md.Undecoded() {
		add("the key %.60q means nothing here", key.String())
	}
	d.check(add)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%w: payload layouts: %s", tribune.ErrInvalid, strings.Join(problems, "; "))
	}
	return &d, nil
}

var (
	nameShape   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*$`)
	devEUIShape = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

func validName(s string) bool { return len(s) <= maxName && nameShape.MatchString(s) }
