package builtin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// visitsKey and visitsCount are where the returned context counts the visits of each step.
const visitsKey, visitsCount = "auto_result", "visits"

// settings is what the environment asks for.
type settings struct {
	word      string
	rc        int
	message   string
	sleep     time.Duration
	set       job.Values
	failUntil int
}

// readSettings takes the settings from the environment. Errors name the
// variable and what it wants, never its value.
func readSettings(env map[string]string) (settings, error) {
	s := settings{word: string(job.Success), message: "auto success"}
	for _, field := range []struct {
		name, want string
		read       func(string) error
	}{
		{"RESULT", "a result word", func(v string) error { s.word = v; return nil }},
		{"RESULT_CODE", "a whole number", func(v string) (err error) { s.rc, err = strconv.Atoi(v); return err }},
		{"MESSAGE", "text", func(v string) error { s.message = v; return nil }},
		{"SLEEP", "a duration such as 1.5s", func(v string) (err error) { s.sleep, err = time.ParseDuration(v); return err }},
		{"SET", "a JSON object", func(v string) (err error) { s.set, err = job.DecodeValues([]byte(v)); return err }},
		{"FAIL_UNTIL", "a whole number", func(v string) (err error) { s.failUntil, err = strconv.Atoi(v); return err }},
	} {
		if v := env[field.name]; v != "" && field.read(v) != nil {
			return settings{}, fmt.Errorf("environment variable %s is not %s", field.name, field.want)
		}
	}
	return s, nil
}

// result is what the program prints for the context that it got.
func (s settings) result(values job.Values) action.Result {
	values = values.Merge(s.set)
	// The word goes out as it came in: an unknown one is kog's to refuse.
	r := action.Result{Outcome: job.Outcome(s.word), RC: s.rc, Message: s.message, Context: values}
	if s.failUntil <= 0 {
		return r
	}
	step, _ := values["step_name"].(string)
	if step == "" {
		step = AutoResult
	}
	visit := 1 + visits(values, step)
	r.Context = values.Merge(job.Values{visitsKey: map[string]any{visitsCount: map[string]any{step: visit}}})
	if visit < s.failUntil {
		r.Outcome, r.RC = job.Failure, 1
		r.Message = fmt.Sprintf("visit %d of %s, which fails until visit %d", visit, step, s.failUntil)
	}
	return r
}

// visits is the count of earlier visits, zero when there is none that can be read.
func visits(values job.Values, step string) int {
	section, _ := values[visitsKey].(map[string]any)
	counts, _ := section[visitsCount].(map[string]any)
	number, _ := counts[step].(json.Number)
	n, err := strconv.Atoi(number.String())
	if err != nil {
		return 0
	}
	return n
}

var errStopped = errors.New("stopped before it had a result")

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errStopped
	case <-timer.C:
		return nil
	}
}
