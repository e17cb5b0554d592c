package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/internal/logs"
	"gitlab.com/f5-pwe/kog/v3/internal/view"
)

// syslogLogger is the one kind of remote log.
const syslogLogger = "syslog"

const defaultSyslogFormat = "rfc5424"

// hurry is how long the end of the remote log may take when kog is to end at once.
const hurry = 500 * time.Millisecond

// remoteLog is what the flags say about the remote log, and after open the log
// itself. Without --remote-logger it does nothing.
type remoteLog struct {
	logger, address, format string
	files                   logs.TLSFiles

	server logs.SyslogAddress
	syslog *logs.Syslog
}

func (r *remoteLog) addFlags(f *pflag.FlagSet) {
	f.StringVar(&r.logger, "remote-logger", "", "`KIND` of a remote log that gets everything besides the local one: syslog")
	f.StringVar(&r.address, "remote-logger-addr", "", "`ADDRESS` of the syslog server, [udp://|tcp://|tls://]HOST[:PORT] (default "+logs.DefaultSyslogAddress+" by UDP; port 514, for TLS 6514)")
	f.StringVar(&r.format, "remote-logger-format", defaultSyslogFormat, "`FORMAT` of syslog messages: rfc5424 or rfc3164")
	f.StringVar(&r.files.CA, "remote-logger-ca", "", "PEM `FILE` with the authorities to trust for tls:// (default: the system's)")
	f.StringVar(&r.files.Cert, "remote-logger-cert", "", "PEM `FILE` with kog's certificate for tls://")
	f.StringVar(&r.files.Key, "remote-logger-key", "", "PEM `FILE` with the key of that certificate")
}

// open checks the flags and begins to connect.
func (r *remoteLog) open() error {
	switch r.logger {
	case "":
		return r.unused()
	case syslogLogger:
	default:
		return fmt.Errorf("--remote-logger %q: want %s", r.logger, syslogLogger)
	}
	address := r.address
	if address == "" {
		address = logs.DefaultSyslogAddress
	}
	var err error
	if r.server, err = logs.ParseSyslogAddress(address); err != nil {
		return fmt.Errorf("--remote-logger-addr: %w", err)
	}
	config, err := r.tls()
	if err != nil {
		return err
	}
	r.syslog, err = logs.NewSyslog(logs.SyslogOptions{Address: r.server, Format: r.format, TLS: config})
	if err != nil {
		return fmt.Errorf("--remote-logger-format: %w", err)
	}
	return nil
}

// unused refuses flags that have no meaning without --remote-logger.
func (r *remoteLog) unused() error {
	for _, flag := range []struct{ name, value, unset string }{
		{"addr", r.address, ""},
		{"format", r.format, defaultSyslogFormat},
		{"ca", r.files.CA, ""},
		{"cert", r.files.Cert, ""},
		{"key", r.files.Key, ""},
	} {
		if flag.value != flag.unset {
			return fmt.Errorf("--remote-logger-%s has a meaning only with --remote-logger %s", flag.name, syslogLogger)
		}
	}
	return nil
}

func (r *remoteLog) tls() (*tls.Config, error) {
	if r.server.Network != "tls" {
		if r.files != (logs.TLSFiles{}) {
			return nil, fmt.Errorf("--remote-logger-ca, --remote-logger-cert and --remote-logger-key are for a --remote-logger-addr with tls://, not for %s", r.server)
		}
		return nil, nil
	}
	config, err := r.files.Config()
	if err != nil {
		return nil, fmt.Errorf("--remote-logger-ca, --remote-logger-cert, --remote-logger-key: %w", err)
	}
	return config, nil
}

// join gives a logger that reaches the remote log too.
func (r *remoteLog) join(local *slog.Logger) *slog.Logger {
	if r.syslog == nil {
		return local
	}
	return slog.New(slog.NewMultiHandler(local.Handler(), r.syslog.Handler()))
}

// beside lets the remote log see what the local view sees. A plain view's own
// logger reaches it already.
func (r *remoteLog) beside(local view.View) view.View {
	if _, plain := local.(*view.Plain); plain || r.syslog == nil {
		return local
	}
	return view.Both(local, view.NewPlain(slog.New(r.syslog.Handler())))
}

// tell makes containers know the remote log.
func (r *remoteLog) tell(runner *kog.Runner) {
	if r.syslog != nil {
		runner.RemoteLogger, runner.RemoteLoggerAddr = r.logger, r.server.String()
	}
}

// close sends the rest, with the error that the command ends with, and says on
// the local log what is missing. A signal ends the waiting.
func (r *remoteLog) close(local *slog.Logger, signals <-chan os.Signal, runErr error) {
	if r.syslog == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if errors.Is(runErr, errSecondSignal) {
		defer time.AfterFunc(hurry, cancel).Stop()
	}
	var exit exitError
	if runErr != nil && !errors.As(runErr, &exit) {
		slog.New(r.syslog.Handler()).Error("kog ended with an error", "error", runErr)
	}
	closed := make(chan logs.Loss, 1)
	go func() { closed <- r.syslog.Close(ctx) }()
	var loss logs.Loss
	select {
	case loss = <-closed:
	case <-signals:
		cancel()
		loss = <-closed
	}
	if loss.Lost > 0 || loss.Unconfirmed > 0 {
		local.Warn("the remote log is not complete", "server", r.server.String(), "lost", loss.Lost, "unconfirmed", loss.Unconfirmed, "error", reason(loss.Err))
	}
}

func reason(err error) string {
	if err == nil {
		return "the server is too slow"
	}
	return err.Error()
}
