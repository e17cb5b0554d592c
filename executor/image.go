package executor

import "fmt"

// PullPolicy says when an image is asked for at its registry.
type PullPolicy string

// The pull policies. PullAuto, the zero value, is missing for digests and for
// images that exist only locally, and always otherwise; with it, a failed pull
// of an image that is present locally is a warning.
const (
	PullAuto    PullPolicy = ""
	PullAlways  PullPolicy = "always"
	PullMissing PullPolicy = "missing"
	PullNever   PullPolicy = "never"
)

// ParsePullPolicy accepts always, missing, never and the empty string.
func ParsePullPolicy(s string) (PullPolicy, error) {
	switch p := PullPolicy(s); p {
	case PullAuto, PullAlways, PullMissing, PullNever:
		return p, nil
	}
	return "", fmt.Errorf("unknown pull policy %q: want always, missing or never", s)
}

// ImageRequest asks for an image.
type ImageRequest struct {
	// Ref is the reference as the job has it, or Image.Pinned of an earlier answer.
	Ref      string
	Pull     PullPolicy
	Progress func(Progress) `json:"-"`
}

// Image is an image that is ready to be started.
type Image struct {
	// Ref is the reference that was asked for.
	Ref string `json:"ref"`
	// Pinned names exactly this image for ImageRequest.Ref and Spec.Image, even
	// if a tag moves meanwhile.
	Pinned string `json:"pinned"`
	// Config is what the image says about itself; nil when the executor cannot
	// read it (Kubernetes).
	Config *ImageConfig `json:"config,omitempty"`
}

// ImageConfig is the part of an OCI image configuration that kog reads.
type ImageConfig struct {
	Env        map[string]string `json:"env,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	User       string            `json:"user,omitempty"`
	WorkingDir string            `json:"working_dir,omitempty"`
}

// Progress is one thing worth telling while the caller waits. It is for eyes
// only and never changes an outcome.
type Progress struct {
	// Message is one line without a final dot: "pulling quay.io/x/y:1".
	Message string `json:"message"`
	// Warning marks something that went wrong and was got over.
	Warning bool `json:"warning,omitempty"`
	// Done and Total count bytes; Total is 0 when unknown.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
}
