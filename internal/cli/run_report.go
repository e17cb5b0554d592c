package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3/internal/journal"
	"gitlab.com/f5-pwe/kog/v3/internal/report"
)

func (o *runOptions) addReportFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.reports, "report", nil, "write a report at the end of the run, `KIND:FILE`; KIND is junit, markdown or html (repeatable)")
}

// checkReports refuses reports that could not be written at the end.
func (o *runOptions) checkReports() error {
	seen := map[string]bool{}
	for _, text := range o.reports {
		t, err := report.ParseTarget(text)
		if err == nil {
			err = t.Check()
		}
		if err == nil && seen[filepath.Clean(t.File)] {
			err = fmt.Errorf("%s is given twice: give each report a file of its own", t.File)
		}
		if err != nil {
			return fmt.Errorf("--report %w", err)
		}
		seen[filepath.Clean(t.File)] = true
		o.targets = append(o.targets, t)
	}
	return nil
}

// writeReports writes every report of a run, as far as it came.
func (o *runOptions) writeReports(runID string) error {
	if len(o.targets) == 0 || runID == "" {
		return nil
	}
	past := journal.NewStore(filepath.Join(o.stateDir, "runs")).Past(runID)
	var errs []error
	for _, t := range o.targets {
		if err := t.Write(past); err != nil {
			errs = append(errs, fmt.Errorf("--report %s: %w", t.Kind, err))
		}
	}
	return errors.Join(errs...)
}
