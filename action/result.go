package action

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// Prefix begins a result line.
const Prefix = "KOG:"

// Result is what a container said on its result line.
type Result struct {
	Outcome job.Outcome
	// Remediate: the word was one of remediatesuccess, remediatefailure,
	// remediateabort, remediatetimeout.
	Remediate bool
	RC        int
	Message   string
	// Context replaces the run's context; nil leaves it.
	Context job.Values
}

// ParseResult reads the JSON object of a result line, without the prefix.
// result is one of eight words; rc a whole number, also as a string, by
// default 0 for success and 1 otherwise; message a string; context an object.
// Keys that it does not know are ignored. Any other form is an error.
func ParseResult(data []byte) (Result, error) {
	var fields map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&fields); err != nil {
		return Result{}, fmt.Errorf("not a JSON object: %w", err)
	}
	if fields == nil {
		return Result{}, errors.New("not a JSON object: null")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Result{}, errors.New("something follows the JSON object")
	}
	var r Result
	for _, f := range []struct {
		key string
		set func(json.RawMessage) error
	}{
		{"result", r.setWord}, {"rc", r.setRC}, {"message", r.setMessage}, {"context", r.setContext},
	} {
		if err := f.set(fields[f.key]); err != nil {
			return Result{}, fmt.Errorf("%s: %w", f.key, err)
		}
	}
	return r, nil
}

func (r *Result) setWord(raw json.RawMessage) error {
	if absent(raw) {
		return errors.New("missing")
	}
	var word string
	if err := json.Unmarshal(raw, &word); err != nil {
		return errors.New("not a string")
	}
	rest, remediate := strings.CutPrefix(word, job.RemediateWorkflow)
	outcome, err := job.ParseOutcome(rest)
	if err != nil {
		return fmt.Errorf("unknown word %q", Shorten(word, 40))
	}
	r.Outcome, r.Remediate = outcome, remediate
	return nil
}

// setRC comes after setWord, on which the default depends.
func (r *Result) setRC(raw json.RawMessage) error {
	if absent(raw) {
		if r.Outcome != job.Success {
			r.RC = 1
		}
		return nil
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		text = strings.TrimSpace(text)
	}
	if n, err := strconv.Atoi(text); err == nil {
		r.RC = n
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<52 {
		return fmt.Errorf("%s is not a whole number", Shorten(string(raw), 40))
	}
	r.RC = int(f)
	return nil
}

func (r *Result) setMessage(raw json.RawMessage) error {
	if absent(raw) {
		return nil
	}
	if json.Unmarshal(raw, &r.Message) != nil {
		return errors.New("not a string")
	}
	return nil
}

func (r *Result) setContext(raw json.RawMessage) error {
	if absent(raw) {
		return nil
	}
	v, err := job.DecodeValues(raw)
	if err != nil {
		return errors.New("not an object")
	}
	r.Context = v
	return nil
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// Line gives the result line that a container prints for r, with prefix and
// newline.
func (r Result) Line() ([]byte, error) {
	word := string(r.Outcome)
	if r.Remediate {
		word = job.RemediateWorkflow + word
	}
	var buf bytes.Buffer
	buf.WriteString(Prefix)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Result  string     `json:"result"`
		RC      int        `json:"rc"`
		Message string     `json:"message"`
		Context job.Values `json:"context,omitempty"`
	}{word, r.RC, r.Message, r.Context})
	if err != nil {
		return nil, fmt.Errorf("encode result: %w", err)
	}
	return buf.Bytes(), nil
}

// Shorten cuts s to at most n bytes and an ellipsis, between characters.
func Shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
