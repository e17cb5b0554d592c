// Package executor is the border between kog and whatever runs containers.
//
// It holds interfaces, plain values and errors only. Every implementation
// passes the contract suite in executortest.
package executor

import (
	"context"
	"io"
	"time"
)

// Executor runs containers.
//
// All methods may be called concurrently. Cancelling a ctx ends the call and
// never touches a container: only Stop, Remove and Sweep do. Errors are
// matched with errors.Is against the sentinels of this package.
type Executor interface {
	// Probe says whether the engine can be used, and what it can do. It
	// changes nothing. An engine that does not answer is ErrUnreachable.
	Probe(ctx context.Context) (Info, error)

	// Resolve makes an image available under the request's pull policy and
	// says exactly which one it is. In a run an image is asked for as the job has
	// it once, and then by its pinned reference, unless that finds nothing any
	// more. It may take minutes; progress goes to
	// the request's Progress function.
	//
	// Errors: ErrImageNotFound, ErrUnauthorized, ErrUnreachable, ErrDiskFull,
	// ErrUnsupported, or any other for an image that cannot be used. After an
	// error no half image is left that a later call would use.
	Resolve(ctx context.Context, req ImageRequest) (Image, error)

	// Start starts one container under the ID that the caller chose. It
	// returns once the container's process has been started (it may have ended
	// already).
	//
	// Starting an ID that exists gives the existing container, running or
	// ended, also from another process and after a crash of the first one: the
	// command of one ID is never executed twice. Other fields of the spec are
	// not compared.
	//
	// After an error the container's command has not run and nothing is left
	// behind, with one exception: when ctx ended or the engine was lost during
	// the call the container may exist, and Start of the same ID or Sweep finds
	// it.
	//
	// Errors: those of Spec.Check, ErrImageNotFound, ErrUnsupported for a
	// setting that this executor cannot honour, ErrNotFound for an ID whose
	// container was lost, or any other.
	Start(ctx context.Context, spec Spec) (Process, error)

	// Attach finds a container that was started before, also by another
	// process. ErrNotFound when it is gone.
	Attach(ctx context.Context, h Handle) (Process, error)

	// Sweep stops and removes every container that carries all the given
	// labels, and says how many those were. At least one label is needed.
	Sweep(ctx context.Context, labels map[string]string) (int, error)
}

// Rehearser is an Executor that can say beforehand whether its engine would take
// a container. Callers ask for it with a type assertion.
type Rehearser interface {
	// Rehearse looks at everything in a spec, also with the engine's own eyes,
	// and starts and keeps nothing. Each mistake that stands in a setting of the
	// action is a *SettingError, several of them are joined.
	Rehearse(ctx context.Context, spec Spec) error
}

// Process is one container. Its methods may be called concurrently and more
// than once.
type Process interface {
	// Handle is what Attach needs to find this container again. It is durable
	// and holds no secrets: it goes into the journal.
	Handle() Handle

	// Follow copies the container's output from its beginning until its end,
	// complete and in order within each stream. It returns nil only when all
	// output of an ended container was written. A write error of stdout or
	// stderr ends it and is returned. ErrNotFound when the container is gone
	// before its end was seen, ErrOutputLost when the engine does not have all of
	// the output any more and the rest was written.
	//
	// Each writer gets one Write at a time, but the two may be called
	// concurrently.
	Follow(ctx context.Context, stdout, stderr io.Writer) error

	// Wait returns how the container ended, also when it ended long ago. A
	// non-zero code is not an error. A container that vanished, or whose end
	// nobody recorded, is ErrNotFound: gone is never success.
	Wait(ctx context.Context) (Exit, error)

	// Stop asks the container to end (SIGTERM), kills it after grace, and
	// returns when it has ended. Stopping an ended or vanished container is
	// not an error. A grace of zero or less kills at once.
	Stop(ctx context.Context, grace time.Duration) error

	// Remove kills the container if it still runs and deletes everything that
	// belongs to it, output included. Removing twice is not an error.
	Remove(ctx context.Context) error
}

// Handle finds a container again.
type Handle struct {
	// Executor is the name of the executor that made it ("native", "docker").
	Executor string `json:"executor"`
	// ID is the Spec.ID it was started under.
	ID string `json:"id"`
	// Ref is the engine's own name for it, when it has one.
	Ref string `json:"ref,omitempty"`
}

// Exit is how a container ended.
type Exit struct {
	// Code is the exit code of the container's first process; 128 plus the
	// signal's number when a signal ended it.
	Code int `json:"code"`
	// Signal is the name of the signal that ended it ("SIGKILL"), empty for an
	// ordinary exit or when the engine cannot tell.
	Signal string `json:"signal,omitempty"`
	// OOMKilled: the kernel killed a process of the container because it
	// passed its memory limit, and the container ended abnormally.
	OOMKilled bool `json:"oom_killed,omitempty"`
	// Reason is the engine's own word for an end that the container did not
	// choose, such as "Evicted".
	Reason string `json:"reason,omitempty"`
	// StartedAt and FinishedAt are zero when the engine does not know them. Of an
	// engine that knows whole seconds they are the first and the last moment of
	// such a one.
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// Info is what Probe found.
type Info struct {
	// Name is the executor's name, Version the engine's.
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// Features says for each optional ability whether it is there; see the
	// Feature constants. An ability that is missing from it is absent.
	Features map[Feature]Ability `json:"features,omitempty"`
}

// Feature names an optional ability of an executor.
type Feature string

// The optional abilities.
const (
	FeatureMemoryLimit Feature = "memory limit"
	FeatureCPULimit    Feature = "cpu limit"
	FeatureUsers       Feature = "other users"
	FeatureNetworkNone Feature = "network none"
	FeatureNetworkHost Feature = "network host"
	FeatureVolumes     Feature = "bind volumes"
	FeatureOverlay     Feature = "overlay file system"
	FeatureSeccomp     Feature = "seccomp"
	FeatureStdin       Feature = "stdin"
	FeatureSplitOutput Feature = "separate stderr"

	FeatureNetworkRun   Feature = "network run"
	FeatureNetworkNamed Feature = "named networks"
	FeatureNamedVolumes Feature = "named volumes"
	FeatureGPUs         Feature = "gpus"
	FeaturePrivileged   Feature = "privileged"
	FeatureDevices      Feature = "devices"
	FeatureCapabilities Feature = "capabilities"
	FeatureReadOnly     Feature = "read-only root"
	FeatureTmpfs        Feature = "tmpfs"
	FeatureShmSize      Feature = "shared memory size"
	FeatureExtraHosts   Feature = "extra hosts"
	FeatureDNS          Feature = "dns servers"
	FeatureInit         Feature = "init process"

	FeatureClusterVolumes Feature = "secrets and config maps as volumes"
	FeatureWorkspace      Feature = "workspace"
	// FeatureNamedUsers: Spec.User may be any name, not only a number or root.
	FeatureNamedUsers Feature = "user names"
	// FeatureImageLookup: Resolve looks at the image itself. Without it a missing
	// image is found by Start.
	FeatureImageLookup Feature = "image lookup"
	// FeatureEmptyLists: an empty Spec.Entrypoint or Spec.Args that is not nil
	// drops what the image says.
	FeatureEmptyLists Feature = "empty command"
)

// Ability says whether a feature can be used here.
type Ability struct {
	OK bool `json:"ok"`
	// Why says what is missing and how to get it, or adds a detail.
	Why string `json:"why,omitempty"`
}

// Has reports whether the feature can be used.
func (i Info) Has(f Feature) bool { return i.Features[f].OK }
