package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"tribune"
)

const (
	detailsParam = "authorization_details" // and the claim
	detailType   = "tribune_act"
	mostDetails  = 4       // a desk works for one or two purposes at a time
	maxDetails   = 4 << 10 // bytes of the whole parameter
	maxDetailID  = 128     // bytes of a purpose or a mandate
)

// Detail is one object of authorization_details: for which purpose, under which mandate, the token may be used.
type Detail struct {
	Type    string `json:"type"`
	Purpose string `json:"purpose"`
	Mandate string `json:"mandate"`
}

// errDetails is the one error of this parameter: who sends it is a program, and its author reads the specification.
var errDetails = errors.New("authorization_details must be a list of 1 to 4 objects of type tribune_act, each with purpose and mandate, of 4096 bytes at most")

// parseDetails reads the parameter authorization_details; "" is none. The format is in the package comment. A member that
// comes twice or is not known is refused: two readers of a token could else take it to say two things.
func parseDetails(param string) ([]Detail, error) {
	if param == "" {
		return nil, nil
	}
	if len(param) > maxDetails {
		return nil, fmt.Errorf("%w: %w", tribune.ErrTooLarge, errDetails)
	}
	var list []Detail
	if err := json.Unmarshal([]byte(param), &list, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, errDetails) // the parser's own error would quote the input
	}
	if len(list) == 0 || len(list) > mostDetails {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, errDetails)
	}
	for _, d := range list {
		if d.Type != detailType || !isDetailID(d.Purpose) || !isDetailID(d.Mandate) {
			return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, errDetails)
		}
	}
	return list, nil
}

func isDetailID(s string) bool {
	return s != "" && len(s) <= maxDetailID && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
