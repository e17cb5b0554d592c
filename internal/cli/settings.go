package cli

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// setting is what kog knows of a flag besides its type. The name is that of
// the flag, of its variable and of its key in config files. Where a flag means
// something else in one command, the command's name stands in front of it:
// "doctor-output".
type setting struct {
	name string
	// heading is where help lists the flag.
	heading string
	// choices are the only values there are. None: any value.
	choices []string
	path    pathKind
	// shown is what may be shown of a value. Nil: all but credentials in URLs.
	shown func(value string) string
}

// pathKind says whether a value is a path, relative to the folder of the config
// file that it stands in, and how a shell completes it.
type pathKind uint8

const (
	noPath pathKind = iota
	documentPath
	filePath
	folderPath
	volumePath
)

// Headings of help.
const (
	headJob         = "What to run"
	headEnvironment = "Environment"
	headContainers  = "Containers"
	headLimits      = "Time and limits"
	headOutput      = "Output"
	headNotify      = "Notifications"
	headState       = "State"
	headOther       = "General"
)

// headings are in the order of help.
var headings = []string{headJob, headEnvironment, headContainers, headLimits, headOutput, headNotify, headState, headOther}

// settings has a row for every flag but --help. A flag without one has neither
// a key in config files nor completion.
var settings = []setting{
	{name: "file", heading: headJob, path: documentPath},
	{name: "workflow", heading: headJob},
	{name: "step", heading: headJob},
	{name: "context", heading: headJob, path: documentPath},
	{name: "strict", heading: headJob},

	{name: "env", heading: headEnvironment, shown: nameOnly},
	{name: "env-file", heading: headEnvironment, path: filePath},
	{name: "import-current-env", heading: headEnvironment},
	{name: "ignore-env", heading: headEnvironment},
	{name: "mask", heading: headEnvironment},

	{name: "executor", heading: headContainers, choices: strings.Split(executorNames(), ", ")},
	{name: "pull", heading: headContainers, choices: []string{"always", "missing", "never"}},
	{name: "volume", heading: headContainers, path: volumePath},
	{name: "network", heading: headContainers},
	{name: "workspace", heading: headContainers},

	{name: "max-steps", heading: headLimits},
	{name: "start-timeout", heading: headLimits},
	{name: "grace", heading: headLimits},

	{name: "output", heading: headOutput, choices: outputs},
	{name: "log-formatter", heading: headOutput, choices: []string{"logfmt", "json"}},
	{name: "use-job-rc", heading: headOutput},
	{name: "report", heading: headOutput},
	{name: "notifier", heading: headNotify, shown: hostOnly},
	{name: "notify-on", heading: headNotify},
	{name: "notify-format", heading: headNotify, choices: []string{"job", "cloudevents"}},
	{name: "notify-header", heading: headNotify, shown: headerOnly},
	{name: "notify-token-file", heading: headNotify, path: filePath},
	{name: "notify-ca", heading: headNotify, path: filePath},
	{name: "notify-timeout", heading: headNotify},
	{name: "remote-logger", heading: headOutput, choices: []string{syslogLogger}},
	{name: "remote-logger-addr", heading: headOutput},
	{name: "remote-logger-format", heading: headOutput, choices: []string{"rfc5424", "rfc3164"}},
	{name: "remote-logger-ca", heading: headOutput, path: filePath},
	{name: "remote-logger-cert", heading: headOutput, path: filePath},
	{name: "remote-logger-key", heading: headOutput, path: filePath},

	{name: "state-dir", heading: headState, path: folderPath},
	{name: "run-id", heading: headState},

	{name: "doctor-output", choices: []string{"plain", "json"}},
	{name: "config-output", choices: []string{"plain", "json"}},
}

// settingOf finds the row of a command's flag. Without one the setting has a
// name only, and ok is false.
func settingOf(cmd *cobra.Command, flag string) (row setting, ok bool) {
	path := strings.Fields(cmd.CommandPath())[1:]
	own := strings.Join(append(path, flag), "-")
	for _, name := range []string{own, flag} {
		if i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name }); i >= 0 {
			return settings[i], true
		}
	}
	return setting{name: flag}, false
}

// settingNamed finds a row by its name.
func settingNamed(name string) setting {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{name: name}
	}
	return settings[i]
}

// variable is the name of the environment variable. KOG_CONTEXT is what
// containers get, so that --context has another one.
func (s setting) variable() string {
	if s.name == "context" {
		return "KOG_CONTEXT_SOURCE"
	}
	return "KOG_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// check refuses a value that is none of the choices.
func (s setting) check(value string) error {
	if s.choices == nil || slices.Contains(s.choices, value) {
		return nil
	}
	want := s.choices[len(s.choices)-1]
	if others := s.choices[:len(s.choices)-1]; len(others) > 0 {
		want = strings.Join(others, ", ") + " or " + want
	}
	return fmt.Errorf("want %s, not %q", want, value)
}

// from makes a relative path of a config file in a folder one that holds
// everywhere. URLs and standard input stay as they are.
func (s setting) from(dir, value string) string {
	switch {
	case s.path == noPath || value == "" || value == "-" || strings.Contains(value, "://"):
		return value
	case s.path == volumePath:
		return volumeFrom(dir, value)
	case filepath.IsAbs(value):
		return value
	}
	return filepath.Join(dir, value)
}

// hidden stands for what is not shown.
const hidden = "***"

// show is a value without its secrets.
func (s setting) show(value string) string {
	if s.shown != nil {
		return s.shown(value)
	}
	u, err := url.Parse(value)
	if !strings.Contains(value, "://") || (err == nil && u.User == nil && u.RawQuery == "") {
		return value
	}
	if err != nil {
		return hidden
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// hostOnly shows where a URL leads: its path may be a password too.
func hostOnly(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		if strings.Contains(value, ":") {
			return hidden
		}
		return value
	}
	return u.Scheme + "://" + u.Host + "/" + hidden
}

// headerOnly shows the name of a header.
func headerOnly(value string) string {
	if name, _, ok := strings.Cut(value, ":"); ok {
		return name + ": " + hidden
	}
	return hidden
}

// nameOnly shows the NAME of NAME=VALUE.
func nameOnly(value string) string {
	if name, _, ok := strings.Cut(value, "="); ok {
		return name + "=" + hidden
	}
	return value
}
