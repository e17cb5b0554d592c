package job

import "fmt"

// Outcome is how a step, and a whole run, ended. There are four, always four;
// each names one edge of a step.
type Outcome string

// The four outcomes.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
	Abort   Outcome = "abort"
	Timeout Outcome = "timeout"
)

// Outcomes lists the four in the order in which kog prints them.
func Outcomes() [4]Outcome { return [4]Outcome{Success, Failure, Abort, Timeout} }

// Valid reports whether o is one of the four.
func (o Outcome) Valid() bool {
	switch o {
	case Success, Failure, Abort, Timeout:
		return true
	}
	return false
}

// ReturnCode is the process return code of a run with this status: success 0,
// failure 1, abort 2, timeout 3. Any other value is kog's own trouble, 125.
func (o Outcome) ReturnCode() int {
	switch o {
	case Success:
		return 0
	case Failure:
		return 1
	case Abort:
		return 2
	case Timeout:
		return 3
	}
	return 125
}

// ParseOutcome turns a word into an Outcome. Only the four exact lower-case
// words are accepted.
func ParseOutcome(s string) (Outcome, error) {
	if o := Outcome(s); o.Valid() {
		return o, nil
	}
	return "", fmt.Errorf("unknown outcome %q: want success, failure, abort or timeout", s)
}
