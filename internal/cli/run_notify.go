package cli

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/notify"
)

// notifySecret is the environment variable with the secret that signs
// notifications.
const notifySecret = "KOG_NOTIFY_SECRET" //nolint:gosec // its name

// notifyVariables may hold credentials of notifiers, which are no business of
// the steps.
var notifyVariables = []string{notifySecret, "KOG_NOTIFIER", "KOG_NOTIFY_HEADER"}

// notifyOptions are the flags about notifiers.
type notifyOptions struct {
	notifiers         []string
	on, format        string
	headers           []string
	tokenFile, caFile string
	timeout           time.Duration
}

func (o *notifyOptions) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.notifiers, "notifier", nil, "`RECEIVER` of notifications: console for standard error, or an http(s) URL, signed if KOG_NOTIFY_SECRET is set (repeatable)")
	f.StringVar(&o.on, "notify-on", string(notify.StepStart), "`OCCASIONS` to notify of: step-start, step-end, job-end, with commas between them")
	f.StringVar(&o.format, "notify-format", string(notify.FormatJob), "`FORMAT` of notifications: job or cloudevents")
	f.StringArrayVar(&o.headers, "notify-header", nil, "header for every notification over HTTP, `NAME:VALUE` (repeatable)")
	f.StringVar(&o.tokenFile, "notify-token-file", "", "`FILE` with a bearer token for notifications over HTTP")
	f.StringVar(&o.caFile, "notify-ca", "", "`FILE` with certificates in PEM that receivers may have, besides the system's")
	f.DurationVar(&o.timeout, "notify-timeout", notify.DefaultTimeout, "`TIME` to wait at the end of the run for what is not delivered")
}

// build puts together who is told, nil for nobody. Values of flags may hold
// credentials: no error quotes them.
func (o *notifyOptions) build(s *IO, log *slog.Logger) (kog.Notifiers, error) {
	opts := notify.Options{Timeout: o.timeout, Logger: log}
	var err error
	if opts.On, err = notify.ParseKinds(o.on); err != nil {
		return nil, fmt.Errorf("--notify-on: %w", err)
	}
	if opts.Format, err = notify.ParseFormat(o.format); err != nil {
		return nil, fmt.Errorf("--notify-format: %w", err)
	}
	switch {
	case o.timeout < 0:
		return nil, fmt.Errorf("--notify-timeout %s: want 0 or more", o.timeout)
	case o.timeout == 0:
		opts.Timeout = -1
	}
	web := notify.HTTPOptions{TokenFile: o.tokenFile, CAFile: o.caFile}
	if web.Header, err = notify.ParseHeader(o.headers); err != nil {
		return nil, fmt.Errorf("--notify-header: %w", err)
	}
	secret, _ := s.Lookup(notifySecret)
	if web.Secret, err = notify.ParseSecret(secret); err != nil {
		return nil, fmt.Errorf("environment variable %s: %w", notifySecret, err)
	}
	receivers := make([]notify.Notifier, len(o.notifiers))
	for i, text := range o.notifiers {
		if text == "console" {
			receivers[i] = notify.NewConsole(s.Err)
			continue
		}
		if receivers[i], err = notify.NewHTTP(text, web); err != nil {
			return nil, fmt.Errorf("--notifier %d of %d, neither console nor usable as a URL: %w", i+1, len(o.notifiers), err)
		}
	}
	if len(receivers) == 0 {
		return nil, nil
	}
	return notify.New(opts, receivers...), nil
}
