package report

import (
	"fmt"
	"strconv"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// fact is something to know, by name.
type fact struct{ Name, Value string }

// facts leaves out what is empty.
func facts(all ...fact) []fact {
	var out []fact
	for _, f := range all {
		if f.Value = clean(f.Value); f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}

// summaryFacts are those of a run, besides its status and message.
func summaryFacts(s Summary) []fact {
	outcomes := job.Outcomes()
	var byOutcome []string
	for _, o := range append(outcomes[:], Unfinished) {
		if n := s.Visits[o]; n > 0 {
			byOutcome = append(byOutcome, fmt.Sprintf("%d %s", n, o))
		}
	}
	visits := strconv.Itoa(s.Total)
	if len(byOutcome) > 0 {
		visits += ": " + strings.Join(byOutcome, ", ")
	}
	resumed := ""
	if s.Resumed > 0 {
		resumed = count(s.Resumed, "time")
	}
	return facts(
		fact{"run", s.RunID},
		fact{"correlation", s.CorrelationID},
		fact{"began", moment(s.Began)},
		fact{"took", took(s.Took())},
		fact{"visits", visits},
		fact{"resumed", resumed},
		fact{"executor", s.Executor},
		fact{"job", s.JobSource},
		fact{"kog", s.KogVersion},
		fact{"containers left behind", strings.Join(s.Leftovers, " ")},
	)
}

// visitFacts are those of a visit, besides its outcome and message.
func visitFacts(v Visit) []fact {
	exit, waited, again := "", "", ""
	if v.ExitCode != nil && *v.ExitCode != v.RC {
		exit = strconv.Itoa(*v.ExitCode)
	}
	if w := v.Waited(); w > 0 {
		waited = took(w)
	}
	if !v.Latest {
		again = fmt.Sprintf("attempt %d", v.NextAttempt)
	}
	out := facts(
		fact{"action", v.Action},
		fact{"image", v.Image},
		fact{"digest", v.Pinned},
		fact{"began", moment(v.Starting)},
		fact{"waited", waited},
		fact{"took", tookOf(v)},
		fact{"rc", strconv.Itoa(v.RC)},
		fact{"exit code", exit},
		fact{"visited again", again},
	)
	if v.Remediate {
		out = append(out, fact{"asked for", job.RemediateWorkflow})
	}
	for _, w := range v.Warnings {
		out = append(out, fact{"warning", clean(w)})
	}
	return out
}
