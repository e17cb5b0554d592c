// Package docker runs containers on a Docker engine, or on Podman through its
// Docker-compatible socket.
//
// It speaks the Engine API, version 1.40 or later. Whatever the two engines do
// differently is a value in a flavour, not a branch in the code.
package docker

import (
	"context"
	"io"
	"log/slog"

	"github.com/moby/moby/client"
)

// Names of the executors of this package.
const (
	Name       = "docker"
	PodmanName = "podman"
)

// Options are the settings of an executor. The zero value is usable.
type Options struct {
	// Host is where the engine listens: unix://, tcp://, ssh:// or npipe://.
	// Default: as the engine's own command finds it. For Docker that is
	// DOCKER_HOST, else the context named by DOCKER_CONTEXT or chosen with
	// `docker context use`, else the default socket, else that of a rootless
	// engine. For Podman it is CONTAINER_HOST, else the socket of the system,
	// else that of the user.
	Host string
	// Platform of the images that are pulled ("linux/arm64"). Default:
	// DOCKER_DEFAULT_PLATFORM, else the engine's own.
	Platform string
	// Dir is a folder of this machine for the files of containers whose engine
	// runs here and keeps its own folders to itself, as one of the system does for
	// an ordinary user. Not used with Podman, which makes a file's place instead of
	// saying that it does not see it. Default: none, files are copied through the
	// engine, which costs some 60 ms for each container.
	Dir string
	// Builtin makes the images whose references begin with "builtin:". Without
	// it there are none, and no shared network either.
	Builtin Builtin
	// Logger hears what is worth knowing. Default: nobody.
	Logger *slog.Logger
}

// Builtin makes images that come with the program.
type Builtin interface {
	// Key names what WriteArchive would write; equal keys mean equal images.
	Key(name string) (string, error)
	// WriteArchive writes an image as `docker save` does.
	WriteArchive(ctx context.Context, name string, w io.Writer) error
}

// Executor runs containers on one engine. Make it with New or NewPodman.
type Executor struct {
	api       *client.Client
	flavour   flavour
	host      string // for messages
	local     bool   // the engine sees this machine's files
	nearby    nearby
	platform  string
	builtin   Builtin
	log       *slog.Logger
	feeders   feeders
	taps      taps
	absences  absences
	unsettled unsettled
	shared    shared
	known     known
}

// New makes an executor for a Docker engine. It does not connect yet: Probe
// does.
func New(o Options) (*Executor, error) { return newExecutor(dockerFlavour(), o) }

// NewPodman makes an executor for Podman.
func NewPodman(o Options) (*Executor, error) { return newExecutor(podmanFlavour(), o) }

func newExecutor(f flavour, o Options) (*Executor, error) {
	at, err := f.find(o.Host)
	if err != nil {
		return nil, err
	}
	api, err := client.New(append(at.options, client.WithUserAgent("kog"))...)
	if err != nil {
		return nil, err
	}
	e := &Executor{
		api: api, flavour: f, host: at.host, local: at.local(),
		platform: o.Platform, builtin: o.Builtin, log: o.Logger,
	}
	if f.refusesMissing {
		e.nearby.dir = o.Dir
	}
	if e.platform == "" {
		e.platform = defaultPlatform()
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	return e, nil
}
