package journal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// Open gives files for the output of an attempt, from its beginning; see LogPath.
// What was written there before stays as long as the output is the same again. An
// output that has become another one replaces it, and closing the file tells where
// the former one is.
func (r *Run) Open(_ string, step event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	out, err := openLog(r.LogPath(step.Attempt, step.At.Step, "stdout"))
	if err != nil {
		return nil, nil, err
	}
	errs, err := openLog(r.LogPath(step.Attempt, step.At.Step, "stderr"))
	if err != nil {
		return nil, nil, errors.Join(err, out.Close())
	}
	return out, errs, nil
}

// LogPath is the file with one stream ("stdout", "stderr") of an attempt:
// logs/0001-start.stdout.log.
func (r *Run) LogPath(attempt int, step, stream string) string {
	name := fmt.Sprintf("%04d-%s.%s.log", attempt, fileSafe(step), stream)
	return filepath.Join(r.dir, logsDir, name)
}

// fileSafe turns a step's name into a part of a file name.
func fileSafe(s string) string {
	safe := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.ContainsRune("-_.", c):
			return c
		}
		return '_'
	}, s)
	return safe[:min(len(safe), 60)]
}
