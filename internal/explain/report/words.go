package report

import (
	"fmt"
	"strings"

	"tribune/internal/explain/defence"
)

// inWords says what a scheme does to an explanation.
func inWords(scheme string) string {
	var out []string
	for rest, more := scheme, true; more; {
		var part string
		part, rest, more = defence.Cut(rest)
		name, setting, _ := strings.Cut(part, ":")
		words := strings.Split(setting, ",")
		switch {
		case name == "none":
			out = append(out, "as it is")
		case name == "unit":
			out = append(out, "its direction alone, at length 1")
		case name == "clip":
			out = append(out, "cut to length "+setting+" where it is longer")
		case name == "noise":
			out = append(out, "noise of deviation "+setting+" added")
		case name == "top":
			out = append(out, "the "+setting+" largest inputs alone")
		case name == "round":
			out = append(out, "rounded to steps of "+setting)
		case name == "gaussian" && len(words) == 3:
			out = append(out, fmt.Sprintf("noise with a proof of privacy for each explanation (epsilon %s, delta %s)", words[0], words[1]))
		case name == "private-linear" && len(words) == 2:
			out = append(out, fmt.Sprintf("another explanation, with a proof of privacy (epsilon %s, delta %s)", words[0], words[1]))
		case name == "dp-sgd":
			out = append(out, "the model trained again by DP-SGD")
		default:
			out = append(out, part)
		}
	}
	return strings.Join(out, "; then ")
}
