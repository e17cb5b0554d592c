package acceptance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

// image makes an image of busybox and a shell script: image ARCHIVE SCRIPT
func image(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: image ARCHIVE SCRIPT")
	}
	busybox, err := os.ReadFile("/bin/busybox")
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	err = executortest.WriteArchive(f, executortest.Image{
		Tag: "script:1",
		Config: executor.ImageConfig{
			Entrypoint: []string{"/bin/busybox", "sh", "/script"},
			Env:        map[string]string{"KOG_ENV_CONTEXT": "true"},
		},
		Files: []executortest.ImageFile{
			{Path: "/bin/busybox", Data: busybox, Mode: 0o755},
			{Path: "/script", Data: []byte(ts.ReadFile(args[1])), Mode: 0o644},
		},
	})
	ts.Check(errors.Join(err, f.Close()))
}

// absent checks that no line of a file stands in the last output, in files, or
// in any file of a folder: absent LINES stdout|stderr|FILE|DIR ...
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: absent LINES stdout|stderr|FILE|DIR ...")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	check := func(place, text string) {
		for _, line := range lines {
			if strings.Contains(text, line) {
				ts.Fatalf("%s holds %s", place, line)
			}
		}
	}
	for _, place := range args[1:] {
		if place == "stdout" || place == "stderr" {
			check(place, ts.ReadFile(place))
			continue
		}
		ts.Check(filepath.WalkDir(ts.MkAbs(place), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				var data []byte
				if data, err = os.ReadFile(path); err == nil {
					check(path, string(data))
				}
			}
			return err
		}))
	}
}
