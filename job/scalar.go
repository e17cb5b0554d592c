package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync"
)

// maxDigits limits numbers with a base, whose conversion takes more than
// linear time.
const maxDigits = 1000

var (
	decimalNumber = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$`)
	})
	basedNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[-+]?0(?:[xX][0-9a-fA-F]+|[bB][01]+|[oO]?[0-7]+)$`) })
	jsonNumber  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$`)
	})
)

// plainKind is the kind of a YAML scalar without quotes and tag.
//
// Source of the rules: YAML 1.2.2, 10.3.2 "Core Schema", and of YAML 1.1 only
// numbers in octal (0777) and binary (0b101). Dates, yes, no, on, off and
// numbers with underscores are text.
func plainKind(s string) kind {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return boolean
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF",
		"+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
		return notFinite
	}
	if !strings.ContainsRune("+-.0123456789", rune(s[0])) {
		return text
	}
	if decimalNumber().MatchString(s) || basedNumber().MatchString(s) {
		return number
	}
	return text
}

// exactNumber turns a number as written into one that JSON can hold, without
// losing a digit. What is valid in JSON stays as it is.
func exactNumber(s string) (json.Number, error) {
	if jsonNumber().MatchString(s) {
		return json.Number(s), nil
	}
	if basedNumber().MatchString(s) {
		if len(s) > maxDigits {
			return "", fmt.Errorf("a number of %d digits that is not decimal: at most %d are read", len(s), maxDigits)
		}
		i, ok := new(big.Int).SetString(s, 0)
		if !ok {
			return "", fmt.Errorf("number %s cannot be read", quote(s))
		}
		return json.Number(i.String()), nil
	}
	sign := ""
	if s[0] == '-' {
		sign = "-"
	}
	s = strings.TrimLeft(s, "+-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i:]
	}
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if hasPoint {
		if fraction == "" {
			fraction = "0"
		}
		whole += "." + fraction
	}
	return json.Number(sign + whole + exponent), nil
}

var scalarTags = map[string]kind{
	"!": text, "!!str": text, "!!timestamp": text,
	"!!null": null, "!!bool": boolean, "!!int": number, "!!float": number,
}

// errTag does not name the tag: it may be a password that begins with "!".
var errTag = errors.New(`this YAML tag is not supported: put text that begins with "!" into quotes`)

// tagged resolves a YAML scalar with an explicit tag.
func tagged(tag, s string) (kind, error) {
	k, ok := scalarTags[tag]
	if !ok {
		return invalid, errTag
	}
	if k != text && plainKind(s) != k {
		return invalid, fmt.Errorf("tag %s wants %s", tag, k)
	}
	return k, nil
}
